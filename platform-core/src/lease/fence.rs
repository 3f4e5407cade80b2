//! Proof, inside the transaction of a change, that its writer still holds its lease.

use uuid::Uuid;

use super::postgres::tenant_of;
use super::statements::Statements;
use super::{Lease, LeaseName};
use crate::pg::{DbError, RoleTx, TenantTx};
use crate::sqlx::{Executor, Postgres};

/// Why a change under a lease must not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FenceError {
    /// The lease is over, whether or not somebody else has it. Roll back and stop: the transaction cannot be committed any more.
    #[error("the lease {name} is over")]
    Stale {
        /// What was leased.
        name: LeaseName,
    },
    /// The database did not say. Roll back.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Proves that a lease of [`PgLeases`](super::PgLeases) is held, by the database's clock, and keeps it from everybody else until the
/// transaction has ended. Call it before the change; the change is then made by the one holder, even if the lease ends before the
/// commit.
///
/// The lease may be the platform's or one of the transaction's tenant; another tenant's is never held here.
///
/// Somebody who takes the lease over at this moment is waited for, and taking over is short. Renewals go on beside it.
///
/// ```no_run
/// use platform_core::lease::{FenceError, Lease, fence_in};
/// use platform_core::pg::TenantTx;
///
/// async fn expire(mut tx: TenantTx, lease: &Lease) -> Result<(), FenceError> {
///     fence_in(&mut tx, lease).await?;
///     // … the change itself …
///     Ok(tx.commit().await?)
/// }
/// ```
///
/// # Errors
/// [`FenceError::Stale`]: roll `tx` back and step down; a commit answers [`DbError::Aborted`] and changes nothing.
/// [`FenceError::Db`] when the database fails.
pub async fn fence_in(tx: &mut TenantTx, lease: &Lease) -> Result<(), FenceError> {
    let proven = is_held(&mut *tx, lease).await;
    if !matches!(proven, Ok(true)) {
        tx.refuse_commit();
    }
    judge(proven, lease)
}

/// The same in a transaction of a job over all tenants.
///
/// The job's role needs `select` and `update (expires_at)` on `platform_core.platform_lease` from the migrations of its crate: locking a
/// row takes the right to change it. Leases of tenants are never held here.
///
/// # Errors
/// As [`fence_in`].
pub async fn fence_job_in(tx: &mut RoleTx, lease: &Lease) -> Result<(), FenceError> {
    let proven = match tenant_of(lease.name.scope()) {
        Some(_) => Ok(false),
        None => is_held(&mut *tx, lease).await,
    };
    if !matches!(proven, Ok(true)) {
        tx.refuse_commit();
    }
    judge(proven, lease)
}

async fn is_held<'c>(tx: impl Executor<'c, Database = Postgres>, lease: &Lease) -> Result<bool, DbError> {
    let scope = lease.name.scope();
    let held: Option<bool> = sqlx::query_scalar(Statements::of(scope).fence)
        .bind(tenant_of(scope).map(Uuid::from))
        .bind(lease.name.text())
        .bind(lease.token.as_i64())
        .fetch_optional(tx)
        .await?;
    Ok(held.is_some())
}

fn judge(proven: Result<bool, DbError>, lease: &Lease) -> Result<(), FenceError> {
    match proven? {
        true => Ok(()),
        false => Err(FenceError::Stale {
            name: lease.name.clone(),
        }),
    }
}
