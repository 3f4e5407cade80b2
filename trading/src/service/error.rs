//! Why an operation of the brokerage was not carried out.

use platform_audit::AuditError;
use platform_core::Forbidden;
use platform_core::pg::DbError;

use super::OrderView;
use crate::{FieldError, Invalid};

/// Why any operation can fail.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TradingError {
    /// The caller may not trade.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The caller is nobody who could own an account.
    #[error("only a signed-in principal has an account")]
    NoPrincipal,
    /// Too many orders of the tenant wait to be placed. Nothing was done; try again in a moment.
    #[error("too many orders wait to be placed")]
    Busy,
    /// Another instance does this now, or none does yet. Nothing was done; ask again in a moment, wherever requests are routed then.
    #[error("this instance stands by")]
    NotLeading,
    /// The tenant's accounts are being verified for somebody already, or those of too many others are; try again in a while.
    #[error("accounts are being verified already")]
    Verifying,
    /// The database failed.
    #[error("the rows could not be read or written")]
    Db(#[from] DbError),
    /// The change could not be audited, so it was not made.
    #[error("the change could not be audited")]
    Audit(#[from] AuditError),
    /// The stored tree of the audit trail was altered: nothing can be proven from it. Tell the operator, who verifies the trail.
    #[error("the audit trail cannot prove it")]
    Unproven(#[source] platform_audit::ProveError),
    /// Stored rows contradict the rules; a defect, or somebody changed the database by hand.
    #[error("the stored rows contradict the rules")]
    Inconsistent(#[source] Invalid),
}

impl TradingError {
    /// Is the database gone, for everybody?
    pub(crate) fn is_away(&self) -> bool {
        matches!(
            self,
            Self::Db(DbError::Unavailable(_)) | Self::Audit(AuditError::Db(DbError::Unavailable(_)))
        )
    }

    /// Is there no sense in going on with anything?
    pub(crate) fn ends_work(&self) -> bool {
        self.is_away() || matches!(self, Self::NotLeading)
    }

    /// Is the database gone or busy, so that nothing else would succeed now either?
    pub(crate) fn is_unavailable(&self) -> bool {
        match self {
            Self::Db(error) | Self::Audit(AuditError::Db(error)) => error.is_unavailable(),
            _ => false,
        }
    }
}

/// Why an order was not placed. There is no order; the audit trail tells of the attempt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// Fields are missing, malformed or do not go together.
    #[error("the order's fields are not valid")]
    Fields(Vec<FieldError>),
    /// Nothing with this symbol is traded here.
    #[error("the symbol is not traded here")]
    UnknownSymbol,
    /// The order breaks a rule that its fields alone do not show.
    #[error(transparent)]
    Invalid(Invalid),
    /// The account is suspended or closed.
    #[error("the account may not place orders")]
    AccountInactive,
    /// The order would stay open, and the account has as many open orders as it may have.
    #[error("the account has as many open orders as it may have")]
    TooManyOpenOrders,
    /// The order would stay open, and the accounts of the tenant together have as many open orders as they may have.
    #[error("the brokerage has as many open orders as it can keep")]
    Full,
    /// The idempotency key was used for another order.
    #[error("the idempotency key was used for another order")]
    KeyReused,
    /// The client has given its name for the order to an order with other terms.
    #[error("the client_order_id names an order with other terms")]
    ClientOrderIdTaken,
    /// Anything that is not about this order.
    #[error(transparent)]
    Trading(#[from] TradingError),
}

/// Why an order was not cancelled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CancelError {
    /// The account has no such order.
    #[error("there is no such order")]
    NotFound,
    /// The order was final before: here it is.
    #[error("the order is {}", .0.status)]
    Closed(Box<OrderView>),
    /// Anything that is not about this order.
    #[error(transparent)]
    Trading(#[from] TradingError),
}

/// Why an order was not changed; it is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplaceError {
    /// The account has no such order.
    #[error("there is no such order")]
    NotFound,
    /// The order is final: here it is.
    #[error("the order is {}", .0.status)]
    Closed(Box<OrderView>),
    /// The order has another version than the one that was to be changed: here it is.
    #[error("the order has version {}", .0.version)]
    VersionMismatch(Box<OrderView>),
    /// Fields are malformed or do not go with the order.
    #[error("the fields of the change are not valid")]
    Fields(Vec<FieldError>),
    /// The order as it would be breaks a rule, or the account does not have what it would need.
    #[error(transparent)]
    Invalid(Invalid),
    /// The account is suspended or closed: its orders may be cancelled and not changed.
    #[error("the account may not change orders")]
    AccountInactive,
    /// Anything that is not about this order.
    #[error(transparent)]
    Trading(#[from] TradingError),
}

macro_rules! through_trading {
    ($($error:ty: $($source:ty),+;)+) => {$($(
        impl From<$source> for $error {
            fn from(error: $source) -> Self {
                Self::Trading(error.into())
            }
        }
    )+)+};
}

pub(super) use through_trading;

through_trading! {
    PlaceError: DbError, AuditError, Forbidden;
    CancelError: DbError, AuditError, Forbidden;
    ReplaceError: DbError, AuditError, Forbidden;
}
