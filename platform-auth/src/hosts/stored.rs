//! Claims to host names, as they are stored. Each function is one statement, and each change a conditional one.

use platform_core::pg::{DbError, TenantRead, TenantTx};
use platform_core::{PrincipalId, Timestamp};

use super::{CHECK_INTERVAL, HostChallenge, HostName, RECORD, TenantHost};

/// A claim that is to be stored.
pub(super) struct New<'a> {
    pub(super) host: &'a HostName,
    pub(super) challenge: &'a str,
    pub(super) now: Timestamp,
    pub(super) by: Option<PrincipalId>,
    pub(super) expires_at: Timestamp,
    /// Does somebody vouch for it who needs no record?
    pub(super) is_verified: bool,
}

/// Stores a claim, in the place of one that is not verified; says whether it did.
pub(super) async fn claim(tx: &mut TenantTx, new: &New<'_>) -> Result<bool, DbError> {
    let stored = sqlx::query(
        "insert into platform_auth.host_claim (tenant_id, host, challenge, claimed_at, claimed_by, expires_at, verified_at)
         values ($1, $2, $3, $4, $5, $6, case when $7 then $4 end)
         on conflict (tenant_id, host) do update
         set challenge = excluded.challenge, claimed_at = excluded.claimed_at, claimed_by = excluded.claimed_by,
             expires_at = excluded.expires_at, verified_at = excluded.verified_at
         where host_claim.verified_at is null",
    )
    .bind(tx.tenant())
    .bind(new.host.as_str())
    .bind(new.challenge)
    .bind(new.now)
    .bind(new.by)
    .bind(new.expires_at)
    .bind(new.is_verified)
    .execute(&mut *tx)
    .await?;
    Ok(stored.rows_affected() == 1)
}

/// Forgets claims that nobody has proven in time.
pub(super) async fn forget_expired(tx: &mut TenantTx, now: Timestamp) -> Result<(), DbError> {
    sqlx::query(
        "delete from platform_auth.host_claim where tenant_id = $1 and verified_at is null and expires_at <= $2",
    )
    .bind(tx.tenant())
    .bind(now)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Locks the tenant before any of its names, as closing it does: until the transaction ends nobody counts its names or closes it. Says
/// whether it is not closed yet.
pub(super) async fn lock_tenant(tx: &mut TenantTx) -> Result<bool, DbError> {
    let open = sqlx::query(
        "select from platform_core.tenant where id = $1 and status <> 'closed' for no key update",
    )
    .bind(tx.tenant())
    .execute(&mut *tx)
    .await?;
    Ok(open.rows_affected() == 1)
}

/// How many names the tenant, which is locked, has beside this one.
pub(super) async fn count_others(tx: &mut TenantTx, host: &HostName) -> Result<i64, DbError> {
    let count = sqlx::query_scalar(
        "select count(*) from (
           select host from platform_auth.host_claim where tenant_id = $1
           union
           select host from platform_core.tenant_host where owner = $1
         ) known where host <> $2",
    )
    .bind(tx.tenant())
    .bind(host.as_str())
    .fetch_one(&mut *tx)
    .await?;
    Ok(count)
}

/// Does the name stand for the tenant already?
pub(super) async fn stands(tx: &mut TenantTx, host: &HostName) -> Result<bool, DbError> {
    let stands = sqlx::query_scalar(
        "select exists (
           select from platform_core.tenant_host where host = $2 and owner = $1 and verified_at is not null
         )",
    )
    .bind(tx.tenant())
    .bind(host.as_str())
    .fetch_one(&mut *tx)
    .await?;
    Ok(stands)
}

/// Says what has to stand in the record of an open claim, unless somebody has looked for it a moment ago.
pub(super) async fn check(
    tx: &mut TenantTx,
    host: &HostName,
    now: Timestamp,
) -> Result<Option<String>, DbError> {
    let challenge = sqlx::query_scalar(
        "update platform_auth.host_claim set checked_at = $3
         where tenant_id = $1 and host = $2 and verified_at is null and expires_at > $3
           and (checked_at is null or checked_at <= $4)
         returning challenge",
    )
    .bind(tx.tenant())
    .bind(host.as_str())
    .bind(now)
    .bind(now - CHECK_INTERVAL)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(challenge)
}

