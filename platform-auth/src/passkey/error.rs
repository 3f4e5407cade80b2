//! What can go wrong with passkeys, by what the caller can do about it.

use std::time::Duration;

use crate::{CredentialError, Fault, InvalidName, TenantRefused};

/// Nothing was done with a passkey.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PasskeyError {
    /// The service has no passkeys.
    #[error("this service has no passkeys")]
    NotConfigured,
    /// The challenge or the answer of the authenticator is not good: malformed, forged, of another page, user, session or tenant, used,
    /// expired, of no passkey that is known, or of one that is disabled. Which it is stands in the audit trail at most.
    #[error("the answer of the authenticator is not valid")]
    InvalidPasskey,
    /// The caller has signed in too long ago for this: send the password, or prove anew who it is.
    #[error("the caller has to prove anew who it is")]
    ReauthenticationRequired,
    /// The name cannot be given to a passkey.
    #[error(transparent)]
    InvalidName(#[from] InvalidName),
    /// The caller has no such passkey.
    #[error("there is no such passkey")]
    NotFound,
    /// The caller has 20 passkeys: remove one first.
    #[error("the user has too many passkeys")]
    TooMany,
    /// The passkey was right, and nobody has shown yet that the mail of the address is read, which this service asks for.
    #[error("the e-mail address is not verified")]
    EmailUnverified,
    /// The caller could not prove with the password who it is.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// Too many attempts failed, or too many challenges were asked for. Try again after this long.
    #[error("too many attempts have failed")]
    TooManyAttempts {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The tenant takes no requests.
    #[error(transparent)]
    Tenant(#[from] TenantRefused),
    /// The service could not do its part.
    #[error("the passkey could not be worked with")]
    Fault(#[source] Fault),
}
