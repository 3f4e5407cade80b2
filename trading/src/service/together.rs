//! Placing the orders of many callers in one transaction.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use platform_audit::AuditError;
use platform_core::Timestamp;
use platform_core::pg::{DbError, TenantTx};
use tokio::sync::oneshot;

use super::claims::{Claims, Unclaimed};
use super::draft::{Draft, ROUTE, spend, takes_nothing_yet};
use super::meeting::Wanted;
use super::place::{KnownOnDrop, Request};
use super::waiting::{Driver, Waiting};
use super::{AccountStatus, PlaceError, Placed, Trading, TradingError, trail};
use crate::Symbol;
use crate::store::{self, AccountRow, Changes, Placement};

/// How long the next orders are waited for after many were placed together.
const GATHERING: Duration = Duration::from_millis(1);
/// So many orders in one commit say that more are coming.
const MANY: usize = 4;

/// What becomes of an order that waited with others.
pub(super) enum Answer {
    /// It was placed, or cannot be.
    Placed(Box<Result<Placed, PlaceError>>),
    /// Nothing was done: it has to be placed in a transaction of its own.
    Alone(Box<Request>),
}

/// An order among those that are placed together, with what was decided of it so far.
struct Seat {
    waiting: Waiting,
    verdict: Verdict,
}

enum Verdict {
    /// It is left to its caller.
    Alone,
    /// Nothing of it has to be written.
    Answered(Box<Result<Placed, PlaceError>>),
    /// It is written, and will have been placed when the transaction is committed.
    Drafted(Box<Draft>),
}

/// Why orders were not placed together.
enum Failure {
    /// Nothing was committed.
    Before(TradingError),
    /// The commit failed, or its outcome is unknown.
    Commit(DbError),
}

impl<E: Into<TradingError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Before(error.into())
    }
}

impl Trading {
    /// Has an order wait for its turn and places it together with those that wait too. One that comes while nothing is being committed
    /// does not wait.
    pub(super) async fn place_with_others(&self, request: Request) -> Result<Answer, TradingError> {
        let (answer, answered) = oneshot::channel();
        if !self.inner.placements.push(Waiting { request, answer }) {
            return Err(TradingError::Busy);
        }
        self.drive();
        // Whoever places it has gone in the middle of it, as when the runtime ends: nobody knows how far it came.
        let gone = |_| TradingError::Db(DbError::Unavailable(sqlx::Error::WorkerCrashed));
        answered.await.map_err(gone)
    }

    /// Has a task place what waits, if enough others do not do so already. It ends when nothing waits any more. What it does goes on when
    /// the callers go away.
    fn drive(&self) {
        if !self.inner.placements.wants_driver() {
            return;
        }
        let trading = self.clone();
        self.inner.tasks.spawn(async move {
            let Some(driver) = trading.inner.placements.driver() else {
                return;
            };
            let placing = AssertUnwindSafe(trading.place_waiting(driver)).catch_unwind();
            if placing.await.is_err() {
                // Those that it had taken are told; the others must not wait for somebody to come after them.
                tracing::error!("placing orders panicked");
                trading.drive();
            }
        });
    }

    async fn place_waiting(&self, mut driver: Driver<'_>) {
        let limit = self.inner.config.orders_per_commit.max(1);
        let mut placed = 0;
        loop {
            // Clients that were answered a moment ago are about to send their next orders. Whoever takes the first of them alone has the
            // others wait for one more commit.
            if placed >= MANY {
                driver.gather(placed, GATHERING).await;
            }
            let Some(mut turn) = driver.next(limit) else {
                return;
            };
            // Where more waits than goes together, another goes on with it.
            self.drive();
            let orders = std::mem::take(&mut turn.orders);
            placed = orders.len();
            self.place_together(orders).await;
        }
    }

    async fn place_together(&self, orders: Vec<Waiting>) {
        let now = self.now();
        let mut seats: Vec<Seat> = orders
            .into_iter()
            .map(|waiting| Seat {
                verdict: first_verdict(&waiting.request, now),
                waiting,
            })
            .collect();
        // A tenant's orders stay in the order in which they came.
        seats.sort_by_key(|seat| seat.waiting.request.ctx.tenant());
        let failure = self.commit_together(&mut seats).await.err();
        if let Some(failure) = &failure {
            tracing::debug!(orders = seats.len(), "orders were not placed together");
            failure.spoil(&mut seats);
        }
        for Seat { waiting, verdict } in seats {
            let answer = match verdict {
                Verdict::Alone => Answer::Alone(Box::new(waiting.request)),
                Verdict::Answered(answer) => Answer::Placed(answer),
                Verdict::Drafted(draft) => Answer::Placed(Box::new(Ok(Placed::New(draft.outcome)))),
            };
            // A caller that has gone asks again under the same key, or does not want to know.
            let _ = waiting.answer.send(answer);
        }
    }

