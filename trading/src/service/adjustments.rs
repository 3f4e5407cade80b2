//! Cash that administrators pay into accounts and out of them, with a second pair of eyes for large amounts.

use platform_audit::{
    Action, Activity, AuditError, Changes, Event as AuditEvent, Outcome, Retention, Severity,
};
use platform_core::pg::{DbError, TenantTx};
use platform_core::{Forbidden, PrincipalId, PrincipalKind, RequestContext, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::error::through_trading;
use super::{ADJUST, AccountAdminError, AccountId, AccountStatus, AdminReason, Trading, TradingError};
use crate::domain::word_enum;
use crate::store::{self, AccountRow};
use crate::{AccountEvent, Amount, Cents};

platform_core::id_type! {
    /// Names an adjustment of an account's cash.
    pub struct AdjustmentId;
}

const ADJUSTED: Action = Action::new("account.adjust");
const REQUESTED: Action = Action::new("adjustment.request");
const REFUSED: Action = Action::new("adjustment.refuse");

word_enum! {
    /// What became of an adjustment.
    AdjustmentStatus ("adjustment status") {
        /// Another administrator has to approve it.
        Pending = "pending",
        /// The cash has moved.
        Applied = "applied",
        /// Another administrator has refused it.
        Refused = "refused",
        /// Nobody has approved it in time. Stored as pending: the time says the rest.
        Expired = "expired",
    }
}

/// An adjustment as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Adjustment {
    pub(crate) id: AdjustmentId,
    pub(crate) account_id: AccountId,
    #[sqlx(rename = "amount_cents")]
    pub(crate) amount: Cents,
    pub(crate) reason: String,
    pub(crate) status: AdjustmentStatus,
    pub(crate) requested_by: PrincipalId,
    pub(crate) requested_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) decided_by: Option<PrincipalId>,
    pub(crate) decided_at: Option<Timestamp>,
    pub(crate) transfer_seq: Option<i64>,
}

/// An adjustment as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct AdjustmentView {
    /// Its id.
    pub id: AdjustmentId,
    /// Whose cash.
    pub account_id: AccountId,
    /// Paid in when positive, paid out when negative.
    pub amount: Cents,
    /// Why.
    pub reason: String,
    /// What became of it.
    pub status: AdjustmentStatus,
    /// Who asked for it.
    pub requested_by: PrincipalId,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "http", schema(value_type = String, format = DateTime))]
    pub requested_at: Timestamp,
    /// Until when it can be approved; null where nobody had to.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "http", schema(value_type = Option<String>, format = DateTime))]
    pub expires_at: Option<Timestamp>,
    /// Who approved or refused it.
    pub decided_by: Option<PrincipalId>,
    /// When.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "http", schema(value_type = Option<String>, format = DateTime))]
    pub decided_at: Option<Timestamp>,
    /// The number of the row in the account's ledger.
    pub transfer_seq: Option<i64>,
}

impl Adjustment {
    fn view(&self, now: Timestamp) -> AdjustmentView {
        let expired = self.expires_at.is_some_and(|end| end <= now);
        AdjustmentView {
            id: self.id,
            account_id: self.account_id,
            amount: self.amount,
            reason: self.reason.clone(),
            status: match self.status {
                AdjustmentStatus::Pending if expired => AdjustmentStatus::Expired,
                status => status,
            },
            requested_by: self.requested_by,
            requested_at: self.requested_at,
            expires_at: self.expires_at,
            decided_by: self.decided_by,
            decided_at: self.decided_at,
            transfer_seq: self.transfer_seq,
        }
    }
}

/// An answer to an adjustment, and whether it is a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adjusted {
    /// It was made just now.
    New(AdjustmentView),
    /// It had been made before under the same key; here is how it stands.
    Replayed(AdjustmentView),
}

/// Why cash was not adjusted. None moved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdjustmentError {
    /// There is no such account or adjustment, or the caller may not know of it.
    #[error("there is no such account or adjustment")]
    NotFound,
    /// The request has no idempotency key, without which a repetition would move the cash twice.
    #[error("an adjustment needs an idempotency key")]
    KeyMissing,
    /// The key was used for another adjustment.
    #[error("the idempotency key was used for another adjustment")]
    KeyReused,
    /// An adjustment of nothing.
    #[error("an adjustment moves more than nothing")]
    Nothing,
    /// Less is available; what is held for open orders is not touched.
    #[error("the account has less available")]
    InsufficientFunds,
    /// The account cannot hold so much.
    #[error("the account cannot hold so much")]
    TooMuch,
    /// Nothing is paid into a closed account.
    #[error("the account is closed")]
    Closed,
    /// Who asked for it cannot decide about it.
    #[error("another administrator has to decide")]
    OwnRequest,
    /// The account is the caller's own.
    #[error("nobody adjusts the cash of an account of their own")]
    OwnAccount,
    /// A service does not decide: it may belong to whoever asked.
    #[error("only a person decides about an adjustment")]
    NotAPerson,
    /// It was decided before, or its time is over: here it is.
    #[error("the adjustment is {}", .0.status)]
    Decided(Box<AdjustmentView>),
    /// Anything that is not about this adjustment.
    #[error(transparent)]
    Trading(#[from] TradingError),
}

