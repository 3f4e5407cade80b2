//! Why nobody was invited, or nobody accepted.

use std::time::Duration;

use crate::{AuthzError, Fault, InvalidEmail, InvalidRegistration, RegisterError, TenantRefused};

/// Nobody was invited, and no invitation shown or revoked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InviteError {
    /// The caller lacks a permission, would give away more than it holds, named a role that there is not, or there are too many.
    #[error(transparent)]
    Access(AuthzError),
    /// The text is no address.
    #[error(transparent)]
    InvalidEmail(#[from] InvalidEmail),
    /// Shorter than an hour or longer than 30 days.
    #[error("an invitation is open for an hour at least and 30 days at most")]
    InvalidLifetime,
    /// The address was invited too often of late. Try again after this long.
    #[error("the address was invited too often of late")]
    TooManyAttempts {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The service could not do its part.
    #[error("the invitation could not be made, shown or revoked")]
    Fault(#[source] Fault),
}

/// Nobody accepted an invitation, which is as open as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// The token is malformed, unknown, used, expired or revoked, or who invited may not do so any more, or a user has the address
    /// already whose account the token does not give: whichever it is.
    #[error("the invitation is not valid")]
    InvalidToken,
    /// The input has to be corrected.
    #[error(transparent)]
    Invalid(#[from] InvalidRegistration),
    /// The tenant takes no users.
    #[error(transparent)]
    Tenant(#[from] TenantRefused),
    /// The service could not do its part.
    #[error("the invitation could not be accepted")]
    Fault(#[source] Fault),
}

impl From<AuthzError> for InviteError {
    fn from(error: AuthzError) -> Self {
        match error {
            AuthzError::Fault(fault) => Self::Fault(fault),
            other => Self::Access(other),
        }
    }
}

/// That a user has the address is not told to whoever has a token: it may not be theirs.
impl From<RegisterError> for AcceptError {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Invalid(invalid) => Self::Invalid(invalid),
            RegisterError::Tenant(refused) => Self::Tenant(refused),
            RegisterError::Fault(fault) => Self::Fault(fault),
            // Only registering is closed, counted or for some addresses alone.
            RegisterError::Closed
            | RegisterError::EmailDomain
            | RegisterError::TooManyAttempts { .. }
            | RegisterError::EmailTaken => Self::InvalidToken,
        }
    }
}

/// What the inviter may not give any more, nobody gets.
impl From<AuthzError> for AcceptError {
    fn from(error: AuthzError) -> Self {
        match error {
            AuthzError::Fault(fault) => Self::Fault(fault),
            _ => Self::InvalidToken,
        }
    }
}
