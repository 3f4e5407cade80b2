//! What can go wrong, by what the caller can do about it.

use std::time::Duration;

use platform_audit::AuditError;
use platform_core::Forbidden;
use platform_core::pg::DbError;
use platform_crypto::{KeyError, OpenError, SealError};

#[cfg(feature = "passkeys")]
use crate::PasskeyError;
use crate::throttle::Held;
use crate::{
    AcceptError, ApiKeyError, AuthzError, EraseUserError, HashError, HoldUserError, HostError, InvalidEmail,
    InvalidPassword, InvalidRegistration, InviteError, OverseeError, PolicyError, SealClearError,
    SessionError,
};

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
    /// The request waited for the answer to a question that another request had asked, and that one failed. The cause is logged there.
    #[error("a question that several requests shared failed")]
    Shared,
    /// What the tenants above ask of this one was not looked up a moment ago; nothing is decided without it.
    #[error("what the tenants above ask is not known at the moment")]
    PolicyUnknown,
    /// The caller was granted more than can be compiled; nothing is decided about it.
    #[error("more was granted to the caller than can be compiled")]
    TooMuchGranted,
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
    /// The tenant takes no address of this domain from who registers.
    #[error("addresses of this domain cannot register")]
    EmailDomain,
    /// A user of the tenant has this e-mail address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// Too many have registered, in this tenant, from this source address or with this e-mail address. Try again after this long.
    #[error("too many have registered")]
    TooManyAttempts {
        /// How long to wait.
        retry_after: Duration,
    },
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
    /// There is no such user, the password is wrong, the user is disabled, or the service asks for verified addresses and nobody has
    /// verified this one. Which it is stands in the audit trail and nowhere else.
    #[error("the e-mail address or the password is wrong")]
    InvalidCredentials,
    /// The challenge with which a sign-in goes on is unknown, used, expired or void: begin anew with the password.
    #[error("the challenge is not valid")]
    InvalidChallenge,
    /// The code is not the one of now, or was used already. The challenge holds for a few more.
    #[error("the code is not valid")]
    InvalidCode,
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

/// A user's own credentials were not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The caller is no user, or no active one any more.
    #[error("the caller is no user")]
    NoUser,
    /// The caller is a user in no session, such as under an API key: what a user signs in with is changed and shown in a session alone.
    #[error("this takes a session, sign in")]
    SessionRequired,
    /// The tenant asks for a second factor, the user has a passkey, and the session began with the password alone: sign in with the
    /// passkey first.
    #[error("this takes a session that began with the passkey")]
    SecondFactorRequired,
    /// The password that should prove who asks is wrong.
    #[error("the password is wrong")]
    WrongPassword,
    /// The code is not the one of now, or was used already.
    #[error("the code is not valid")]
    InvalidCode,
    /// The password cannot be set.
    #[error("the password cannot be set")]
    Password(#[from] InvalidPassword),
    /// Who verifies an address is not signed in as its user, and has to choose a password. The token is still good.
    #[error("a password has to be chosen")]
    PasswordRequired,
    /// Nobody has shown yet that the mail of the user's address is read.
    #[error("the e-mail address is not verified")]
    EmailUnverified,
    /// The one-time token is malformed, unknown, used, expired or void, whichever it is.
    #[error("the token is not valid")]
    InvalidToken,
    /// Signing in takes codes already: give them up first.
    #[error("a second factor is set up already")]
    AlreadyEnrolled,
    /// There is no second factor, or none that waits for its first code.
    #[error("no second factor is set up")]
    NotEnrolled,
    /// Too many attempts failed. Try again after this long.
    #[error("too many attempts have failed")]
    TooManyAttempts {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The tenant takes no requests.
    #[error(transparent)]
    Tenant(#[from] TenantRefused),
    /// The service could not do its part.
    #[error("the credential could not be changed")]
    Fault(#[source] Fault),
}

/// No mail was asked for. Whether anybody has the address is in none of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MailRequestError {
    /// The text is no address.
    #[error(transparent)]
    InvalidEmail(#[from] InvalidEmail),
    /// The service sends no mail.
    #[error("this service sends no mail")]
    NoMail,
    /// Too many mails were asked for, to this address or from where the request comes. Try again after this long.
    #[error("too many mails were asked for")]
    TooManyAttempts {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The tenant takes no requests.
    #[error(transparent)]
    Tenant(#[from] TenantRefused),
    /// The service could not do its part.
    #[error("the mail could not be asked for")]
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
    /// The caller has shown an API key, and no session can be ended with one.
    #[error("this takes a session, sign in")]
    SessionRequired,
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
    CredentialError,
    MailRequestError,
    AuthenticateError,
    AccessError,
    ApiKeyError,
    AuthzError,
    EraseUserError,
    HoldUserError,
    HostError,
    InviteError,
    AcceptError,
    OverseeError,
    PolicyError,
    SealClearError,
    SessionError
);

#[cfg(feature = "passkeys")]
faults!(PasskeyError);

/// Lets `?` turn what a throttle says into the error of an operation.
macro_rules! held {
    ($($error:ident),+) => {$(
        impl From<Held> for $error {
            fn from(held: Held) -> Self {
                match held {
                    Held::TooManyAttempts { retry_after } => Self::TooManyAttempts { retry_after },
                    Held::Busy => Self::from(HashError::busy()),
                }
            }
        }
    )+};
}

held!(
    RegisterError,
    SignInError,
    CredentialError,
    MailRequestError,
    InviteError
);

#[cfg(feature = "passkeys")]
held!(PasskeyError);