through_trading! {
    AdjustmentError: DbError, AuditError, Forbidden;
}

impl From<AccountAdminError> for AdjustmentError {
    fn from(error: AccountAdminError) -> Self {
        match error {
            AccountAdminError::Trading(error) => Self::Trading(error),
            AccountAdminError::Closed => Self::Closed,
            AccountAdminError::NotFound | AccountAdminError::NotFlat => Self::NotFound,
        }
    }
}

impl Trading {
    /// Pays cash into an account of another, or out of what is available in it when `amount` is negative.
    ///
    /// Above [`TradingConfig::four_eyes_above`](crate::TradingConfig::four_eyes_above) it moves nothing yet: it is `pending` until
    /// another administrator approves or refuses it, or its time is over. The idempotency key of `ctx` is the administrator's own and is
    /// remembered for ever.
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
            expires_at: self
                .needs_approval(amount)
                .then(|| now + self.inner.config.approval_within),
            decided_by: None,
            decided_at: None,
            transfer_seq: None,
        };
        check_open(&account, amount)?;
        if adjustment.expires_at.is_some() {
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

    /// Adjustments of the tenant's accounts, the newest first, at most `limit` before `before`; `pending` leaves those alone that can
    /// still be approved.
    ///
    /// # Errors
    /// [`TradingError::Forbidden`] without [`ADJUST`] in the whole tenant.
    pub async fn adjustments(
        &self,
        ctx: &RequestContext,
        pending: bool,
        (before, limit): (Option<AdjustmentId>, u32),
    ) -> Result<Vec<AdjustmentView>, TradingError> {
        ctx.require(ADJUST)?;
        let now = self.now();
        let mut read = self.inner.db.read(ctx).await?;
        let rows = store::adjustments_page(&mut read, pending.then_some(now), (before, limit)).await?;
        read.finish().await?;
        Ok(rows.iter().map(|row| row.view(now)).collect())
    }

    fn needs_approval(&self, amount: Cents) -> bool {
        let above = self.inner.config.four_eyes_above;
        above.is_some_and(|above| amount.cents().abs() > above.cents())
    }

    /// Nobody decides about cash of their own.
    async fn not_ones_own(
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

    /// Moves the cash, with its row of the ledger and its event.
    async fn move_adjusted(
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
        let seq = store::move_cash(tx, account, moved, now).await?;
        let logged = match amount.is_negative() {
            true => AccountEvent::Withdrawal { transfer },
            false => AccountEvent::Deposit { transfer },
        };
        store::append_events(tx, (account.id, account.event_seq), &[logged], now).await?;
        adjustment.status = AdjustmentStatus::Applied;
        adjustment.transfer_seq = Some(seq);
        let changes = Changes::new().field(
            "cash.available",
            account.available_cents.to_string(),
            moved.0.available.to_string(),
        );
        let event = event(ADJUSTED, adjustment)
            .activity(Activity::Update)
            .changes(changes);
        self.inner.audit.record(tx, ctx, event).await?;
        Ok(())
    }
}

/// A closed account is only paid out.
fn check_open(account: &AccountRow, amount: Cents) -> Result<(), AdjustmentError> {
    match account.status {
        AccountStatus::Closed if !amount.is_negative() => Err(AdjustmentError::Closed),
        _ => Ok(()),
    }
}

fn event(action: Action, adjustment: &Adjustment) -> AuditEvent {
    let asked = adjustment.decided_by.map(|_| adjustment.requested_by);
    AuditEvent::new(action, Outcome::Success)
        .severity(Severity::Medium)
        .target("adjustment", adjustment.id.to_string())
        .target("account", adjustment.account_id.to_string())
        .detail(json!({ "amount": adjustment.amount, "reason": adjustment.reason, "requested_by": asked }))
}

/// What the trail says of an adjustment that was not carried out, as far as it is more than a mistake.
fn refused(error: &AdjustmentError) -> Option<AuditEvent> {
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
