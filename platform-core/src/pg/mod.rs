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
//! # Jobs over all tenants
//!
//! What no tenant's transaction can do is done under a [`GroupRole`] of a crate's own, with [`Db::begin_as`]. The crate's migrations
//! say what the role may touch:
//!
//! ```no_run
//! use platform_core::pg::{Db, DbError, GroupRole, Migrations};
//! use platform_core::sqlx;
//!
//! const EXPIRY: GroupRole = GroupRole::new("platform_parcel_expiry");
//!
//! static MIGRATIONS: Migrations = Migrations {
//!     schema: "parcels",
//!     // … grant select (sent_at), delete on parcels.parcel to platform_parcel_expiry;
//!     //   create policy expiry on parcels.parcel to platform_parcel_expiry using (sent_at < now() - interval '1 year');
//!     migrator: &sqlx::migrate::Migrator::DEFAULT,
//!     roles: &[EXPIRY],
//! };
//!
//! async fn expire(db: &Db) -> Result<u64, DbError> {
//!     let mut job = db.begin_as(&EXPIRY).await?;
//!     let gone = sqlx::query("delete from parcels.parcel where sent_at < now() - interval '1 year'")
//!         .execute(&mut job)
//!         .await?;
//!     job.commit().await?;
//!     Ok(gone.rows_affected())
//! }
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
mod ending;
mod error;
mod fairness;
mod group;
mod lifecycle;
mod listen;
mod login;
mod migrate;
#[cfg(doctest)]
mod misuse;
mod nodelay;
mod open;
mod pending;
mod role;
mod roles;
mod scope;
mod selfcheck;
mod shield;
mod statement;
mod tenants;
mod tx;

pub use bootstrap::{APP_ROLE, Bootstrap, SUBTREE_ROLE, bootstrap};
pub use config::DbConfig;
pub use db::{ConnectError, Db, PoolUse};
pub use ending::TxEnd;
pub use error::DbError;
pub use group::GroupTx;
pub use lifecycle::{TenantVerb, TransitionError};
pub use listen::{Heard, Listener};
pub use login::{Login, LoginSource, LoginSourceError, Logins};
pub use migrate::{CORE_MIGRATIONS, MigrateError, Migrated, Migrations, migrate};
pub use pending::Pending;
pub use role::GroupRole;
pub use selfcheck::{AllowList, Allowed, Finding, Level, Report};
pub use statement::ForbiddenStatement;
pub use tenants::{
    InvalidSlug, NewTenant, Slug, Subtree, SubtreeTooLarge, Tenant, TenantError, TenantStatus, Tenants,
};
pub(crate) use tx::GlobalTx;
pub use tx::{RoleTx, SubtreeRead, TenantRead, TenantTx};
