//! Service principals, as they are stored. Whoever changes one holds the lock of the tenant.

use platform_core::pg::{DbError, TenantRead, TenantTx};
use platform_core::sqlx::{Executor, Postgres};
use platform_core::{PrincipalId, TenantId, Timestamp};

use super::ServicePrincipal;
use crate::{AuthzError, UniqueName, UserStatus};

#[derive(sqlx::FromRow)]
struct Row {
    id: PrincipalId,
    service_name: String,
    status: String,
    service_version: i64,
    created_at: Timestamp,
}

impl From<Row> for ServicePrincipal {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: row.service_name,
            status: UserStatus::of_stored(&row.status),
            version: row.service_version,
            created_at: row.created_at,
        }
    }
}

pub(super) async fn by_id<'c>(
    executor: impl Executor<'c, Database = Postgres>,
    tenant: TenantId,
    id: PrincipalId,
) -> Result<Option<ServicePrincipal>, DbError> {
    let row: Option<Row> = sqlx::query_as(
        "select id, service_name, status, service_version, created_at from platform_auth.subject
         where tenant_id = $1 and id = $2 and kind = 'service' and deleted_at is null",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(executor)
    .await?;
    Ok(row.map(ServicePrincipal::from))
}

pub(super) async fn list(
    read: &mut TenantRead,
    after: Option<PrincipalId>,
    limit: u32,
) -> Result<Vec<ServicePrincipal>, DbError> {
    let rows: Vec<Row> = sqlx::query_as(
        "select id, service_name, status, service_version, created_at from platform_auth.subject
         where tenant_id = $1 and kind = 'service' and deleted_at is null and ($2::uuid is null or id > $2)
         order by id
         limit $3",
    )
    .bind(read.tenant())
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(&mut *read)
    .await?;
    Ok(rows.into_iter().map(ServicePrincipal::from).collect())
}

pub(super) async fn count(tx: &mut TenantTx) -> Result<i64, DbError> {
    let count = sqlx::query_scalar(
        "select count(*) from platform_auth.subject where tenant_id = $1 and kind = 'service' and deleted_at is null",
    )
    .bind(tx.tenant())
    .fetch_one(&mut *tx)
    .await?;
    Ok(count)
}

pub(super) async fn insert(
    tx: &mut TenantTx,
    service: &ServicePrincipal,
    name: &UniqueName,
) -> Result<(), AuthzError> {
    let inserted = sqlx::query(
        "insert into platform_auth.subject
           (tenant_id, id, kind, role, status, service_name, service_name_key, service_version, created_at)
         values ($1, $2, 'service', 'service', 'active', $3, $4, 1, $5)",
    )
    .bind(tx.tenant())
    .bind(service.id)
    .bind(name.as_str())
    .bind(name.key())
    .bind(service.created_at)
    .execute(&mut *tx)
    .await;
    inserted.map(drop).map_err(name_taken)
}

pub(super) async fn rename(tx: &mut TenantTx, id: PrincipalId, name: &UniqueName) -> Result<(), AuthzError> {
    let renamed = sqlx::query(
        "update platform_auth.subject
         set service_name = $3, service_name_key = $4, service_version = service_version + 1
         where tenant_id = $1 and id = $2 and kind = 'service' and deleted_at is null",
    )
    .bind(tx.tenant())
    .bind(id)
    .bind(name.as_str())
    .bind(name.key())
    .execute(&mut *tx)
    .await;
    renamed.map(drop).map_err(name_taken)
}

pub(super) async fn set_status(
    tx: &mut TenantTx,
    id: PrincipalId,
    status: UserStatus,
) -> Result<(), DbError> {
    sqlx::query(
        "update platform_auth.subject set status = $3, service_version = service_version + 1
         where tenant_id = $1 and id = $2 and kind = 'service' and deleted_at is null",
    )
    .bind(tx.tenant())
    .bind(id)
    .bind(status.as_str())
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Disables it for good, takes it out of its groups and revokes what it was granted; says how many grants that were.
pub(super) async fn delete(
    tx: &mut TenantTx,
    id: PrincipalId,
    (now, by): (Timestamp, Option<PrincipalId>),
) -> Result<u64, DbError> {
    sqlx::query(
        "update platform_auth.subject
         set status = 'disabled', deleted_at = $3, service_version = service_version + 1
         where tenant_id = $1 and id = $2 and kind = 'service' and deleted_at is null",
    )
    .bind(tx.tenant())
    .bind(id)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    sqlx::query("delete from platform_auth.group_member where tenant_id = $1 and member_subject_id = $2")
        .bind(tx.tenant())
        .bind(id)
        .execute(&mut *tx)
        .await?;
    let revoked = sqlx::query(
        "update platform_auth.role_grant set revoked_at = $3, revoked_by = $4
         where tenant_id = $1 and subject_id = $2 and revoked_at is null",
    )
    .bind(tx.tenant())
    .bind(id)
    .bind(now)
    .bind(by)
    .execute(&mut *tx)
    .await?;
    Ok(revoked.rows_affected())
}

fn name_taken(error: sqlx::Error) -> AuthzError {
    match DbError::from(error) {
        error if error.constraint() == Some("subject_service_name_key") => AuthzError::NameTaken,
        error => error.into(),
    }
}