/// Notes that the record was found, if the claim is still the one that it was found for; says whether it did.
pub(super) async fn verified(
    tx: &mut TenantTx,
    (host, challenge): (&HostName, &str),
    now: Timestamp,
) -> Result<bool, DbError> {
    let verified = sqlx::query(
        "update platform_auth.host_claim set verified_at = $4
         where tenant_id = $1 and host = $2 and challenge = $3 and verified_at is null and expires_at > $4",
    )
    .bind(tx.tenant())
    .bind(host.as_str())
    .bind(challenge)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    Ok(verified.rows_affected() == 1)
}

/// Deletes a claim, and lets the name stand for the tenant no longer; says whether there was either.
pub(super) async fn remove(tx: &mut TenantTx, host: &HostName) -> Result<bool, DbError> {
    let removed: i64 = sqlx::query_scalar(
        "with claim as (
           delete from platform_auth.host_claim where tenant_id = $1 and host = $2 returning 1
         ),
         standing as (
           delete from platform_core.tenant_host where owner = $1 and host = $2 returning 1
         )
         select (select count(*) from claim) + (select count(*) from standing)",
    )
    .bind(tx.tenant())
    .bind(host.as_str())
    .fetch_one(&mut *tx)
    .await?;
    Ok(removed > 0)
}

/// Deletes every claim, and lets no name stand for the tenant any longer; says which there were, in order.
pub(super) async fn remove_all(tx: &mut TenantTx) -> Result<Vec<HostName>, DbError> {
    let removed: Vec<String> = sqlx::query_scalar(
        "with claim as (
           delete from platform_auth.host_claim where tenant_id = $1 returning host
         ),
         standing as (
           delete from platform_core.tenant_host where owner = $1 returning host
         )
         select host from claim union select host from standing order by host",
    )
    .bind(tx.tenant())
    .fetch_all(&mut *tx)
    .await?;
    Ok(removed.into_iter().map(HostName::from_stored).collect())
}

/// One of the tenant's names, or all of them in order: there are not many.
pub(super) async fn list(
    read: &mut TenantRead,
    host: Option<&HostName>,
    now: Timestamp,
) -> Result<Vec<TenantHost>, DbError> {
    let rows: Vec<Row> = sqlx::query_as(
        "select coalesce(c.host, h.host) as host, c.challenge, c.claimed_at, c.claimed_by, c.expires_at, h.verified_at
         from (select * from platform_auth.host_claim where tenant_id = $1) c
         full join (select * from platform_core.tenant_host where owner = $1 and verified_at is not null) h on h.host = c.host
         where ($2::text is null or coalesce(c.host, h.host) = $2) and (h.host is not null or c.expires_at > $3)
         order by 1 limit 1000",
    )
    .bind(read.tenant())
    .bind(host.map(HostName::as_str))
    .bind(now)
    .fetch_all(&mut *read)
    .await?;
    Ok(rows.into_iter().map(TenantHost::from).collect())
}

/// The name of the record that proves whose a host name is.
pub(super) fn record(host: &HostName) -> String {
    format!("{RECORD}.{host}")
}

#[derive(sqlx::FromRow)]
struct Row {
    host: String,
    challenge: Option<String>,
    claimed_at: Option<Timestamp>,
    claimed_by: Option<PrincipalId>,
    expires_at: Option<Timestamp>,
    verified_at: Option<Timestamp>,
}

impl From<Row> for TenantHost {
    fn from(row: Row) -> Self {
        let host = HostName::from_stored(row.host);
        let open = row
            .challenge
            .zip(row.expires_at)
            .filter(|_| row.verified_at.is_none());
        Self {
            challenge: open.map(|(text, expires_at)| HostChallenge {
                record: record(&host),
                text,
                expires_at,
            }),
            claimed_at: row.claimed_at,
            claimed_by: row.claimed_by,
            verified_at: row.verified_at,
            host,
        }
    }
}
