//! What can go wrong, by what the caller can do about it.

use std::time::Duration;

use platform_audit::AuditError;
use platform_core::Forbidden;
use platform_core::pg::DbError;
use platform_crypto::{KeyError, OpenError, SealError};

use crate::{EraseUserError, HashError, HoldUserError, InvalidRegistration, SealClearError};

/// The service could not do its part; nothing was changed and nothing is wrong with the request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The database failed.
    #[error("the database failed")]
    Db(#[from] DbError),
    /// The change was rolled back, because it could not be recorded.
    #[error("the audit event could not be recorded")]
    Audit(#[from] AuditError),
    /// The keys of the tenant or of the user could not be had; nothing is stored unsealed.
    #[error("the keys could not be had")]
    Keys(#[source] KeyError),
    /// What identifies a user could not be sealed.
    #[error("what identifies the user could not be sealed")]
    Seal(#[from] SealError),
    /// What identifies a user is stored and cannot be opened: it was altered, or its key is gone.
    #[error("what identifies the user could not be opened")]
    Open(#[from] OpenError),
    /// The password could not be hashed, most likely because too many are being hashed.
    #[error("the password could not be hashed")]
    Hash(#[from] HashError),
}

/// The tenant takes no sign-ins, registrations or requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TenantRefused {
    /// There is no such tenant.
    #[error("there is no such tenant")]
    Unknown,
    /// It is suspended or closed.
    #[error("the tenant is suspended")]
    Suspended,
}

/// A user was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// Users of this service do not register themselves.
    #[error("registration is closed")]
    Closed,
    /// The input has to be corrected.
    #[error("the registration is not valid")]
    Invalid(#[from] InvalidRegistration),
    /// A user of the tenant has this e-mail address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// The tenant takes no users.
    #[error(transparent)]
    Tenant(#[from] TenantRefused),
    /// The service could not do its part.
    #[error("the user could not be registered")]
    Fault(#[source] Fault),
}

/// Nobody was signed in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// There is no such user, the password is wrong or the user is disabled. Which it is stands in the audit trail and nowhere else.
    #[error("the e-mail address or the password is wrong")]
    InvalidCredentials,
    /// Too many attempts failed, for this account or from this address. Try again after this long.
    #[error("too many attempts have failed")]
    TooManyAttempts {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The tenant takes no sign-ins.
    #[error(transparent)]
    Tenant(#[from] TenantRefused),
    /// The service could not do its part.
    #[error("the user could not be signed in")]
    Fault(#[source] Fault),
}

/// A token does not stand for anybody.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthenticateError {
    /// It is malformed, unknown, expired or ended, or its user is disabled.
    #[error("the token is not valid")]
    InvalidToken,
    /// It is good, but its tenant is suspended or closed.
    #[error("the tenant is suspended")]
    TenantSuspended,
    /// The service could not find out. Refuse the request.
    #[error("the token could not be verified")]
    Fault(#[source] Fault),
}

/// Users or sessions could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// The caller lacks a permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The service could not do its part.
    #[error("users and sessions could not be reached")]
    Fault(#[source] Fault),
}

/// A database that fails while keys are looked for is a database that fails.
impl From<KeyError> for Fault {
    fn from(error: KeyError) -> Self {
        Self::Keys(error)
    }
}

/// Lets `?` turn what the database, the audit trail, the keys and the hasher report into the fault of an operation.
macro_rules! faults {
    ($($error:ident),+) => {$(
        impl From<KeyError> for $error {
            fn from(error: KeyError) -> Self {
                Self::Fault(error.into())
            }
        }

        impl From<SealError> for $error {
            fn from(error: SealError) -> Self {
                Self::Fault(error.into())
            }
        }

        impl From<OpenError> for $error {
            fn from(error: OpenError) -> Self {
                Self::Fault(error.into())
            }
        }

        impl From<Fault> for $error {
            fn from(fault: Fault) -> Self {
                Self::Fault(fault)
            }
        }

        impl From<DbError> for $error {
            fn from(error: DbError) -> Self {
                Self::Fault(error.into())
            }
        }

        impl From<AuditError> for $error {
            fn from(error: AuditError) -> Self {
                Self::Fault(error.into())
            }
        }

        impl From<HashError> for $error {
            fn from(error: HashError) -> Self {
                Self::Fault(error.into())
            }
        }
    )+};
}

faults!(
    RegisterError,
    SignInError,
    AuthenticateError,
    AccessError,
    EraseUserError,
    HoldUserError,
    SealClearError
);
