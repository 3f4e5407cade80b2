//! Does what is stored follow from what happened?

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use platform_audit::{Action, Activity, Event as AuditEvent, Outcome, Severity};
use platform_core::pg::DbError;
use platform_core::{RequestContext, TenantId};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::verify_account::Looked;
use super::{
    AccountId, ListedAccount, Trading, TradingError, VIEW, Verification, VerifyFinding, VerifyProgress,
};
use crate::store;

/// Accounts that are listed at a time.
const ACCOUNTS_PAGE: u32 = 200;
/// Verifications for administrators that this process runs at a time, of different tenants.
const RUNNING_MAX: usize = 2;

const VERIFY: Action = Action::new("books.verify");

/// Which accounts an administrator has verified, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct VerifyRequest {
    /// The account to go on after; `None` begins with the sums over all of them, and the first.
    pub after: Option<AccountId>,
    /// So many accounts at most, 200 at the highest.
    pub accounts_max: u32,
    /// It ends when so much time is over, within a statement's time.
    pub within: Duration,
}

/// What verifying some accounts came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedAccounts {
    /// What was looked at and what is wrong. `stopped` is never set: what was left out is named here.
    pub verification: Verification,
    /// Whether the sums over all accounts were added up: with the first account, where the time was enough.
    pub are_sums_verified: bool,
    /// The account for which all the time was not enough: only the command can verify it.
    pub not_verified: Option<AccountId>,
    /// The last account that was looked at, to go on after; `None` when there are no more.
    pub next: Option<AccountId>,
}

/// Whose accounts are being verified for an administrator.
#[derive(Debug, Default)]
pub(crate) struct Verifying(Mutex<HashSet<TenantId>>);

/// The place of one of them; it is free again when this is dropped.
struct Place<'a> {
    verifying: &'a Verifying,
    tenant: TenantId,
}

impl Verifying {
    fn begin(&self, tenant: TenantId) -> Option<Place<'_>> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_free = running.len() < RUNNING_MAX && running.insert(tenant);
        // Made only where it is free: one that is dropped gives the tenant's place back.
        is_free.then(|| Place {
            verifying: self,
            tenant,
        })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut running = self.verifying.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.remove(&self.tenant);
    }
}

