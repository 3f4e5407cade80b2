//! Does what is stored follow from what happened?

use std::collections::BTreeMap;

use platform_core::{RequestContext, Timestamp};
use tokio_util::sync::CancellationToken;

use super::{AccountId, Discrepancy, Trading, TradingError};
use crate::store::{self, AccountRow, LedgerRow, StoredEvent, WholeAccount};
use crate::{AccountBooks, AccountEvent, Cash, Order, OrderId, Position, Symbol};

/// Accounts that are listed at a time.
const ACCOUNTS_PAGE: u32 = 200;
/// Events that are read at a time.
const EVENTS_PAGE: u32 = 1_000;
/// Findings that are kept; more are counted.
const FINDINGS_MAX: usize = 1_000;

/// Something stored that does not follow from what happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyFinding {
    /// Two sums that should be equal are not.
    Sum(Discrepancy),
    /// An event of an account is missing, cannot be read, or cannot have happened after those before it.
    Log {
        /// The account.
        account: AccountId,
        /// The number of the event.
        seq: i64,
        /// What is wrong with it.
        problem: String,
    },
    /// The cash of an account is not what its events come to.
    Cash {
        /// The account.
        account: AccountId,
        /// What the events come to.
        expected: Cash,
        /// What is stored.
        found: Cash,
    },
    /// A position is not what the events come to.
    Position {
        /// The account.
        account: AccountId,
        /// The symbol.
        symbol: Symbol,
        /// What the events come to; `None` for no position.
        expected: Option<Position>,
        /// What is stored.
        found: Option<Position>,
    },
    /// A row of the ledger is not what the events moved.
    Ledger {
        /// The account.
        account: AccountId,
        /// The number of the row.
        seq: i64,
        /// What the events moved, in words; `None` for nothing.
        expected: Option<String>,
        /// What is stored; `None` for no row.
        found: Option<String>,
    },
    /// An order is not what the events come to.
    Order {
        /// The account.
        account: AccountId,
        /// The order.
        order: OrderId,
        /// What the events come to; `None` for no order.
        expected: Option<Box<Order>>,
        /// What is stored.
        found: Option<Box<Order>>,
    },
}

/// How far a verification has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VerifyProgress {
    /// Accounts that have been verified.
    pub accounts: u64,
    /// Accounts that there were at the beginning.
    pub accounts_total: u64,
    /// Events that have been replayed.
    pub events: u64,
}

/// What a verification of one tenant came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verification {
    /// What was looked at.
    pub verified: VerifyProgress,
    /// What is wrong, the first 1,000.
    pub findings: Vec<VerifyFinding>,
    /// How much is wrong.
    pub findings_total: u64,
    /// Whether it was stopped before its end.
    pub stopped: bool,
}

impl Verification {
    /// Whether everything was looked at and nothing is wrong.
    pub const fn is_clean(&self) -> bool {
        self.findings_total == 0 && !self.stopped
    }

    fn add(&mut self, finding: VerifyFinding) {
        self.findings_total += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }
}

impl Trading {
    /// Verifies that everything the tenant's tables hold follows from what happened.
    ///
    /// Adds up as [`Trading::reconcile`] does, and replays the events of every account: they have to be numbered without a gap and to come
    /// to exactly the cash, positions, orders and ledger rows that are stored. Orders that were final before their account had a log are taken as they
    /// are. Trading goes on meanwhile: an account is locked while its rows are read. Accounts are read one after the other, so memory does
    /// not grow with them; `progress` is told after each. Ends early, and says so, when `stop` is cancelled.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails.
    pub async fn verify(
        &self,
        ctx: &RequestContext,
        stop: &CancellationToken,
        mut progress: impl FnMut(VerifyProgress) + Send,
    ) -> Result<Verification, TradingError> {
        let mut verification = Verification::default();
        for discrepancy in self.reconcile(ctx).await?.discrepancies {
            verification.add(VerifyFinding::Sum(discrepancy));
        }
        let mut read = self.inner.db.read(ctx).await?;
        let accounts = store::count_accounts(&mut read).await?;
        read.finish().await?;
        verification.verified.accounts_total = accounts;
        let mut after: Option<AccountId> = None;
        loop {
            let mut read = self.inner.db.read(ctx).await?;
            let accounts = store::accounts_page(&mut read, after, ACCOUNTS_PAGE).await?;
            read.finish().await?;
            let Some(last) = accounts.last() else {
                return Ok(verification);
            };
            after = Some(last.id);
            for account in &accounts {
                if stop.is_cancelled() {
                    verification.stopped = true;
                    return Ok(verification);
                }
                self.verify_account(ctx, account.id, &mut verification).await?;
                verification.verified.accounts += 1;
                progress(verification.verified);
            }
        }
    }

