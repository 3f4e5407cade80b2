//! Tenant-scoped PostgreSQL: the one way to a connection, a transaction and a schema.
//!
//! [`Db`] keeps the pool to itself. [`Db::begin`] opens a transaction that sees and writes the rows of exactly one tenant, because
//! the database refuses everything else: every tenant table has forced row-level security in one canonical form, and a
//! transaction works under a group role that has no way around it. A pool, a connection or a tenant-less transaction cannot be
//! reached from outside:
//!
//! ```compile_fail
//! # async fn leak(db: platform_core::pg::Db) {
//! sqlx::query("select 1").execute(&db).await;    // `Db` is not an executor
//! # }
//! ```
//!
//! ```no_run
//! use platform_core::pg::{Db, DbConfig, DbError};
//! use platform_core::{RequestContext, Sources, TenantId, sqlx};
//!
//! # async fn example(tenant: TenantId) -> Result<(), Box<dyn std::error::Error>> {
//! let sources = Sources::system();
//! let db = Db::connect(&DbConfig::new("postgres://app@localhost/platform"), sources.clone()).await?;
//! let ctx = RequestContext::system(tenant, "count parcels", &sources);
//!
//! let mut tx = db.begin(&ctx).await?;
//! let parcels: i64 = sqlx::query_scalar("select count(*) from parcels.parcel where tenant_id = $1")
//!     .bind(tx.tenant())
//!     .fetch_one(&mut tx)
//!     .await?;
//! tx.commit().await?;
//! # Ok(()) }
//! ```
//!
//! # What the scope protects against, and what not
//!
//! It stops a forgotten predicate, a wrong join, an injected expression and a future dropped at the wrong moment. It does not
//! stop an attacker who can send whole statements of their own: those could change the setting the policies read. Where that is
//! the threat, give such a tenant a database of its own.

mod bootstrap;
mod config;
mod db;
mod error;
mod fairness;
mod listen;
mod login;
mod migrate;
#[cfg(doctest)]
mod misuse;
mod pending;
mod scope;
mod selfcheck;
mod shield;
mod statement;
mod tenants;
mod tx;

pub use bootstrap::{APP_ROLE, Bootstrap, SUBTREE_ROLE, bootstrap};
pub use config::DbConfig;
pub use db::{ConnectError, Db, PoolUse};
pub use error::DbError;
pub use listen::{Heard, Listener};
pub use login::{Login, LoginSource, LoginSourceError, Logins};
pub use migrate::{CORE_MIGRATIONS, MigrateError, Migrated, Migrations, migrate};
pub use pending::Pending;
pub use selfcheck::{AllowList, Allowed, Finding, Level, Report};
pub use statement::ForbiddenStatement;
pub use tenants::{
    InvalidSlug, NewTenant, Slug, Subtree, SubtreeTooLarge, Tenant, TenantError, TenantStatus, Tenants,
};
pub use tx::{SubtreeRead, TenantRead, TenantTx};
