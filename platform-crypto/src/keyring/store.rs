//! The table of tenants' keys.

use platform_core::pg::TenantTx;
use platform_core::{TenantId, Timestamp};
use sqlx::{Executor, Postgres};

use super::{KeyError, KeyInfo};
use crate::{KeyId, KeyState, Purpose, WrappedKey};

/// One version of a key as it is stored.
pub(super) struct Row {
    pub(super) info: KeyInfo,
    /// `None` once it is destroyed.
    pub(super) wrapped: Option<WrappedKey>,
    /// Was it written by the transaction that reads it, so that it may yet go away?
    pub(super) uncommitted: bool,
}

#[derive(sqlx::FromRow)]
struct Stored {
    purpose: String,
    version: i64,
    key_id: Vec<u8>,
    state: String,
    wrapped: Option<Vec<u8>>,
    root_key: Option<String>,
    uses: i64,
    created_at: Timestamp,
    activates_at: Timestamp,
    retired_at: Option<Timestamp>,
    destroyed_at: Option<Timestamp>,
    uncommitted: bool,
}

/// Every version of every key of a tenant, oldest first.
pub(super) async fn rows<'c>(
    executor: impl Executor<'c, Database = Postgres>,
    tenant: TenantId,
) -> Result<Vec<Row>, KeyError> {
    let stored = sqlx::query_as::<_, Stored>(
        "select purpose, version, key_id, state, wrapped, root_key, uses, created_at, activates_at, retired_at, destroyed_at,
           coalesce(xmin = pg_current_xact_id_if_assigned()::xid, false) as uncommitted
         from platform_crypto.tenant_key where tenant_id = $1 order by purpose, version",
    )
    .bind(tenant)
    .fetch_all(executor)
    .await?;
    stored.into_iter().map(Row::try_from).collect()
}

/// A key that is to be stored.
pub(super) struct NewKey<'a> {
    pub(super) purpose: Purpose,
    pub(super) version: u32,
    pub(super) id: KeyId,
    pub(super) wrapped: &'a WrappedKey,
    pub(super) state: KeyState,
    pub(super) created_at: Timestamp,
    pub(super) activates_at: Timestamp,
}

/// Stores a version unless there is one of that number; was there none?
pub(super) async fn insert(tx: &mut TenantTx, new: &NewKey<'_>) -> Result<bool, KeyError> {
    let tenant = tx.tenant();
    // No conflict target: with one, the other unique indexes would raise an error when two insert the same version at once.
    let inserted = sqlx::query(
        "insert into platform_crypto.tenant_key
           (tenant_id, purpose, version, key_id, state, wrapped, root_key, created_at, activates_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict do nothing",
    )
    .bind(tenant)
    .bind(new.purpose.as_str())
    .bind(i64::from(new.version))
    .bind(new.id.as_bytes().as_slice())
    .bind(new.state.as_str())
    .bind(&new.wrapped.bytes)
    .bind(new.wrapped.root.as_str())
    .bind(new.created_at)
    .bind(new.activates_at)
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Waits until nobody else changes the tenant's keys for this purpose, and keeps others from it until the transaction ends.
/// The newest version; 0 when there is none, and then nothing is locked.
pub(super) async fn lock(tx: &mut TenantTx, purpose: Purpose) -> Result<u32, KeyError> {
    let tenant = tx.tenant();
    loop {
        // The first version is never deleted, so that its row can stand for all of them.
        let locked = sqlx::query(
            "select from platform_crypto.tenant_key where tenant_id = $1 and purpose = $2 and version = 1 for no key update",
        )
        .bind(tenant)
        .bind(purpose.as_str())
        .fetch_optional(&mut *tx)
        .await?;
        // A statement of its own: it sees what was committed while the first one waited.
        let newest: i64 = sqlx::query_scalar(
            "select coalesce(max(version), 0) from platform_crypto.tenant_key where tenant_id = $1 and purpose = $2",
        )
        .bind(tenant)
        .bind(purpose.as_str())
        .fetch_one(&mut *tx)
        .await?;
        // The first version may have come between the two.
        if locked.is_some() || newest == 0 {
            return version(newest);
        }
    }
}

/// Waits for everybody who relies on a version being there until the end of a transaction, and keeps others from it.
pub(super) async fn lock_version(tx: &mut TenantTx, purpose: Purpose, version: u32) -> Result<(), KeyError> {
    let tenant = tx.tenant();
    sqlx::query(
        "select from platform_crypto.tenant_key where tenant_id = $1 and purpose = $2 and version = $3 for update",
    )
    .bind(tenant)
    .bind(purpose.as_str())
    .bind(i64::from(version))
    .execute(tx)
    .await?;
    Ok(())
}

/// Puts the newest version that is due into use and retires all before it. `None` when none was due. Needs the lock.
pub(super) async fn promote(
    tx: &mut TenantTx,
    purpose: Purpose,
    now: Timestamp,
) -> Result<Option<(u32, KeyId)>, KeyError> {
    let tenant = tx.tenant();
    let due: Option<(i64, Vec<u8>)> = sqlx::query_as(
        "select version, key_id from platform_crypto.tenant_key
         where tenant_id = $1 and purpose = $2 and state = 'pre_active' and activates_at <= $3
         order by version desc limit 1",
    )
    .bind(tenant)
    .bind(purpose.as_str())
    .bind(now)
    .fetch_optional(&mut *tx)
    .await?;
    let Some((newest, id)) = due else {
        return Ok(None);
    };
    sqlx::query(
        "update platform_crypto.tenant_key set state = 'decrypt_only', retired_at = $4
         where tenant_id = $1 and purpose = $2 and version < $3 and state in ('pre_active', 'active')",
    )
    .bind(tenant)
    .bind(purpose.as_str())
    .bind(newest)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "update platform_crypto.tenant_key set state = 'active' where tenant_id = $1 and purpose = $2 and version = $3",
    )
    .bind(tenant)
    .bind(purpose.as_str())
    .bind(newest)
    .execute(tx)
    .await?;
    Ok(Some((version(newest)?, key_id(&id)?)))
}

/// Uses of a key before and after a lease.
pub(super) struct Uses {
    pub(super) before: u64,
    pub(super) after: u64,
}

/// Counts a block of uses, as much of it as there is below `hard`. `None` when the key has been destroyed.
pub(super) async fn lease(
    tx: &mut TenantTx,
    id: KeyId,
    block: u64,
    hard: u64,
) -> Result<Option<Uses>, KeyError> {
    let tenant = tx.tenant();
    let uses: Option<(i64, i64)> = sqlx::query_as(
        "with before as (
           select uses from platform_crypto.tenant_key
           where tenant_id = $1 and key_id = $2 and state <> 'destroyed' for no key update
         )
         update platform_crypto.tenant_key k set uses = greatest(b.uses, least(b.uses + $3, $4)) from before b
         where k.tenant_id = $1 and k.key_id = $2
         returning b.uses, k.uses",
    )
    .bind(tenant)
    .bind(id.as_bytes().as_slice())
    .bind(i64::try_from(block).unwrap_or(i64::MAX))
    .bind(i64::try_from(hard).unwrap_or(i64::MAX))
    .fetch_optional(tx)
    .await?;
    let Some((before, after)) = uses else {
        return Ok(None);
    };
    Ok(Some(Uses {
        before: count(before)?,
        after: count(after)?,
    }))
}