    async fn verify_account(
        &self,
        ctx: &RequestContext,
        account: AccountId,
        verification: &mut Verification,
    ) -> Result<(), TradingError> {
        let mut tx = self.inner.db.begin(ctx).await?;
        let stored = store::load_whole(&mut tx, account).await?;
        tx.rollback().await?;
        let Some(stored) = stored else { return Ok(()) };

        let mut replayed = Replayed::default();
        while replayed.books.seq() < stored.account.event_seq {
            let from = replayed.books.seq();
            let mut read = self.inner.db.read(ctx).await?;
            let upto = (from, stored.account.event_seq);
            let events = store::events_of_account(&mut read, account, upto, EVENTS_PAGE).await?;
            read.finish().await?;
            if events.is_empty() {
                let problem = "it is missing".to_owned();
                verification.add(VerifyFinding::Log {
                    account,
                    seq: from + 1,
                    problem,
                });
                return Ok(());
            }
            verification.verified.events += u64::try_from(events.len()).unwrap_or(u64::MAX);
            for event in events {
                let seq = event.seq;
                if let Err(problem) = replayed.carry_out(event) {
                    // What follows cannot be judged without it.
                    verification.add(VerifyFinding::Log {
                        account,
                        seq,
                        problem,
                    });
                    return Ok(());
                }
            }
        }
        replayed.compare(account, &stored, verification);
        self.verify_ledger(ctx, &stored.account, &replayed, verification)
            .await
    }

    /// Compares the ledger with what the events moved. Of what was before the log there are rows and no events.
    async fn verify_ledger(
        &self,
        ctx: &RequestContext,
        account: &AccountRow,
        replayed: &Replayed,
        verification: &mut Verification,
    ) -> Result<(), TradingError> {
        let moved = i64::try_from(replayed.ledger.len()).unwrap_or(i64::MAX);
        let mut after = match replayed.opened_late {
            Some(_) => account.last_seq.saturating_sub(moved),
            None => 0,
        };
        let mut expected = replayed.ledger.iter();
        while after < account.last_seq {
            let mut read = self.inner.db.read(ctx).await?;
            let rows =
                store::ledger_page(&mut read, account.id, (after, account.last_seq), EVENTS_PAGE).await?;
            read.finish().await?;
            if rows.is_empty() {
                break;
            }
            for (seq, found) in rows {
                let wanted = expected.next();
                if wanted != Some(&found) {
                    // What follows is shifted as well.
                    verification.add(VerifyFinding::Ledger {
                        account: account.id,
                        seq,
                        expected: wanted.map(ToString::to_string),
                        found: Some(found.to_string()),
                    });
                    return Ok(());
                }
                after = seq;
            }
        }
        if let Some(missing) = expected.next() {
            verification.add(VerifyFinding::Ledger {
                account: account.id,
                seq: after + 1,
                expected: Some(missing.to_string()),
                found: None,
            });
        }
        Ok(())
    }
}

/// The books of an account, and when they were opened, if that was after the account.
#[derive(Default)]
struct Replayed {
    books: AccountBooks,
    opened_late: Option<Timestamp>,
    /// What the events moved, in their order.
    ledger: Vec<LedgerRow>,
}

impl Replayed {
    fn carry_out(&mut self, stored: StoredEvent) -> Result<(), String> {
        let event =
            AccountEvent::from_stored(&stored.kind, stored.payload).map_err(|error| error.to_string())?;
        if matches!(event, AccountEvent::Opening(_)) {
            self.opened_late = Some(stored.at);
        }
        if event.order_id() != stored.order_id {
            return Err("it is filed under another order".to_owned());
        }
        self.books
            .carry_out(stored.seq, &event)
            .map_err(|error| error.to_string())?;
        self.ledger.extend(LedgerRow::of_event(&event));
        Ok(())
    }

    fn compare(&self, account: AccountId, stored: &WholeAccount, verification: &mut Verification) {
        let (expected, found) = (self.books.cash(), stored.account.cash());
        if expected != found {
            verification.add(VerifyFinding::Cash {
                account,
                expected,
                found,
            });
        }
        let positions: BTreeMap<_, _> = stored
            .positions
            .iter()
            .map(|position| (position.symbol, *position))
            .collect();
        for (symbol, expected, found) in differences(self.books.positions(), &positions) {
            verification.add(VerifyFinding::Position {
                account,
                symbol,
                expected,
                found,
            });
        }
        let before_the_log = |row: &&store::OrderRow| {
            let late = self.opened_late.is_some_and(|at| row.updated_at <= at);
            late && row.order.status.is_terminal()
        };
        let orders: BTreeMap<_, _> = stored
            .orders
            .iter()
            .filter(|row| {
                self.books.orders().contains_key(&row.order.intake.order_id) || !before_the_log(row)
            })
            .map(|row| (row.order.intake.order_id, row.order))
            .collect();
        for (order, expected, found) in differences(self.books.orders(), &orders) {
            verification.add(VerifyFinding::Order {
                account,
                order,
                expected: expected.map(Box::new),
                found: found.map(Box::new),
            });
        }
    }
}

/// What is in one map and not, or otherwise, in the other.
fn differences<K: Ord + Copy, V: PartialEq + Copy>(
    expected: &BTreeMap<K, V>,
    found: &BTreeMap<K, V>,
) -> Vec<(K, Option<V>, Option<V>)> {
    let missing = expected.iter().filter_map(|(key, value)| {
        let other = found.get(key);
        (other != Some(value)).then_some((*key, Some(*value), other.copied()))
    });
    let surplus = found
        .iter()
        .filter(|(key, _)| !expected.contains_key(key))
        .map(|(key, value)| (*key, None, Some(*value)));
    missing.chain(surplus).collect()
}