    async fn commit_together(&self, seats: &mut [Seat]) -> Result<(), Failure> {
        let wants = |seat: &&Seat| matches!(seat.verdict, Verdict::Alone);
        let Some(first) = seats.iter().find(wants) else {
            return Ok(());
        };
        let first = first.waiting.request.ctx.clone();
        let proof = self.inner.standing.proof()?;
        self.prepare_claims(&first).await?;
        let mut group = self.inner.db.begin_group(&first).await?;
        let takes = self.would_be_taken(seats);
        let mut claims = self.claim(group.of(&first).await?, takes).await?;
        // After the wait for a connection, and for others who take of the same sizes: what was quoted before it may be too old by now.
        let now = self.now();
        let same_tenant =
            |one: &Seat, other: &Seat| one.waiting.request.ctx.tenant() == other.waiting.request.ctx.tenant();
        for seats in seats.chunk_by_mut(same_tenant) {
            let Some(first) = seats.first() else { continue };
            let tx = group.of(&first.waiting.request.ctx).await?;
            self.draft_for_tenant(tx, seats, (now, &mut claims)).await?;
        }
        let has_drafts = seats
            .iter()
            .any(|seat| matches!(seat.verdict, Verdict::Drafted(_)));
        if !has_drafts {
            return Ok(group.rollback().await?);
        }
        // The tenant whose orders were the last, so that nothing has to be said for it.
        let last = seats.last().map_or(&first, |seat| &seat.waiting.request.ctx);
        let tx = group.of(last).await?;
        claims.write(tx).await?;
        proof.show(tx).await?;
        let mut rows = Vec::new();
        for seat in &mut *seats {
            if let Verdict::Drafted(draft) = &mut seat.verdict {
                // From here on the shares count as traded, whatever becomes of the commit: its outcome may be unknown.
                spend(draft.reservation.take(), &draft.events);
                rows.push((seat.waiting.request.ctx.tenant(), draft.row.clone()));
            }
        }
        let known = KnownOnDrop { trading: self, rows };
        self.inner.metrics.order_commits.inc();
        let committed = group.commit().await;
        drop(known);
        committed.map_err(Failure::Commit)
    }

    /// The symbols of which these orders would take something now, as far as that has to be claimed.
    fn would_be_taken(&self, seats: &[Seat]) -> BTreeSet<Symbol> {
        let now = self.now();
        let terms = seats.iter().map(|seat| &seat.waiting.request.intent.terms);
        let terms = terms.filter(|terms| !takes_nothing_yet(terms));
        terms
            .filter_map(|terms| self.would_take(&Wanted::by_new(terms), now))
            .collect()
    }

    /// Decides and writes the orders of one tenant: five statements, however many they are.
    async fn draft_for_tenant(
        &self,
        tx: &mut TenantTx,
        seats: &mut [Seat],
        (now, claims): (Timestamp, &mut Claims),
    ) -> Result<(), TradingError> {
        let owners: HashSet<_> = seats.iter().map(|seat| seat.waiting.request.owner).collect();
        let owners: Vec<_> = owners.into_iter().collect();
        let mut accounts = store::lock_free_accounts_of(tx, &owners).await?;
        let mut names = Vec::with_capacity(seats.len());
        let mut ready = Vec::with_capacity(seats.len());
        for seat in seats {
            let Seat { waiting, verdict } = seat;
            let request = &waiting.request;
            // An account that somebody else has locked, or that has to be opened, is nothing to wait for with all the others.
            if let Some(account) = accounts.get(&request.owner)
                && matches!(verdict, Verdict::Alone)
            {
                names.push(request.intent.names(account));
                ready.push((request, verdict));
            }
        }
        let loaded = store::load_placements(tx, ROUTE, &names).await?;
        drop(names);

        let mut drafting = Drafting::at(now, claims);
        for ((request, verdict), loaded) in ready.iter_mut().zip(&loaded) {
            if let Some(account) = accounts.get_mut(&request.owner) {
                **verdict = drafting.verdict(self, account, request, loaded)?;
            }
        }
        if drafting.changes.is_empty() {
            return Ok(());
        }
        let events = ready.iter().filter_map(|(request, verdict)| match verdict {
            Verdict::Drafted(draft) => Some((&request.ctx, trail::placed(&draft.done(), &draft.outcome))),
            Verdict::Alone | Verdict::Answered(_) => None,
        });
        let events: Vec<_> = events.collect();
        self.inner.audit.record_each(tx, events).await?;
        drafting.changes.write(tx).await?;
        Ok(())
    }
}

/// One tenant's orders as they are decided, each on the accounts as those before it leave them.
struct Drafting<'a> {
    now: Timestamp,
    claims: &'a mut Claims,
    changes: Changes,
    positions: HashMap<(crate::AccountId, Symbol), crate::Position>,
    /// Keys and clients' names for orders that were used in this transaction.
    used: HashSet<(crate::AccountId, &'static str, &'a str)>,
}

