//! Deciding about what another administrator asked for.

use platform_audit::{Action, Activity};
use platform_core::pg::TenantTx;
use platform_core::{PrincipalKind, RequestContext};

use super::carry_out::{check_open, event, refused};
use super::{Adjustment, AdjustmentError, AdjustmentId, AdjustmentStatus, AdjustmentView};
use crate::service::{ADJUST, Trading, TradingError};
use crate::store::{self, AccountRow};

const REFUSED: Action = Action::new("adjustment.refuse");

impl Trading {
    /// Carries out an adjustment that another administrator asked for. Of several approvals one has an effect.
    ///
    /// # Errors
    /// [`AdjustmentError::OwnRequest`], which is a denied event; [`AdjustmentError::Decided`] when it was decided before or its time is
    /// over; [`AdjustmentError::InsufficientFunds`] leaves it pending.
    pub async fn approve_adjustment(
        &self,
        ctx: &RequestContext,
        id: AdjustmentId,
    ) -> Result<AdjustmentView, AdjustmentError> {
        let approved = self.approve(ctx, id).await;
        self.recorded(ctx, id, approved).await
    }

    async fn approve(
        &self,
        ctx: &RequestContext,
        id: AdjustmentId,
    ) -> Result<AdjustmentView, AdjustmentError> {
        let (mut tx, account, mut adjustment) = self.lock_pending(ctx, id).await?;
        check_open(&account, adjustment.amount)?;
        self.move_adjusted(&mut tx, ctx, (&account, &mut adjustment))
            .await?;
        store::decide_adjustment(&mut tx, &adjustment).await?;
        tx.commit().await?;
        Ok(adjustment.view(self.now()))
    }

    /// Refuses an adjustment that another administrator asked for.
    ///
    /// # Errors
    /// As [`approve_adjustment`](Self::approve_adjustment).
    pub async fn refuse_adjustment(
        &self,
        ctx: &RequestContext,
        id: AdjustmentId,
    ) -> Result<AdjustmentView, AdjustmentError> {
        let refused = self.refuse(ctx, id).await;
        self.recorded(ctx, id, refused).await
    }

    async fn refuse(
        &self,
        ctx: &RequestContext,
        id: AdjustmentId,
    ) -> Result<AdjustmentView, AdjustmentError> {
        let (mut tx, _, mut adjustment) = self.lock_pending(ctx, id).await?;
        adjustment.status = AdjustmentStatus::Refused;
        store::decide_adjustment(&mut tx, &adjustment).await?;
        let event = event(REFUSED, &adjustment).activity(Activity::Update);
        self.inner.audit.record(&mut tx, ctx, event).await?;
        tx.commit().await?;
        Ok(adjustment.view(self.now()))
    }

    /// The outcome of a decision; one that was refused for a reason that matters is an event of its own, now that nothing is locked.
    async fn recorded(
        &self,
        ctx: &RequestContext,
        id: AdjustmentId,
        outcome: Result<AdjustmentView, AdjustmentError>,
    ) -> Result<AdjustmentView, AdjustmentError> {
        if let Err(error) = &outcome
            && let Some(event) = refused(error)
        {
            let event = event.target("adjustment", id.to_string());
            self.inner
                .audit
                .record_refusal(&self.inner.db, ctx, event)
                .await?;
        }
        outcome
    }

    /// A pending adjustment of another under the lock of its account, marked as decided by the caller now.
    async fn lock_pending(
        &self,
        ctx: &RequestContext,
        id: AdjustmentId,
    ) -> Result<(TenantTx, AccountRow, Adjustment), AdjustmentError> {
        let decider = ctx.principal().id().ok_or(TradingError::NoPrincipal)?;
        let mut read = self.inner.db.read(ctx).await?;
        let known = store::read_adjustment(&mut read, id).await?;
        read.finish().await?;
        let account = known.ok_or(AdjustmentError::NotFound)?.account_id;
        let (mut tx, account) = self.lock_account_for(ctx, ADJUST, account).await?;
        // An administrator can make a service of their own, which would be a second pair of the same eyes.
        if ctx.principal().kind() != PrincipalKind::User {
            return Err(AdjustmentError::NotAPerson);
        }
        self.not_ones_own(&mut tx, ctx, &account).await?;
        let adjustment = store::load_adjustment(&mut tx, account.id, id).await?;
        let adjustment = adjustment.ok_or(AdjustmentError::NotFound)?;
        let acts_for = ctx.acts_for().and_then(platform_core::Principal::id);
        if [Some(decider), acts_for].contains(&Some(adjustment.requested_by)) {
            return Err(AdjustmentError::OwnRequest);
        }
        let now = self.now();
        let view = adjustment.view(now);
        if view.status != AdjustmentStatus::Pending {
            return Err(AdjustmentError::Decided(Box::new(view)));
        }
        let decided = Adjustment {
            decided_by: Some(decider),
            decided_at: Some(now),
            ..adjustment
        };
        Ok((tx, account, decided))
    }
}
