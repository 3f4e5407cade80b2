//! What the market does to orders that rest: they fill, or their time ends.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use platform_core::lease::{Lease, fence_in};
use platform_core::pg::{GroupTx, TenantTx};
use platform_core::{RequestContext, TenantId, Timestamp};

use super::attempt::Attempt;
use super::cancel::changed;
use super::claims::Claims;
use super::draft::{settle, spend, view};
use super::trail::Done;
use super::{AccountId, Trading, TradingError};
use crate::matching::OpenOrder;
use crate::store::{self, AccountRow, Change, Changes, OrderRow};
use crate::{
    AccountState, Command, Event, Invalid, OrderId, Position, PublishedQuote, Reject, Reservation, Symbol,
    TakeRequest, decide,
};

/// What became of an order that the matcher tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tried {
    /// It still rests.
    Rests,
    /// It is final, or not there.
    Done,
    /// Nothing was done: it has to be tried in a transaction of its own.
    Alone,
}

/// An order as it has been written, before that is committed.
struct Written {
    tenant: TenantId,
    row: OrderRow,
    events: Vec<Event>,
    reservation: Option<Reservation>,
}

/// The rows of a tenant's orders under the locks of their accounts.
struct Locked {
    accounts: HashMap<AccountId, AccountRow>,
    orders: HashMap<OrderId, OrderRow>,
    positions: HashMap<(AccountId, Symbol), Position>,
}

impl Trading {
    /// What the current quote does to an order that works; `None` when nothing. Shares that it may take are set aside until the attempt is
    /// dropped, so who is asked about first comes first.
    pub(crate) fn to_fill(&self, open: &OpenOrder) -> Option<Attempt> {
        let request = TakeRequest {
            symbol: open.symbol,
            side: open.side,
            wanted: open.leaves,
            limit: open.worst_price,
            all_or_none: false,
            newer_than: Some(open.last_quote_seq),
            now: self.now(),
        };
        let reservation = self.inner.board.take(&request).ok()?;
        let quoted_at = reservation.quote().at;
        // A quote from before the close of its session still fills an order, and no later one does.
        if open.expires_at.is_some_and(|end| end <= quoted_at) {
            return Some(Attempt::to_end(open, quoted_at));
        }
        if reservation.granted().is_zero() || self.is_closed(quoted_at) {
            return None;
        }
        let fill = Command::Fill {
            quote: view(reservation.quote()),
            offered: reservation.granted(),
        };
        Some(Attempt {
            quote: Some(Arc::clone(reservation.quote())),
            reservation: Some(reservation),
            ..Attempt::of(open, fill, quoted_at)
        })
    }

    /// The opening of an order whose session has begun, or its refusal when its symbol is no longer traded.
    pub(crate) fn to_open(&self, open: &OpenOrder) -> Attempt {
        let command = match self.inner.board.instrument(open.symbol) {
            Some(_) => Command::Activate,
            None => Command::Reject {
                reject: Reject::SymbolNotTraded,
            },
        };
        Attempt::of(open, command, self.now())
    }

    /// Carries out attempts, of any tenants, in one transaction, in their order. Tells what became of each.
    ///
    /// The rows decide, not the matcher's memory: an entry that is stale or doubled does nothing.
    ///
    /// # Errors
    /// Nothing was done when a statement failed, or when the lease is over; when the commit did, all of it may have been.
    pub(crate) async fn try_together(
        &self,
        attempts: &mut [Attempt],
        lease: Option<&Lease>,
    ) -> Result<Vec<Tried>, TradingError> {
        let Some(first) = attempts.first() else {
            return Ok(Vec::new());
        };
        let first = self.matcher(first.open.tenant);
        self.prepare_claims(&first).await?;
        let mut group = self.inner.db.begin_group(&first).await?;
        let takes = attempts.iter().filter_map(Attempt::takes).collect();
        let mut claims = self.claim(group.of(&first).await?, takes).await?;
        // Before they are put in the order of the tenants: who is the most eager has the first choice.
        claims.share_out(attempts.iter_mut().filter_map(|one| one.reservation.as_mut()));
        attempts.sort_by_key(|attempt| attempt.open.tenant);

        let mut tried = Vec::with_capacity(attempts.len());
        let mut written = Vec::new();
        let mut last = first;
        for attempts in attempts.chunk_by_mut(|one, other| one.open.tenant == other.open.tenant) {
            let Some(first) = attempts.first() else { continue };
            let ctx = self.matcher(first.open.tenant);
            let tx = group.of(&ctx).await?;
            let locked = lock_free(tx, attempts).await?;
            let of_tenant = self.carry_out((tx, &ctx, &mut claims), locked, attempts, &mut tried);
            written.extend(of_tenant.await?);
            last = ctx;
        }
        self.finish((group, &last, &claims), lease, written).await?;
        Ok(tried)
    }

