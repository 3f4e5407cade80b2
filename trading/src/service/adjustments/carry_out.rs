//! Moving the cash, and what the trail says of it.

use platform_audit::{Action, Activity, Changes, Event as AuditEvent, Outcome, Retention, Severity};
use platform_core::RequestContext;
use platform_core::pg::TenantTx;
use serde_json::json;

use super::{Adjustment, AdjustmentError, AdjustmentStatus};
use crate::service::{AccountStatus, Trading};
use crate::store::{self, AccountRow};
use crate::{AccountEvent, Amount, Cents};

const ADJUSTED: Action = Action::new("account.adjust");

impl Trading {
    /// Nobody decides about cash of their own.
    pub(super) async fn not_ones_own(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        account: &AccountRow,
    ) -> Result<(), AdjustmentError> {
        let owner = store::owner_of(tx, account.id).await?;
        let acting = [
            ctx.principal().id(),
            ctx.acts_for().and_then(platform_core::Principal::id),
        ];
        match owner.is_some() && acting.contains(&owner) {
            true => Err(AdjustmentError::OwnAccount),
            false => Ok(()),
        }
    }

    /// Moves the cash, with its row of the ledger and its event.
    pub(super) async fn move_adjusted(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        (account, adjustment): (&AccountRow, &mut Adjustment),
    ) -> Result<(), AdjustmentError> {
        let amount = adjustment.amount;
        let size = Amount::new(amount.cents().abs()).ok_or(AdjustmentError::Nothing)?;
        let moved = match amount.is_negative() {
            true => account
                .cash()
                .withdraw(size)
                .ok_or(AdjustmentError::InsufficientFunds)?,
            false => account.cash().deposit(size).ok_or(AdjustmentError::TooMuch)?,
        };
        let now = self.now();
        let transfer = moved.1;
        let changes = Changes::new().field(
            "cash.available",
            account.available_cents.to_string(),
            moved.0.available.to_string(),
        );
        let event = event(ADJUSTED, adjustment)
            .activity(Activity::Update)
            .changes(changes);
        self.inner.audit.record(tx, ctx, event).await?;
        let seq = store::move_cash(tx, account, moved, now).await?;
        let logged = match amount.is_negative() {
            true => AccountEvent::Withdrawal { transfer },
            false => AccountEvent::Deposit { transfer },
        };
        store::append_events(tx, (account.id, account.event_seq), &[logged], now).await?;
        adjustment.status = AdjustmentStatus::Applied;
        adjustment.transfer_seq = Some(seq);
        Ok(())
    }
}

/// A closed account is only paid out.
pub(super) fn check_open(account: &AccountRow, amount: Cents) -> Result<(), AdjustmentError> {
    match account.status {
        AccountStatus::Closed if !amount.is_negative() => Err(AdjustmentError::Closed),
        _ => Ok(()),
    }
}

pub(super) fn event(action: Action, adjustment: &Adjustment) -> AuditEvent {
    let asked = adjustment.decided_by.map(|_| adjustment.requested_by);
    AuditEvent::new(action, Outcome::Success)
        .severity(Severity::Medium)
        .target("adjustment", adjustment.id.to_string())
        .target("account", adjustment.account_id.to_string())
        .detail(json!({ "amount": adjustment.amount, "reason": adjustment.reason, "requested_by": asked }))
}

/// What the trail says of an adjustment that was not carried out, as far as it is more than a mistake.
pub(super) fn refused(error: &AdjustmentError) -> Option<AuditEvent> {
    let (outcome, reason, retention) = match error {
        AdjustmentError::OwnRequest => (Outcome::Denied, "own_request", Retention::SECURITY),
        AdjustmentError::OwnAccount => (Outcome::Denied, "own_account", Retention::SECURITY),
        AdjustmentError::NotAPerson => (Outcome::Denied, "person_required", Retention::SECURITY),
        AdjustmentError::InsufficientFunds => {
            (Outcome::Failure, "insufficient_funds", Retention::OPERATIONAL)
        }
        AdjustmentError::TooMuch => (Outcome::Failure, "balance_too_large", Retention::OPERATIONAL),
        _ => return None,
    };
    let event = AuditEvent::new(ADJUSTED, outcome)
        .activity(Activity::Update)
        .severity(Severity::Medium)
        .retention(retention)
        .reason(reason);
    Some(event)
}
