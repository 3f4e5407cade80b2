//! Users, password sign-in, sessions and roles of a tenant.
//!
//! A user belongs to one tenant, signs in with an e-mail address and a password, and gets an opaque token for a session, of which only the
//! hash is stored. Whatever changes is recorded by `platform_audit` in the same transaction; a failed sign-in is recorded alone.
//!
//! - **What identifies a person**, the e-mail address and the name, is sealed by `platform_crypto` under a key of the user's own. Signing
//!   in finds the user by a blind index. Erasing a user destroys the key, also for whoever restores an older backup.
//! - **Passwords** are hashed with Argon2id, a bounded number at a time, and never logged. Unknown users, wrong passwords and
//!   disabled users get the same answer after the same work.
//! - **Sessions** are read from PostgreSQL for every request: nothing is cached, so ending one takes effect at once on every instance,
//!   and costs each request one query. They end after 30 minutes without use and after 12 hours in any case.
//! - **Guessing** is slowed down for each account and each address, in the memory of each instance, and never to a standstill.
//! - **Roles** are `user` and `admin`; which permissions they give is set up when the service starts ([`AuthConfig::grant`]).
//!
//! There is no e-mail verification, password reset, second factor or API key.
//!
//! ```no_run
//! use platform_audit::AuditLog;
//! use platform_auth::{Auth, AuthConfig, Credentials};
//! use platform_core::RequestContext;
//! use platform_core::pg::Db;
//! use platform_crypto::Keyring;
//!
//! async fn sign_in(db: &Db, keys: &Keyring, ctx: &RequestContext) -> Result<(), Box<dyn std::error::Error>> {
//!     let auth = Auth::new(db, keys, &AuditLog::new(db.sources().clone()), AuthConfig::default());
//!
//!     let credentials = Credentials { email: "ada@example.com".into(), password: "correct horse".into() };
//!     let signed_in = auth.sign_in(ctx, credentials).await?;
//!     assert_eq!(signed_in.user.email.expose(), "ada@example.com");
//!     Ok(())
//! }
//! ```
//!
//! # Features
//!
//! | feature | gives |
//! |---|---|
//! | `http` (default) | routes with their OpenAPI document, the authentication of requests, the runtime module |

mod access;
mod auth;
mod clear;
mod config;
mod email;
mod erasure;
mod error;
mod hasher;
mod identity;
mod name;
mod password;
mod register;
mod replay;
mod role;
mod session;
mod sign_in;
mod stored;
mod throttle;
mod token;
mod user;

#[cfg(feature = "http")]
pub mod http;

pub use auth::{Auth, SignedIn};
pub use clear::SealClearError;
pub use config::{AuthConfig, PasswordConfig, SessionConfig};
pub use email::{EmailAddress, InvalidEmail};
pub use erasure::{EraseUserError, Erasure, HoldUserError};
pub use error::{AccessError, AuthenticateError, Fault, RegisterError, SignInError, TenantRefused};
pub use hasher::HashError;
pub use identity::SealedUser;
pub use name::{InvalidName, PersonName};
pub use password::InvalidPassword;
pub use register::{Ensured, InvalidRegistration, Registration};
pub use role::{Role, TENANT_ADMIN, UnknownRole};
pub use sign_in::Credentials;
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
};

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/platform-auth");
