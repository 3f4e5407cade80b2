//! A small service on top of the platform: parcels that tenants send.
//!
//! It has what every service has: a table of its own, a module with routes, sign-in with sealed addresses, an audit event in the
//! transaction of the change. The binary is `main.rs`; the pieces are here, so that the test reaches them.

pub mod database;
pub mod keys;
pub mod parcels;

use std::sync::Arc;

use platform_audit::AuditLog;
use platform_auth::{Auth, AuthConfig, Role};
use platform_core::http::HttpConfig;
use platform_core::metrics::Metrics;
use platform_core::pg::{Db, Migrations, Tenants};
use platform_core::runtime::{BuildError, Platform};
use platform_crypto::{Keyring, SUBJECTS_ERASE};

use crate::parcels::{Parcels, SEND};

/// The tables of this service, in the schema `parcels`.
pub static MIGRATIONS: Migrations = Migrations {
    schema: "parcels",
    migrator: &MIGRATOR,
    roles: &[],
};

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// Every crate's tables, in the order in which they refer to each other.
pub const ALL_MIGRATIONS: [&Migrations; 4] = [
    &platform_crypto::MIGRATIONS,
    &platform_audit::MIGRATIONS,
    &platform_auth::MIGRATIONS,
    &MIGRATIONS,
];

/// The service, composed.
///
/// # Errors
/// [`BuildError`] when the modules do not fit together.
pub fn service(db: &Db, keyring: &Keyring, http: HttpConfig) -> Result<Platform, BuildError> {
    let sources = db.sources().clone();
    let tenants = Tenants::new(db);
    let audit = AuditLog::new(sources.clone());
    let roles = AuthConfig::default()
        .grant(Role::User, SEND)
        .grant(Role::Admin, SEND)
        .grant(Role::Admin, SUBJECTS_ERASE);
    let auth = Auth::new(db, keyring, &audit, roles);

    Platform::builder(db.clone(), sources, Metrics::new())
        .module(keyring.clone())
        .module(auth.clone())
        .module(Parcels::new(db, &audit))
        .authenticate_with(Arc::new(auth))
        .resolve_with(Arc::new(tenants))
        .http(http)
        .openapi_info("Parcels", env!("CARGO_PKG_VERSION"))
        .build()
}

/// Compiles the Rust examples of the documents as tests, so that they stay true.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../../README.md")]
    mod readme {}
    #[doc = include_str!("../../../docs/EMBEDDING.md")]
    mod embedding {}
}
