//! Users, password sign-in, sessions and roles of a tenant.
//!
//! A user belongs to one tenant, signs in with an e-mail address and a password, and gets an opaque token for a session, of which only the
//! hash is stored. Whatever changes is recorded by `platform_audit` in the same transaction; a failed sign-in is recorded alone.
//!
//! - **What identifies a person**, the e-mail address and the name, is sealed by `platform_crypto` under a key of the user's own. Signing
//!   in finds the user by a blind index. Erasing a user destroys the key, also for whoever restores an older backup.
//! - **Passwords** that are easy to guess, common or stolen elsewhere are not taken. They are hashed with Argon2id, a bounded number at a time, and never logged. Unknown users, wrong passwords and
//!   disabled users get the same answer after the same work.
//! - **Sessions** are read from PostgreSQL for every request: nothing is cached, so ending one takes effect at once on every instance,
//!   and costs each request one query. They end after 30 minutes without use and after 12 hours in any case.
//! - **Guessing** is slowed down for each account and each address, in the memory of each instance, and never to a standstill.
//! - **Roles** that are built in are `user` and `admin`; which permissions they give is set up when the service starts
//!   ([`AuthConfig::grant`]). A tenant makes [roles of its own](Auth::create_role) of the permissions that modules declare as assignable.
//! - **Grants** give a role to a user or a [group](Auth::create_group), in the whole tenant or on one resource, for a time. They are
//!   compiled once and decided in memory ([`RequestContext::authorize`](platform_core::RequestContext::authorize)); revoking one takes
//!   effect on the next request, on every instance. Nobody gives away more than they hold.
//! - **Mail** ([`MailConfig`]) brings tokens with which an address is verified or a forgotten password replaced, and tells users of what
//!   was changed. It is written in the transaction of what it tells of, and sent afterwards, at least once.
//! - **A second factor** is a one-time code by time (RFC 6238) or one of ten recovery codes, each good once.
//! - **Passkeys** (feature `passkeys`) sign in without a password and without a code. A challenge is good once; an authenticator that was
//!   copied is found out by its counter, where it has one.
//!
//! There are no API keys.
//!
//! ```no_run
//! use platform_audit::AuditLog;
//! use platform_auth::{Auth, AuthConfig, Credentials, SignIn};
//! use platform_core::RequestContext;
//! use platform_core::pg::Db;
//! use platform_crypto::Keyring;
//!
//! async fn sign_in(db: &Db, keys: &Keyring, ctx: &RequestContext) -> Result<(), Box<dyn std::error::Error>> {
//!     let auth = Auth::new(db, keys, &AuditLog::new(db.sources().clone()), AuthConfig::default());
//!
//!     let credentials = Credentials { email: "ada@example.com".into(), password: "correct horse".into() };
//!     match auth.sign_in(ctx, credentials).await? {
//!         SignIn::Complete(signed_in) => assert_eq!(signed_in.user.email.expose(), "ada@example.com"),
//!         SignIn::CodeRequired(challenge) => println!("and now the code, before {}", challenge.expires_at),
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Features
//!
//! | feature | gives |
//! |---|---|
//! | `http` (default) | routes with their OpenAPI document, the authentication of requests, the runtime module |
//! | `mail` | mail by SMTP (`lettre`, with the TLS of `rustls` and `ring`), or into a folder |
//! | `passkeys` | passkeys (`webauthn-rs`) |
//! | `testing` | [`testing`]: for the tests of services that embed this crate |

mod access;
mod auth;
mod authz;
mod change;
mod clear;
mod config;
mod email;
mod erasure;
mod error;
mod hasher;
mod identity;
mod mail;
mod name;
mod one_time;
#[cfg(feature = "passkeys")]
mod passkey;
mod password;
mod refusals;
mod register;
mod replay;
mod reset;
mod role;
mod second_factor;
mod session;
mod sign_in;
mod stored;
mod throttle;
mod token;
mod trail;
mod user;

#[cfg(feature = "http")]
pub mod http;

#[cfg(feature = "testing")]
pub mod testing;

pub use auth::{Auth, SignedIn};
pub use authz::{
    AuthzError, CustomRole, Decision, DecisionReason, Effect, GRANTS_MANAGE, GROUPS_MANAGE, Grant,
    GrantFilter, GrantId, GrantPrincipal, Group, GroupId, GroupUpdate, InvalidGrant, InvalidUniqueName,
    Member, Membership, MembershipId, NewGrant, NewRole, Question, ROLES_MANAGE, RoleId, RoleRef, RoleUpdate,
    UniqueName,
};
pub use change::PasswordChange;
pub use clear::SealClearError;
pub use config::{AuthConfig, PasswordConfig, SessionConfig};
pub use email::{EmailAddress, InvalidEmail};
pub use erasure::{EraseUserError, Erasure, HoldUserError};
pub use error::{
    AccessError, AuthenticateError, CredentialError, Fault, MailRequestError, RegisterError, SignInError,
    TenantRefused,
};
pub use hasher::HashError;
pub use identity::SealedUser;
pub use mail::{Delivered, Mail, MailConfig, MailError, MailId, Mailer, SealedMail};
#[cfg(feature = "mail")]
pub use mail::{InvalidSender, InvalidSmtp, MailFolder, Sender, SmtpConfig, SmtpMailer, SmtpTls};
pub use name::{InvalidName, PersonName};
pub use one_time::OneTimeToken;
#[cfg(feature = "passkeys")]
pub use passkey::{
    InvalidPasskeyConfig, Passkey, PasskeyChallenge, PasskeyConfig, PasskeyError, PasskeyId, SealedPasskey,
};
pub use password::{BreachedPasswords, InvalidBreachedList, InvalidPassword};
pub use refusals::RefusalConfig;
pub use register::{Ensured, InvalidRegistration, Registered, Registration};
pub use role::{Role, TENANT_ADMIN, UnknownRole};
pub use second_factor::{Challenge, Confirmed, CredentialStatus, Enrolment, RecoveryCodes, SealedTotp};
pub use sign_in::{Credentials, SignIn};
pub use throttle::{ThrottleConfig, ThrottleLimit};
pub use token::{InvalidToken, SessionToken};
pub use user::{User, UserStatus};

pub use platform_audit;
pub use platform_core;
pub use platform_crypto;

use platform_core::pg::Migrations;

platform_core::id_type! {
    /// Names a session.
    pub struct SessionId;
}

/// The tables of this crate, in the schema `platform_auth`. They refer to those of `platform_core` and need those of
/// `platform_crypto` and `platform_audit`.
pub static MIGRATIONS: Migrations = Migrations {
    schema: "platform_auth",
    migrator: &MIGRATOR,
    roles: &[],
};

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/platform-auth");
