//! Does what is stored of one account follow from what happened to it?

use std::collections::HashSet;

use platform_core::{RequestContext, Timestamp};
use tokio_util::sync::CancellationToken;

use super::verify_rows::{Stored, Written};
use super::{AccountId, Trading, TradingError, Verification, VerifyFinding};
use crate::store::{self, LedgerRow, StoredEvent, StoredExecution};
use crate::{AccountBooks, AccountEvent, OrderId};

/// Events that are read at a time: as many as between two hashes, so that a page ends with one.
pub(super) const EVENTS_PAGE: i64 = 1_000;
/// Orders that are read at a time.
pub(super) const ORDERS_PAGE: u32 = 1_000;
/// How often an account that goes on is read further before its lock is taken for the rest.
const ROUNDS: usize = 3;

/// Whether an account was looked at to the end. One whose log is broken was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looked {
    Whole,
    Stopped,
}

/// The books of an account on their way through its events.
pub(super) struct Replay<'a> {
    pub(super) trading: &'a Trading,
    pub(super) ctx: &'a RequestContext,
    pub(super) account: AccountId,
    pub(super) books: AccountBooks,
    /// When its log began, if that was after the account.
    pub(super) opened_late: Option<Timestamp>,
    /// The orders that were open then.
    pub(super) opened_with: HashSet<OrderId>,
    /// The last row of the ledger that was compared; `None` after one that was not what it has to be, as what follows is shifted as well.
    pub(super) ledger_seq: Option<i64>,
    /// The ledger is older than the log, and it is not known yet where in it the log begins.
    pub(super) seeks_ledger: bool,
    pub(super) newest_hash: i64,
}

/// The log cannot be replayed any further.
struct Broken;

impl Trading {
    pub(super) async fn verify_account(
        &self,
        ctx: &RequestContext,
        account: AccountId,
        stop: &CancellationToken,
        verification: &mut Verification,
    ) -> Result<Looked, TradingError> {
        let mut replay = Replay {
            trading: self,
            ctx,
            account,
            books: AccountBooks::default(),
            opened_late: None,
            opened_with: HashSet::new(),
            ledger_seq: Some(0),
            seeks_ledger: false,
            newest_hash: 0,
        };
        // What has happened long ago is read while the account goes on.
        for _ in 0..ROUNDS {
            let event_seq = replay.look().await?;
            if event_seq - replay.books.seq() <= EVENTS_PAGE {
                break;
            }
            while replay.books.seq() < event_seq {
                // Whoever limits the time gets to look at it, also where the database answers at once.
                tokio::task::yield_now().await;
                if stop.is_cancelled() {
                    return Ok(Looked::Stopped);
                }
                if replay.page(event_seq, verification).await?.is_err() {
                    return Ok(Looked::Whole);
                }
            }
        }
        if let Some(stored) = replay.end(verification).await? {
            replay.compare(&stored, verification);
            replay.compare_rest(&stored, verification).await?;
        }
        Ok(Looked::Whole)
    }
}

