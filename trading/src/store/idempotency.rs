//! The table `trading.idempotency`.

use platform_core::Timestamp;
use platform_core::pg::{DbError, TenantTx};

use super::NewKey;
use crate::service::AccountId;

/// What is remembered of a key.
#[derive(Debug, Clone)]
pub(crate) struct Remembered {
    pub(crate) fingerprint: Vec<u8>,
    pub(crate) outcome: String,
}

/// Remembers a key with an answer that changes nothing else. The caller holds the account's lock and has found no such key.
pub(crate) async fn remember(
    tx: &mut TenantTx,
    account: AccountId,
    key: &NewKey<'_>,
    now: Timestamp,
) -> Result<(), DbError> {
    sqlx::query(
        "insert into trading.idempotency (tenant_id, account_id, route, key, fingerprint, outcome, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(tx.tenant())
    .bind(account)
    .bind(key.route)
    .bind(key.key)
    .bind(&key.fingerprint[..])
    .bind(&key.outcome)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

/// Forgets at most a thousand keys that are older than `before`. Tells how many.
pub(crate) async fn forget_before(tx: &mut TenantTx, before: Timestamp) -> Result<u64, DbError> {
    let forgotten = sqlx::query(
        "delete from trading.idempotency
         where tenant_id = $1 and (account_id, route, key) in (
             select account_id, route, key from trading.idempotency
             where tenant_id = $1 and created_at < $2 order by created_at limit 1000
         )",
    )
    .bind(tx.tenant())
    .bind(before)
    .execute(tx)
    .await?;
    Ok(forgotten.rows_affected())
}
