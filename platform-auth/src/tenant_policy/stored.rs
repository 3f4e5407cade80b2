//! The policy of a tenant, as it is stored. Each function is one statement, and each change a conditional one.

use std::time::Duration;

use platform_core::pg::{DbError, TenantTx};
use platform_core::sqlx::{Executor, Postgres};
use platform_core::{PrincipalId, TenantId, Timestamp};

use super::{PolicySettings, SecondFactorRule, StoredPolicy};

/// What the tenant has set; version 0 where it has set nothing.
pub(super) async fn find<'c>(
    executor: impl Executor<'c, Database = Postgres>,
    tenant: TenantId,
) -> Result<StoredPolicy, DbError> {
    let row: Option<Row> = sqlx::query_as(
        "select version, session_idle_s, session_absolute_s, registration_open, verified_email, second_factor,
                password_chars_min, password_score_min, email_domains, api_key_lifetime_max_s, updated_at, updated_by
         from platform_auth.tenant_policy where tenant_id = $1",
    )
    .bind(tenant)
    .fetch_optional(executor)
    .await?;
    Ok(row.map_or_else(StoredPolicy::unset, StoredPolicy::from))
}

/// A tenant and those above it, from it upwards; none of a tenant that there is not.
pub(super) async fn line<'c>(
    executor: impl Executor<'c, Database = Postgres>,
    tenant: TenantId,
) -> Result<Vec<TenantId>, DbError> {
    let line = sqlx::query_scalar(
        "select ancestor from platform_core.tenant_closure where descendant = $1 order by depth",
    )
    .bind(tenant)
    .fetch_all(executor)
    .await?;
    Ok(line)
}

/// Replaces the settings if they are still at a version, and says whether it did. Of any number at a time one does.
pub(super) async fn replace(
    tx: &mut TenantTx,
    read: i64,
    settings: &PolicySettings,
    (by, now): (Option<PrincipalId>, Timestamp),
) -> Result<bool, DbError> {
    let statement = match read {
        0 => {
            "insert into platform_auth.tenant_policy
               (tenant_id, version, session_idle_s, session_absolute_s, registration_open, verified_email, second_factor,
                password_chars_min, password_score_min, email_domains, api_key_lifetime_max_s, updated_at, updated_by)
             values ($1, $2 + 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
             on conflict (tenant_id) do nothing"
        }
        _ => {
            "update platform_auth.tenant_policy
             set version = version + 1, session_idle_s = $3, session_absolute_s = $4, registration_open = $5, verified_email = $6,
                 second_factor = $7, password_chars_min = $8, password_score_min = $9, email_domains = $10,
                 api_key_lifetime_max_s = $11, updated_at = $12, updated_by = $13
             where tenant_id = $1 and version = $2"
        }
    };
    let replaced = sqlx::query(statement)
        .bind(tx.tenant())
        .bind(read)
        .bind(settings.session_idle.map(whole_seconds))
        .bind(settings.session_absolute.map(whole_seconds))
        .bind(settings.registration_open)
        .bind(settings.verified_email)
        .bind(settings.second_factor.stored())
        .bind(settings.password_chars_min.map(i16::from))
        .bind(settings.password_score_min.map(i16::from))
        .bind(&settings.email_domains)
        .bind(settings.api_key_lifetime_max.map(whole_seconds))
        .bind(now)
        .bind(by)
        .execute(&mut *tx)
        .await?;
    Ok(replaced.rows_affected() == 1)
}

/// The checks see to it that it fits.
fn whole_seconds(span: Duration) -> i32 {
    i32::try_from(span.as_secs()).unwrap_or(i32::MAX)
}

#[derive(sqlx::FromRow)]
struct Row {
    version: i64,
    session_idle_s: Option<i32>,
    session_absolute_s: Option<i32>,
    registration_open: Option<bool>,
    verified_email: Option<bool>,
    second_factor: Option<String>,
    password_chars_min: Option<i16>,
    password_score_min: Option<i16>,
    email_domains: Vec<String>,
    api_key_lifetime_max_s: Option<i32>,
    updated_at: Timestamp,
    updated_by: Option<PrincipalId>,
}

impl From<Row> for StoredPolicy {
    fn from(row: Row) -> Self {
        let span = |s: i32| Duration::from_secs(u64::try_from(s).unwrap_or(0));
        let small = |n: i16| u8::try_from(n).unwrap_or(u8::MAX);
        Self {
            version: row.version,
            settings: PolicySettings {
                session_idle: row.session_idle_s.map(span),
                session_absolute: row.session_absolute_s.map(span),
                registration_open: row.registration_open,
                verified_email: row.verified_email,
                second_factor: SecondFactorRule::of_stored(row.second_factor.as_deref()),
                password_chars_min: row.password_chars_min.map(small),
                password_score_min: row.password_score_min.map(small),
                email_domains: row.email_domains,
                api_key_lifetime_max: row.api_key_lifetime_max_s.map(span),
            },
            updated_at: Some(row.updated_at),
            updated_by: row.updated_by,
        }
    }
}
