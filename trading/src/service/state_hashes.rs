//! Hashes over what accounts were after every thousandth of their events.

use std::time::Duration;

use platform_core::{RequestContext, TenantId, error_chain};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::verify_account::EVENTS_PAGE;
use super::{AccountId, Trading, TradingError};
use crate::store;
use crate::{AccountBooks, AccountEvent};

/// Tenants, and accounts of one, that are looked at in one page.
const PAGE: u32 = 100;
/// Hashes of one account in one round. The others come after the other accounts have had theirs.
const HASHES_PER_ROUND: usize = 100;
/// How often it is looked for accounts that have gone on.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Keeps a hash of what every account is after each thousandth of its events, for [`Trading::verify`] to find a log that was altered
/// since.
///
/// It replays the log behind the transactions that write it, which do and read nothing for it, and goes on from the books of the last hash,
/// so that each event is replayed once. It runs on every instance: of several the first one keeps a hash.
#[derive(Debug, Clone)]
pub struct StateHashWorker {
    trading: Trading,
}

impl StateHashWorker {
    /// A worker for the accounts of this brokerage.
    pub fn new(trading: &Trading) -> Self {
        Self {
            trading: trading.clone(),
        }
    }

    /// Works until `stop` is cancelled. Cancel-safe: what was kept stays kept.
    ///
    /// # Errors
    /// [`TradingError`] when the database fails; start it again.
    pub async fn run(self, stop: CancellationToken) -> Result<(), TradingError> {
        stop.run_until_cancelled(self.work()).await.unwrap_or(Ok(()))
    }

    async fn work(&self) -> Result<(), TradingError> {
        let mut rounds = interval(LOOK_EVERY);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            self.keep().await?;
        }
    }

    /// One round over all accounts, for a caller that paces them itself. Tells how many hashes it kept.
    ///
    /// An account whose log cannot be replayed is logged and left out: verifying says what is wrong with it. So is a tenant that has
    /// no connection free, until the next round.
    ///
    /// # Errors
    /// [`TradingError`] when the database is gone.
    pub async fn keep(&self) -> Result<u64, TradingError> {
        let mut kept = 0;
        let mut after: Option<TenantId> = None;
        loop {
            let tenants = self.trading.inner.tenants.list(after, PAGE).await?;
            let Some(last) = tenants.last() else {
                return Ok(kept);
            };
            after = Some(last.id);
            for tenant in &tenants {
                match self.keep_of_tenant(tenant.id).await {
                    Ok(count) => kept += count,
                    Err(error) if error.is_away() => return Err(error),
                    // It uses all of its connections, say. The others have theirs kept, and its own come with a later round.
                    Err(error) => tracing::warn!(
                        tenant.id = %tenant.id, error = error_chain(&error), "no hashes of a tenant's accounts could be kept"
                    ),
                }
            }
        }
    }

    async fn keep_of_tenant(&self, tenant: TenantId) -> Result<u64, TradingError> {
        let db = &self.trading.inner.db;
        let ctx = RequestContext::system(tenant, "keep hashes of accounts", self.trading.sources());
        let mut kept = 0;
        let mut after: Option<AccountId> = None;
        loop {
            let mut read = db.read(&ctx).await?;
            let accounts = store::accounts_to_hash(&mut read, (after, PAGE), EVENTS_PAGE).await?;
            read.finish().await?;
            let Some((last, _)) = accounts.last() else {
                return Ok(kept);
            };
            after = Some(*last);
            for (account, event_seq) in accounts {
                kept += self.keep_of_account(&ctx, account, event_seq).await?;
            }
        }
    }

    async fn keep_of_account(
        &self,
        ctx: &RequestContext,
        account: AccountId,
        event_seq: i64,
    ) -> Result<u64, TradingError> {
        let db = &self.trading.inner.db;
        let mut kept = 0;
        let mut books = self.last_books(ctx, account).await?;
        for _ in 0..HASHES_PER_ROUND {
            let from = books.seq();
            let upto = from + EVENTS_PAGE;
            if upto > event_seq {
                break;
            }
            let mut read = db.read(ctx).await?;
            let whose = (read.tenant(), account);
            let events = store::events_of_account(&mut read, whose, (from, upto)).await?;
            read.finish().await?;
            if let Err((seq, problem)) = carry_out(&mut books, events) {
                tracing::error!(
                    tenant.id = %ctx.tenant(), account.id = %account, event.seq = seq, error = problem,
                    "the log of an account cannot be replayed"
                );
                break;
            }
            let mut tx = db.begin(ctx).await?;
            kept += u64::from(store::keep_state_hash(&mut tx, account, &books, self.trading.now()).await?);
            tx.commit().await?;
        }
        Ok(kept)
    }

    /// The books of the last hash that was kept, or empty ones. Books that are not those of their hash are not gone on with.
    async fn last_books(
        &self,
        ctx: &RequestContext,
        account: AccountId,
    ) -> Result<AccountBooks, TradingError> {
        let mut read = self.trading.inner.db.read(ctx).await?;
        let kept = store::newest_state(&mut read, account).await?;
        read.finish().await?;
        let Some((hash, state)) = kept else {
            return Ok(AccountBooks::default());
        };
        match AccountBooks::resume(&state) {
            Ok(books) if hash.is(&books.hash()) => Ok(books),
            resumed => {
                let error = resumed.err().map(|error| error_chain(&error).to_string());
                tracing::error!(
                    tenant.id = %ctx.tenant(), account.id = %account, error,
                    "the books that were kept of an account are not those of their hash"
                );
                Ok(AccountBooks::default())
            }
        }
    }
}

/// Carries out a whole page of events; otherwise the number of the one that could not be, and why.
fn carry_out(books: &mut AccountBooks, events: Vec<store::StoredEvent>) -> Result<(), (i64, String)> {
    let upto = books.seq() + EVENTS_PAGE;
    for stored in events {
        let seq = stored.seq;
        let event = AccountEvent::from_stored(&stored.kind, stored.payload);
        let event = event.map_err(|error| (seq, error.to_string()))?;
        books
            .carry_out(seq, stored.at, &event)
            .map_err(|error| (seq, error.to_string()))?;
    }
    // What ended is in the digest.
    drop(books.take_ended());
    match books.seq() == upto {
        true => Ok(()),
        false => Err((books.seq() + 1, "it is missing".to_owned())),
    }
}