impl<'a> Drafting<'a> {
    fn at(now: Timestamp, claims: &'a mut Claims) -> Self {
        Self {
            now,
            claims,
            changes: Changes::at(now),
            positions: HashMap::new(),
            used: HashSet::new(),
        }
    }

    fn verdict(
        &mut self,
        trading: &Trading,
        account: &mut AccountRow,
        request: &'a Request,
        loaded: &Placement,
    ) -> Result<Verdict, TradingError> {
        let intent = &request.intent;
        let answered = |answer| Ok(Verdict::Answered(Box::new(answer)));
        if let Some(remembered) = &loaded.remembered {
            return answered(intent.replay(remembered));
        }
        // The order that has the name, or the one before that has the same key, is answered with by whoever looks again.
        if loaded.name_is_taken || !self.first_use(account.id, request) {
            return Ok(Verdict::Alone);
        }
        if account.status != AccountStatus::Active {
            return answered(Err(PlaceError::AccountInactive));
        }
        let place = (account.id, intent.terms.symbol());
        let position = self.positions.get(&place).copied().unwrap_or(loaded.position);
        let met = match trading.market_for(&intent.terms, self.now, self.claims) {
            Ok(Some(met)) => met,
            Ok(None) => return answered(Err(PlaceError::UnknownSymbol)),
            // Its symbol was not locked with the others, and cannot be any more.
            Err(Unclaimed) => return Ok(Verdict::Alone),
        };
        let draft = match trading.draft((account, position), intent, met, self.now) {
            Ok(draft) => draft,
            Err(error) => return answered(Err(error)),
        };
        if let Some(reservation) = &draft.reservation {
            self.claims.take(reservation, &draft.events);
        }
        self.changes.add(account, draft.change(intent)?)?;
        self.positions.insert(place, draft.position());
        Ok(Verdict::Drafted(Box::new(draft)))
    }

    fn first_use(&mut self, account: crate::AccountId, request: &'a Request) -> bool {
        let names = [
            ("key", request.intent.key.as_deref()),
            ("client_order_id", request.intent.client_order_id.as_deref()),
        ];
        let names = names
            .iter()
            .filter_map(|(kind, name)| name.map(|name| (account, *kind, name)));
        let names: Vec<_> = names.collect();
        let new = names.iter().all(|name| !self.used.contains(name));
        self.used.extend(names);
        new
    }
}

/// Of an order whose caller has no time left nothing is done.
fn first_verdict(request: &Request, now: Timestamp) -> Verdict {
    let deadline = request.ctx.meta().deadline;
    if deadline.is_some_and(|deadline| deadline <= now) {
        let late = TradingError::Db(DbError::Timeout(sqlx::Error::PoolTimedOut));
        return Verdict::Answered(Box::new(Err(late.into())));
    }
    Verdict::Alone
}

impl Failure {
    /// Takes back what had been decided.
    fn spoil(&self, seats: &mut [Seat]) {
        for seat in seats {
            let told = match (self, &seat.verdict) {
                (_, Verdict::Answered(_)) => continue,
                // Nothing else would succeed now either.
                (Self::Before(error), _) if is_away(error) => again(error),
                // One of them may be what keeps all of them from being placed, so each is tried by itself.
                (Self::Before(_), _) => {
                    seat.verdict = Verdict::Alone;
                    continue;
                }
                (Self::Commit(error), Verdict::Drafted(_)) => TradingError::Db(unsure(error)),
                (Self::Commit(_), Verdict::Alone) => continue,
            };
            seat.verdict = Verdict::Answered(Box::new(Err(told.into())));
        }
    }
}

fn is_away(error: &TradingError) -> bool {
    matches!(
        error,
        TradingError::NotLeading
            | TradingError::Db(DbError::Unavailable(_) | DbError::Timeout(_))
            | TradingError::Audit(AuditError::Db(DbError::Unavailable(_) | DbError::Timeout(_)))
    )
}

/// The error once more: the original cannot be given to several callers.
fn again(error: &TradingError) -> TradingError {
    match error {
        TradingError::NotLeading => TradingError::NotLeading,
        TradingError::Db(error) | TradingError::Audit(AuditError::Db(error)) => {
            TradingError::Db(unsure(error))
        }
        _ => TradingError::Db(DbError::Aborted),
    }
}

fn unsure(error: &DbError) -> DbError {
    match error {
        DbError::Unavailable(cause) => {
            DbError::Unavailable(sqlx::Error::Io(std::io::Error::other(cause.to_string())))
        }
        DbError::Timeout(_) => DbError::Timeout(sqlx::Error::PoolTimedOut),
        // The database has answered: everything was rolled back.
        _ => DbError::Aborted,
    }
}
