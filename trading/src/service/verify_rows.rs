//! The rows of one account against what its events have to have written.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use platform_core::pg::TenantRead;

use super::verify_account::{ORDERS_PAGE, Replay};
use super::{TradingError, Verification, VerifyFinding};
use crate::store::{self, AccountRow, LedgerRow, OrderRow, StoredExecution};
use crate::{BookedOrder, ExecutionId, OrderId, Position, Symbol};

/// What some events have to have written, and the orders that ended with them.
#[derive(Default)]
pub(super) struct Written {
    pub(super) ledger: Vec<LedgerRow>,
    pub(super) executions: Vec<StoredExecution>,
    pub(super) ended: Vec<BookedOrder>,
    /// The books after the last of them, where a hash may have been kept.
    pub(super) hashed: Option<(i64, [u8; 32])>,
}

/// An account as it is stored once its last event was replayed.
pub(super) struct Stored {
    pub(super) account: AccountRow,
    pub(super) positions: Vec<Position>,
    pub(super) open: Vec<OrderRow>,
    pub(super) newest_event: i64,
}

impl Replay<'_> {
    pub(super) async fn compare_written(
        &mut self,
        read: &mut TenantRead,
        written: Written,
        verification: &mut Verification,
    ) -> Result<(), TradingError> {
        if std::mem::take(&mut self.seeks_ledger) {
            self.ledger_seq = Some(store::ledger_before_log(read, self.account).await?);
        }
        self.compare_ledger(read, &written.ledger, verification).await?;
        self.compare_executions(read, &written.executions, verification)
            .await?;
        let ids: Vec<_> = written
            .ended
            .iter()
            .map(|booked| booked.order.intake.order_id)
            .collect();
        if !ids.is_empty() {
            let whose = (read.tenant(), self.account);
            let rows = store::orders_of_account(&mut *read, whose, &ids).await?;
            self.compare_orders(written.ended.iter(), &rows, verification);
        }
        if let Some((seq, hash)) = written.hashed {
            let kept = store::state_hash_at(read, self.account, seq).await?;
            let problem = match kept {
                None => Some("its hash is gone"),
                Some(kept) if !kept.is(&hash) => Some("it is not the one that was kept"),
                Some(_) => None,
            };
            let account = self.account;
            if let Some(problem) = problem {
                verification.add(VerifyFinding::State {
                    account,
                    seq,
                    problem,
                });
            }
        }
        Ok(())
    }

    /// Compares the ledger with what the events moved. Of what was before the log there are rows and no events.
    async fn compare_ledger(
        &mut self,
        read: &mut TenantRead,
        expected: &[LedgerRow],
        verification: &mut Verification,
    ) -> Result<(), TradingError> {
        let Some(after) = self.ledger_seq.filter(|_| !expected.is_empty()) else {
            return Ok(());
        };
        let upto = after + i64::try_from(expected.len()).unwrap_or(i64::MAX);
        let rows = store::ledger_page(read, self.account, (after, upto), ledger_limit(expected)).await?;
        let mut found = rows.into_iter().peekable();
        for (seq, wanted) in (after + 1..).zip(expected) {
            let row = found.next_if(|(number, _)| *number == seq).map(|(_, row)| row);
            if row.as_ref() != Some(wanted) {
                verification.add(VerifyFinding::Ledger {
                    account: self.account,
                    seq,
                    expected: Some(wanted.to_string()),
                    found: row.map(|row| row.to_string()),
                });
                self.ledger_seq = None;
                return Ok(());
            }
        }
        self.ledger_seq = Some(upto);
        Ok(())
    }

    async fn compare_executions(
        &self,
        read: &mut TenantRead,
        expected: &[StoredExecution],
        verification: &mut Verification,
    ) -> Result<(), TradingError> {
        if expected.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = expected.iter().map(StoredExecution::name).collect();
        let rows = store::executions_named(read, &names).await?;
        let rows: HashMap<_, _> = rows.iter().map(|row| (row.name(), row)).collect();
        for wanted in expected {
            let found = rows.get(&wanted.name());
            if found != Some(&wanted) {
                let (order_id, quote_seq) = wanted.name();
                verification.add(VerifyFinding::Execution {
                    account: self.account,
                    execution: ExecutionId {
                        order_id,
                        quote_seq: u64::try_from(quote_seq).unwrap_or(0),
                    },
                    expected: wanted.to_string(),
                    found: found.map(ToString::to_string),
                });
            }
        }
        Ok(())
    }

    fn compare_orders<'o>(
        &self,
        expected: impl Iterator<Item = &'o BookedOrder>,
        rows: &[OrderRow],
        verification: &mut Verification,
    ) {
        let rows: HashMap<_, _> = rows.iter().map(|row| (row.order.intake.order_id, row)).collect();
        for booked in expected {
            let order = booked.order.intake.order_id;
            let found = rows.get(&order).map(|row| row.booked());
            if found.as_ref().is_none_or(|found| !booked.agrees_with(found)) {
                verification.add(VerifyFinding::Order {
                    account: self.account,
                    order,
                    expected: Some(Box::new(booked.clone())),
                    found: found.map(Box::new),
                });
            }
        }
    }

    /// Compares what is stored with what all events come to.
    pub(super) fn compare(&self, stored: &Stored, verification: &mut Verification) {
        let account = self.account;
        if stored.newest_event > stored.account.event_seq {
            verification.add(VerifyFinding::Log {
                account,
                seq: stored.newest_event,
                problem: "the account does not count it".to_owned(),
            });
        }
        if self.newest_hash > stored.account.event_seq {
            verification.add(VerifyFinding::State {
                account,
                seq: self.newest_hash,
                problem: "there are fewer events now",
            });
        }
        let (expected, found) = (self.books.cash(), stored.account.cash());
        if expected != found {
            verification.add(VerifyFinding::Cash {
                account,
                expected,
                found,
            });
        }
        for (symbol, expected, found) in differences(self.books.positions(), &stored.positions) {
            verification.add(VerifyFinding::Position {
                account,
                symbol,
                expected,
                found,
            });
        }
        self.compare_orders(self.books.orders().values(), &stored.open, verification);
    }

    /// Looks for rows that no event has written.
    pub(super) async fn compare_rest(
        &mut self,
        stored: &Stored,
        verification: &mut Verification,
    ) -> Result<(), TradingError> {
        let mut read = self.trading.inner.db.read(self.ctx).await?;
        self.compare_last_of_ledger(&mut read, stored, verification)
            .await?;
        let mut after: Option<OrderId> = None;
        loop {
            let page = (after, ORDERS_PAGE);
            let orders = store::orders_with_or_without_events(&mut read, self.account, page).await?;
            let is_full = usize::try_from(ORDERS_PAGE).is_ok_and(|page| orders.len() >= page);
            after = orders.last().map(|order| order.id).filter(|_| is_full);
            let unexplained = orders.iter().filter(|order| {
                let is_older = self.opened_late.is_some_and(|at| order.updated_at <= at);
                let is_explained = order.is_logged || self.opened_with.contains(&order.id);
                !(is_explained || (order.is_final && is_older))
            });
            let ids: Vec<_> = unexplained.map(|order| order.id).collect();
            if !ids.is_empty() {
                let whose = (read.tenant(), self.account);
                let rows = store::orders_of_account(&mut read, whose, &ids).await?;
                for row in &rows {
                    verification.add(VerifyFinding::Order {
                        account: self.account,
                        order: row.order.intake.order_id,
                        expected: None,
                        found: Some(Box::new(row.booked())),
                    });
                }
            }
            if after.is_none() {
                break;
            }
        }
        read.finish().await?;
        Ok(())
    }

    async fn compare_last_of_ledger(
        &mut self,
        read: &mut TenantRead,
        stored: &Stored,
        verification: &mut Verification,
    ) -> Result<(), TradingError> {
        let Some(after) = self.ledger_seq else {
            return Ok(());
        };
        let surplus = store::ledger_page(read, self.account, (after, stored.account.last_seq), 1).await?;
        if let Some((seq, row)) = surplus.first() {
            verification.add(VerifyFinding::Ledger {
                account: self.account,
                seq: *seq,
                expected: None,
                found: Some(row.to_string()),
            });
        }
        Ok(())
    }
}

fn ledger_limit(expected: &[LedgerRow]) -> u32 {
    u32::try_from(expected.len()).unwrap_or(u32::MAX)
}

/// The symbols of which something else is stored than there has to be.
fn differences(
    expected: &BTreeMap<Symbol, Position>,
    found: &[Position],
) -> Vec<(Symbol, Option<Position>, Option<Position>)> {
    let found: BTreeMap<_, _> = found
        .iter()
        .map(|position| (position.symbol, *position))
        .collect();
    let symbols: BTreeSet<_> = expected.keys().chain(found.keys()).copied().collect();
    let pairs = symbols.into_iter().map(|symbol| {
        (
            symbol,
            expected.get(&symbol).copied(),
            found.get(&symbol).copied(),
        )
    });
    pairs.filter(|(_, expected, found)| expected != found).collect()
}