impl Replay<'_> {
    /// Tells how many events the account counts now.
    async fn look(&mut self) -> Result<i64, TradingError> {
        let mut read = self.trading.inner.db.read(self.ctx).await?;
        let event_seq = store::event_seq_of(&mut read, self.account).await?;
        self.newest_hash = store::newest_state_hash(&mut read, self.account).await?;
        read.finish().await?;
        Ok(event_seq)
    }

    /// Replays the next page of events and compares what they have to have written.
    async fn page(
        &mut self,
        upto: i64,
        verification: &mut Verification,
    ) -> Result<Result<(), Broken>, TradingError> {
        let mut read = self.trading.inner.db.read(self.ctx).await?;
        let whose = (read.tenant(), self.account);
        let events = store::events_of_account(&mut read, whose, self.next_page(upto)).await?;
        let Ok(written) = self.carry_out(events, verification) else {
            read.finish().await?;
            return Ok(Err(Broken));
        };
        self.compare_written(&mut read, written, verification).await?;
        read.finish().await?;
        Ok(Ok(()))
    }

    /// The numbers after and up to which the next page goes: it ends where a hash may have been kept.
    fn next_page(&self, upto: i64) -> (i64, i64) {
        let from = self.books.seq();
        let end = (from / EVENTS_PAGE + 1) * EVENTS_PAGE;
        (from, end.min(upto))
    }

    /// Replays the last events under the account's lock, and reads what is stored then. `None` for no account, or when its log is broken.
    async fn end(&mut self, verification: &mut Verification) -> Result<Option<Stored>, TradingError> {
        let mut tx = self.trading.inner.db.begin(self.ctx).await?;
        let Some(account) = store::lock_account_by_id(&mut tx, self.account).await? else {
            return Ok(None);
        };
        let whose = (tx.tenant(), self.account);
        let mut written = Vec::new();
        while self.books.seq() < account.event_seq {
            let page = self.next_page(account.event_seq);
            let events = store::events_of_account(&mut tx, whose, page).await?;
            match self.carry_out(events, verification) {
                Ok(page) => written.push(page),
                Err(Broken) => return Ok(None),
            }
        }
        let (positions, newest_event) = store::positions_and_newest_event(&mut tx, self.account).await?;
        let ids: Vec<OrderId> = self.books.orders().keys().copied().collect();
        let mut open = Vec::with_capacity(ids.len());
        for ids in ids.chunks(usize::try_from(ORDERS_PAGE).unwrap_or(usize::MAX)) {
            open.extend(store::orders_of_account(&mut tx, whose, ids).await?);
        }
        tx.rollback().await?;
        let mut read = self.trading.inner.db.read(self.ctx).await?;
        for written in written {
            self.compare_written(&mut read, written, verification).await?;
        }
        read.finish().await?;
        Ok(Some(Stored {
            account,
            positions,
            open,
            newest_event,
        }))
    }

    fn carry_out(
        &mut self,
        events: Vec<StoredEvent>,
        verification: &mut Verification,
    ) -> Result<Written, Broken> {
        let account = self.account;
        let mut broken = |seq: i64, problem: String| {
            verification.add(VerifyFinding::Log {
                account,
                seq,
                problem,
            });
            Broken
        };
        if events.is_empty() {
            return Err(broken(self.books.seq() + 1, "it is missing".to_owned()));
        }
        let mut written = Written::default();
        let count = events.len();
        for event in events {
            let seq = event.seq;
            // What follows cannot be judged without it.
            self.carry_out_one(event, &mut written)
                .map_err(|problem| broken(seq, problem))?;
        }
        verification.verified.events += u64::try_from(count).unwrap_or(u64::MAX);
        let held = u64::try_from(self.books.orders().len()).unwrap_or(u64::MAX);
        let most = &mut verification.verified.orders_held_max;
        *most = held.max(*most);
        written.ended = self.books.take_ended();
        let seq = self.books.seq();
        written.hashed =
            (seq % EVENTS_PAGE == 0 && seq <= self.newest_hash).then(|| (seq, self.books.hash()));
        Ok(written)
    }

    fn carry_out_one(&mut self, stored: StoredEvent, written: &mut Written) -> Result<(), String> {
        let StoredEvent {
            seq,
            kind,
            order_id,
            at,
            payload,
        } = stored;
        let event = AccountEvent::from_stored(&kind, payload).map_err(|error| error.to_string())?;
        if event.order_id() != order_id {
            return Err("it is filed under another order".to_owned());
        }
        self.books
            .carry_out(seq, at, &event)
            .map_err(|error| error.to_string())?;
        written.ledger.extend(LedgerRow::of_event(&event));
        match &event {
            AccountEvent::Order { event, .. } => {
                let execution = StoredExecution::of_event(self.account, event, at);
                written.executions.extend(execution);
            }
            AccountEvent::Opening(_) => {
                self.opened_late = Some(at);
                self.opened_with = self.books.orders().keys().copied().collect();
                self.seeks_ledger = true;
            }
            _ => {}
        }
        Ok(())
    }
}