/// Stores another wrapping of a key, unless somebody has done so since it was read.
pub(super) async fn replace_wrapping(
    tx: &mut TenantTx,
    id: KeyId,
    old: &WrappedKey,
    new: &WrappedKey,
) -> Result<bool, KeyError> {
    let tenant = tx.tenant();
    let updated = sqlx::query(
        "update platform_crypto.tenant_key set wrapped = $5, root_key = $6
         where tenant_id = $1 and key_id = $2 and wrapped = $3 and root_key = $4",
    )
    .bind(tenant)
    .bind(id.as_bytes().as_slice())
    .bind(&old.bytes)
    .bind(old.root.as_str())
    .bind(&new.bytes)
    .bind(new.root.as_str())
    .execute(tx)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Destroys a version; the row stays. Needs the lock and a look at its state before.
pub(super) async fn destroy(
    tx: &mut TenantTx,
    purpose: Purpose,
    version: u32,
    now: Timestamp,
) -> Result<(), KeyError> {
    let tenant = tx.tenant();
    sqlx::query(
        "update platform_crypto.tenant_key set state = 'destroyed', wrapped = null, root_key = null, destroyed_at = $4
         where tenant_id = $1 and purpose = $2 and version = $3",
    )
    .bind(tenant)
    .bind(purpose.as_str())
    .bind(i64::from(version))
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

impl TryFrom<Stored> for Row {
    type Error = KeyError;

    fn try_from(stored: Stored) -> Result<Self, KeyError> {
        let root = stored.root_key.as_deref().map(str::parse);
        let root = root.transpose().map_err(|_| KeyError::Corrupt)?;
        let info = KeyInfo {
            purpose: stored.purpose.parse().map_err(|_| KeyError::Corrupt)?,
            version: version(stored.version)?,
            id: key_id(&stored.key_id)?,
            state: stored.state.parse::<KeyState>().map_err(|_| KeyError::Corrupt)?,
            root,
            uses: count(stored.uses)?,
            created_at: stored.created_at,
            activates_at: stored.activates_at,
            retired_at: stored.retired_at,
            destroyed_at: stored.destroyed_at,
        };
        let wrapped = info.root.clone().zip(stored.wrapped);
        Ok(Self {
            info,
            wrapped: wrapped.map(|(root, bytes)| WrappedKey { root, bytes }),
            uncommitted: stored.uncommitted,
        })
    }
}

fn version(stored: i64) -> Result<u32, KeyError> {
    u32::try_from(stored).map_err(|_| KeyError::Corrupt)
}

fn count(stored: i64) -> Result<u64, KeyError> {
    u64::try_from(stored).map_err(|_| KeyError::Corrupt)
}

fn key_id(stored: &[u8]) -> Result<KeyId, KeyError> {
    KeyId::try_from(stored).map_err(|_| KeyError::Corrupt)
}
