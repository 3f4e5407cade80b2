//! Asking for cash to be moved: what is small moves at once, what is large waits for somebody else.

use platform_audit::{Action, Activity};
use platform_core::RequestContext;
use platform_core::pg::{DbError, TenantTx};
use serde_json::json;

use super::carry_out::{check_open, event, refused};
use super::{Adjusted, Adjustment, AdjustmentError, AdjustmentId, AdjustmentStatus};
use crate::service::snapshots::last_close;
use crate::service::{ADJUST, AccountId, AdminReason, Trading, TradingError};
use crate::{Cents, store};

const REQUESTED: Action = Action::new("adjustment.request");

impl Trading {
    /// Pays cash into an account of another, or out of what is available in it when `amount` is negative.
    ///
    /// Above [`TradingConfig::four_eyes_above`](crate::TradingConfig::four_eyes_above) it moves nothing yet: it is `pending` until
    /// another administrator approves or refuses it, or its time is over. So is what would bring the amounts, in and out, that one
    /// administrator, or all of them in one account, have moved alone since the last session closed above it. The idempotency key of `ctx`
    /// is the administrator's own and is remembered for ever.
    ///
    /// # Errors
    /// [`AdjustmentError`]; nothing was recorded but a debit that was not covered, which is an event that failed.
    pub async fn adjust_cash(
        &self,
        ctx: &RequestContext,
        account: AccountId,
        (amount, reason): (Cents, &AdminReason),
    ) -> Result<Adjusted, AdjustmentError> {
        let adjusted = self.adjust(ctx, account, (amount, reason)).await;
        if let Err(error) = &adjusted
            && let Some(event) = refused(error)
        {
            let event = event
                .target("account", account.to_string())
                .detail(json!({ "amount": amount, "reason": reason.as_str() }));
            self.inner
                .audit
                .record_refusal(&self.inner.db, ctx, event)
                .await?;
        }
        adjusted
    }

    async fn adjust(
        &self,
        ctx: &RequestContext,
        account: AccountId,
        (amount, reason): (Cents, &AdminReason),
    ) -> Result<Adjusted, AdjustmentError> {
        // Before anything is said of the request: whoever may not is told so and nothing more.
        let _allowed = self.authorize_account(ctx, ADJUST, account)?;
        let requested_by = ctx.principal().id().ok_or(TradingError::NoPrincipal)?;
        let key = ctx.meta().idempotency_key.as_ref();
        let key = key.ok_or(AdjustmentError::KeyMissing)?.as_str();
        if amount.is_zero() {
            return Err(AdjustmentError::Nothing);
        }
        let (mut tx, account) = self.lock_account_for(ctx, ADJUST, account).await?;
        self.not_ones_own(&mut tx, ctx, &account).await?;
        let now = self.now();
        if let Some(known) = store::adjustment_by_key(&mut tx, account.id, (requested_by, key)).await? {
            return match (known.amount, known.reason.as_str()) == (amount, reason.as_str()) {
                true => Ok(Adjusted::Replayed(known.view(now))),
                false => Err(AdjustmentError::KeyReused),
            };
        }
        let mut adjustment = Adjustment {
            id: AdjustmentId::generate(self.sources()),
            account_id: account.id,
            amount,
            reason: reason.as_str().to_owned(),
            status: AdjustmentStatus::Pending,
            requested_by,
            requested_at: now,
            expires_at: None,
            decided_by: None,
            decided_at: None,
            transfer_seq: None,
        };
        check_open(&account, amount)?;
        if self.needs_approval(&mut tx, &adjustment).await? {
            adjustment.expires_at = Some(now + self.inner.config.approval_within);
            store::insert_adjustment(&mut tx, &adjustment, key).await?;
            let event = event(REQUESTED, &adjustment).activity(Activity::Create);
            self.inner.audit.record(&mut tx, ctx, event).await?;
        } else {
            self.move_adjusted(&mut tx, ctx, (&account, &mut adjustment))
                .await?;
            store::insert_adjustment(&mut tx, &adjustment, key).await?;
        }
        tx.commit().await?;
        Ok(Adjusted::New(adjustment.view(now)))
    }
    /// Whether somebody else has to look at it: at itself, or because of all that was moved alone on the same day. The caller holds the
    /// account's lock.
    async fn needs_approval(&self, tx: &mut TenantTx, adjustment: &Adjustment) -> Result<bool, DbError> {
        let Some(above) = self.inner.config.four_eyes_above else {
            return Ok(false);
        };
        let size = adjustment.amount.cents().abs();
        if size > above.cents() {
            return Ok(true);
        }
        // Of one administrator's adjustments of several accounts, each waits here for the one before.
        store::lock_adjuster(tx, adjustment.requested_by).await?;
        let since = last_close(self.inner.config.calendar, adjustment.requested_at);
        let of = (adjustment.account_id, adjustment.requested_by);
        let moved = store::moved_alone(tx, of, since).await?;
        Ok(moved.saturating_add(size) > above.cents())
    }
}