    /// Carries out one attempt in a transaction of its own, which waits for the account.
    pub(crate) async fn try_alone(
        &self,
        mut attempt: Attempt,
        lease: Option<&Lease>,
    ) -> Result<Tried, TradingError> {
        let open = attempt.open;
        let ctx = self.matcher(open.tenant);
        self.prepare_claims(&ctx).await?;
        // Of the connections that are set aside for this: a tenant that uses up its share keeps nobody's orders from filling.
        let mut group = self.inner.db.begin_group(&ctx).await?;
        let tx = group.of(&ctx).await?;
        let Some(locked) = lock(tx, &open).await? else {
            return Ok(Tried::Done);
        };
        let mut claims = self.claim(tx, attempt.takes().into_iter().collect()).await?;
        claims.share_out(attempt.reservation.iter_mut());
        let mut tried = Vec::with_capacity(1);
        let written = self
            .carry_out(
                (tx, &ctx, &mut claims),
                locked,
                std::slice::from_mut(&mut attempt),
                &mut tried,
            )
            .await?;
        self.finish((group, &ctx, &claims), lease, written).await?;
        Ok(tried.first().copied().unwrap_or(Tried::Done))
    }

    /// Decides and writes the attempts of one tenant. Answers what was written.
    async fn carry_out(
        &self,
        (tx, ctx, claims): (&mut TenantTx, &RequestContext, &mut Claims),
        mut locked: Locked,
        attempts: &mut [Attempt],
        tried: &mut Vec<Tried>,
    ) -> Result<Vec<Written>, TradingError> {
        // By now the locks may have been waited for.
        let now = self.now();
        let mut changes = Changes::at(now);
        let (mut audited, mut written) = (Vec::new(), Vec::new());
        for attempt in &mut *attempts {
            let Locked {
                accounts,
                orders,
                positions,
            } = &mut locked;
            let Some(account) = accounts.get_mut(&attempt.open.account) else {
                tried.push(Tried::Alone);
                continue;
            };
            let Some(row) = orders
                .get(&attempt.open.id)
                .filter(|row| row.account_id == account.id)
            else {
                tried.push(Tried::Done);
                continue;
            };
            let place = (account.id, row.order.terms().symbol());
            let position = positions.get(&place).copied().unwrap_or(Position::flat(place.1));
            let before = AccountState::with_order(account.cash(), position, row.order);
            let is_usable = attempt
                .quote
                .as_ref()
                .is_none_or(|quote| self.may_trade_on(quote, now));
            let decided = match is_usable && attempt.is_due(row) {
                true => self.decide_on(&before, &attempt.command())?,
                false => None,
            };
            let Some((after, events)) = decided else {
                self.correct(ctx.tenant(), row, attempt.open);
                tried.push(of(row));
                continue;
            };
            let row = changed(row, &after, now).ok_or(TradingError::Db(sqlx::Error::RowNotFound.into()))?;
            let change = Change {
                before: &before,
                after: &after,
                order: &row,
                events: &events,
                key: None,
            };
            changes.add(account, change)?;
            positions.insert(place, after.position);
            let done = Done {
                order: row.order.intake.order_id,
                account: row.account_id,
                before: &before,
                after: &after,
                events: &events,
            };
            audited.push((ctx, attempt.audited()(&done)));
            tried.push(of(&row));
            if let Some(reservation) = &attempt.reservation {
                claims.take(reservation, &events);
            }
            written.push(Written {
                tenant: ctx.tenant(),
                row,
                events,
                reservation: attempt.reservation.take(),
            });
        }
        if written.is_empty() {
            return Ok(written);
        }
        self.inner.audit.record_each(tx, audited).await?;
        changes.write(tx).await?;
        Ok(written)
    }

    /// Whether what was decided on a quote may still happen: it has not grown stale meanwhile, and nobody has halted the symbol.
    fn may_trade_on(&self, quote: &PublishedQuote, now: Timestamp) -> bool {
        let board = &self.inner.board;
        let is_halted = board.latest(quote.symbol).is_some_and(|latest| latest.halted);
        !is_halted && !board.is_stale(quote, now)
    }