impl Trading {
    /// Verifies that everything the tenant's tables hold follows from what happened.
    ///
    /// Adds up as [`Trading::reconcile`] does, and replays the events of every account: they have to be numbered without a gap and to come
    /// to exactly the cash, positions, orders, fills and ledger rows that are stored, and to the hashes that were kept of what they came
    /// to before. Orders that were final before their account had a log are taken as they are. Trading goes on meanwhile: an account is
    /// locked for its last events and while its open orders are read. `progress` is told after each account. Ends early, and says so,
    /// when `stop` is cancelled.
    ///
    /// Accounts are read one after the other, a thousand events at a time. What is in memory is the open orders of one account and what
    /// ended within those events, however many orders it ever had.
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
        self.verify_sums(ctx, &mut verification).await?;
        let mut read = self.inner.db.read(ctx).await?;
        let accounts = store::count_accounts(&mut read).await?;
        read.finish().await?;
        verification.verified.accounts_total = accounts;
        let mut after: Option<AccountId> = None;
        loop {
            let accounts = self.accounts_after(ctx, after, ACCOUNTS_PAGE).await?;
            let Some(last) = accounts.last() else {
                return Ok(verification);
            };
            after = Some(last.id);
            for account in &accounts {
                let looked = match stop.is_cancelled() {
                    true => Looked::Stopped,
                    false => {
                        self.verify_account(ctx, account.id, stop, &mut verification)
                            .await?
                    }
                };
                if looked == Looked::Stopped {
                    verification.stopped = true;
                    return Ok(verification);
                }
                verification.verified.accounts += 1;
                progress(verification.verified);
            }
        }
    }

    /// Verifies some of the tenant's accounts for an administrator, in a bounded time: the same as [`verify`](Self::verify) a page at a
    /// time. What was looked at and how much was found is an event of the audit trail.
    ///
    /// # Errors
    /// [`TradingError::Forbidden`] without [`VIEW`] in the whole tenant; [`TradingError::Verifying`] while the tenant's accounts are being
    /// verified for somebody, or those of two other tenants are.
    pub async fn verify_some(
        &self,
        ctx: &RequestContext,
        request: &VerifyRequest,
    ) -> Result<VerifiedAccounts, TradingError> {
        ctx.require(VIEW)?;
        let place = self.inner.verifying.begin(ctx.tenant());
        let _place = place.ok_or(TradingError::Verifying)?;
        let stop = CancellationToken::new();
        let verifying = self.verify_until(ctx, request, &stop);
        tokio::pin!(verifying);
        let verified = match tokio::time::timeout(request.within, &mut verifying).await {
            Ok(verified) => verified?,
            Err(_) => {
                stop.cancel();
                verifying.await?
            }
        };
        let Verification {
            verified: progress,
            findings_total,
            ..
        } = &verified.verification;
        let event = AuditEvent::new(VERIFY, Outcome::Success)
            .activity(Activity::Read)
            .severity(if *findings_total == 0 { Severity::Informational } else { Severity::High })
            .detail(json!({ "accounts": progress.accounts, "events": progress.events, "findings": findings_total }));
        self.inner.audit.record_alone(&self.inner.db, ctx, event).await?;
        Ok(verified)
    }

    async fn verify_until(
        &self,
        ctx: &RequestContext,
        request: &VerifyRequest,
        stop: &CancellationToken,
    ) -> Result<VerifiedAccounts, TradingError> {
        let limit = request.accounts_max.clamp(1, ACCOUNTS_PAGE);
        let mut verification = Verification::default();
        let are_sums_verified = request.after.is_none() && self.sums_in_time(ctx, &mut verification).await?;
        let accounts = self.accounts_after(ctx, request.after, limit + 1).await?;
        let (mut not_verified, mut last) = (None, None);
        for account in accounts.iter().take(usize::try_from(limit).unwrap_or(usize::MAX)) {
            let before = (verification.findings.len(), verification.findings_total);
            let looked = match (stop.is_cancelled(), last) {
                (true, Some(_)) => Looked::Stopped,
                _ => {
                    self.verify_account(ctx, account.id, stop, &mut verification)
                        .await?
                }
            };
            match (looked, last) {
                (Looked::Whole, _) => verification.verified.accounts += 1,
                // It would not be enough the next time either.
                (Looked::Stopped, None) => not_verified = Some(account.id),
                (Looked::Stopped, Some(_)) => {
                    // The next page begins with it.
                    verification.findings.truncate(before.0);
                    verification.findings_total = before.1;
                    break;
                }
            }
            last = Some(account.id);
            if looked == Looked::Stopped {
                break;
            }
        }
        let is_end = accounts.last().map(|account| account.id) == last;
        Ok(VerifiedAccounts {
            verification,
            are_sums_verified,
            not_verified,
            next: last.filter(|_| !is_end),
        })
    }

    /// Adds everything up, unless that takes longer than a statement may. Tells whether it did.
    async fn sums_in_time(
        &self,
        ctx: &RequestContext,
        verification: &mut Verification,
    ) -> Result<bool, TradingError> {
        match self.verify_sums(ctx, verification).await {
            Ok(()) => Ok(true),
            Err(TradingError::Db(DbError::Timeout(_))) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn verify_sums(
        &self,
        ctx: &RequestContext,
        verification: &mut Verification,
    ) -> Result<(), TradingError> {
        for discrepancy in self.reconcile(ctx).await?.discrepancies {
            verification.add(VerifyFinding::Sum(discrepancy));
        }
        Ok(())
    }

    async fn accounts_after(
        &self,
        ctx: &RequestContext,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<Vec<ListedAccount>, TradingError> {
        let mut read = self.inner.db.read(ctx).await?;
        let accounts = store::accounts_page(&mut read, after, limit).await?;
        read.finish().await?;
        Ok(accounts)
    }
}
