//! The table `trading.idempotency`.

use platform_core::Timestamp;
use platform_core::pg::{DbError, TenantTx};

/// What is remembered of a key.
#[derive(Debug, Clone)]
pub(crate) struct Remembered {
    pub(crate) fingerprint: Vec<u8>,
    pub(crate) outcome: String,
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
