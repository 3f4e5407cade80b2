//! Cash that administrators pay into accounts and out of them, with a second pair of eyes for large amounts.

mod ask;
mod carry_out;
mod decide;

use platform_audit::AuditError;
use platform_core::pg::DbError;
use platform_core::{Forbidden, PrincipalId, RequestContext, Timestamp};
use serde::{Deserialize, Serialize};

use super::error::through_trading;
use super::{ADJUST, AccountAdminError, AccountId, Trading, TradingError};
use crate::Cents;
use crate::domain::word_enum;
use crate::store;

platform_core::id_type! {
    /// Names an adjustment of an account's cash.
    pub struct AdjustmentId;
}

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
}