    /// Corrects what the matcher remembers of an order by its row, which is locked. Where the two agree, nothing is to be tried again at
    /// once.
    fn correct(&self, tenant: TenantId, row: &OrderRow, known: OpenOrder) {
        let open_orders = &self.inner.open_orders;
        if row.order.status.is_terminal() {
            open_orders.close(known.id);
            return;
        }
        let is = OpenOrder::of(tenant, row);
        if is != known {
            open_orders.correct(known.id, Some(known), Some(is));
        }
    }

    async fn finish(
        &self,
        (mut group, last, claims): (GroupTx, &RequestContext, &Claims),
        lease: Option<&Lease>,
        mut written: Vec<Written>,
    ) -> Result<(), TradingError> {
        if written.is_empty() {
            return Ok(group.rollback().await?);
        }
        // The tenant whose orders were the last, so that nothing has to be said for it.
        let tx = group.of(last).await?;
        claims.write(tx).await?;
        if let Some(lease) = lease {
            fence_in(tx, lease).await?;
        }
        // From here on the shares count as traded, whatever becomes of the commit: its outcome may be unknown.
        for one in &mut written {
            spend(one.reservation.take(), &one.events);
        }
        group.commit().await?;
        for Written { tenant, row, .. } in &written {
            self.inner.open_orders.track(*tenant, row);
            self.inner.metrics.filled_resting(row.order.status);
        }
        self.accounts_changed();
        Ok(())
    }

    /// What the command does to the loaded rows; `None` when it does nothing.
    fn decide_on(
        &self,
        before: &AccountState,
        command: &Command,
    ) -> Result<Option<(AccountState, Vec<Event>)>, TradingError> {
        let events = match decide(&self.inner.config.rules, before, command) {
            Ok(events) if events.is_empty() => return Ok(None),
            Ok(events) => events,
            Err(Invalid::OrderClosed { .. }) => return Ok(None),
            Err(invalid) => return Err(TradingError::Inconsistent(invalid)),
        };
        let after = settle(before, &events).map_err(TradingError::Inconsistent)?;
        Ok(Some((after, events)))
    }

    fn matcher(&self, tenant: TenantId) -> RequestContext {
        RequestContext::system(tenant, "work on resting orders", self.sources())
    }
}

/// Locks what nobody else has locked, accounts in the order of their ids, and loads it: three statements, however many orders there are.
async fn lock_free(tx: &mut TenantTx, attempts: &[Attempt]) -> Result<Locked, TradingError> {
    let ids: HashSet<_> = attempts.iter().map(|attempt| attempt.open.account).collect();
    let ids: Vec<_> = ids.into_iter().collect();
    let accounts = store::lock_free_accounts(tx, &ids).await?;
    let theirs = attempts
        .iter()
        .filter(|attempt| accounts.contains_key(&attempt.open.account));
    let wanted: Vec<_> = theirs.map(|attempt| attempt.open.id).collect();
    let orders = store::load_orders(tx, &wanted).await?;
    let places: HashSet<_> = orders
        .iter()
        .map(|row| (row.account_id, row.order.terms().symbol()))
        .collect();
    let places: Vec<_> = places.into_iter().collect();
    let positions = store::load_positions(tx, &places).await?;
    let orders = orders
        .into_iter()
        .map(|row| (row.order.intake.order_id, row))
        .collect();
    Ok(Locked {
        accounts,
        orders,
        positions,
    })
}

/// Waits for the account of one order; `None` when there is no such order.
async fn lock(tx: &mut TenantTx, open: &OpenOrder) -> Result<Option<Locked>, TradingError> {
    let Some(account) = store::lock_account_by_id(tx, open.account).await? else {
        return Ok(None);
    };
    let Some(row) = store::load_order(tx, account.id, open.id).await? else {
        return Ok(None);
    };
    let symbol = row.order.terms().symbol();
    let position = store::load_position(tx, account.id, symbol).await?;
    Ok(Some(Locked {
        positions: HashMap::from([((account.id, symbol), position)]),
        orders: HashMap::from([(open.id, row)]),
        accounts: HashMap::from([(account.id, account)]),
    }))
}

fn of(row: &OrderRow) -> Tried {
    if row.order.status.is_terminal() {
        Tried::Done
    } else {
        Tried::Rests
    }
}
