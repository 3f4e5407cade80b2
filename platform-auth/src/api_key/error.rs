//! Why keys were not made, changed or shown.

use platform_core::{Forbidden, Permission, StepUpRequired};

use super::InvalidApiKey;
use crate::Fault;

/// API keys were not made, changed or shown. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiKeyError {
    /// The caller lacks a permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The caller is no user in a session: keys are not made with keys.
    #[error("this takes a session, sign in")]
    SessionRequired,
    /// Nobody has proved for five minutes who it is: keys are made after a proof. Step up first.
    #[error(transparent)]
    StepUpRequired(#[from] StepUpRequired),
    /// The tenant asks for a second factor, and the session began without.
    #[error("this takes a session that began with a second factor")]
    SecondFactorRequired,
    /// Nobody has shown that the mail of the user's address is read, where the service sends mail.
    #[error("the e-mail address is not verified")]
    EmailUnverified,
    /// The tenant has no such service principal, or the owner no such key.
    #[error("there is no such thing")]
    NotFound,
    /// The key cannot be as it was asked for.
    #[error("the key is not valid")]
    Invalid(#[from] InvalidApiKey),
    /// No module declares a permission of this name.
    #[error("there is no permission {0}")]
    UnknownPermission(String),
    /// The caller does not hold this scope: nowhere, or for a service principal's key not as widely and as long as the key would.
    #[error("nobody can give {} to a key who does not hold it as widely and as long", .0.name())]
    Exceeds(Permission),
    /// The service principal does not hold this scope.
    #[error("the service principal does not hold {}", .0.name())]
    NotOfService(Permission),
    /// The owner is disabled, and gets no keys until that has changed.
    #[error("the owner is disabled")]
    OwnerDisabled,
    /// The key is revoked or has expired, and cannot be exchanged.
    #[error("the key works no longer, make another one")]
    NotLive,
    /// Another key has taken its place already.
    #[error("another key has taken its place already")]
    AlreadyRotated,
    /// The owner has as many keys as there can be. Revoke some.
    #[error("there are {max} already, which is as many as there can be")]
    TooMany {
        /// How many there can be.
        max: u32,
    },
    /// The service could not do its part.
    #[error("API keys could not be reached")]
    Fault(#[source] Fault),
}
