//! What administrators change of an account.

use platform_core::pg::{DbError, TenantTx};

use super::orders::{OrderRow, StoredOrder, select_orders};
use crate::AccountStatus;
use crate::service::AccountId;

/// Gives an account a status. The caller holds the account's lock.
pub(crate) async fn set_account_status(
    tx: &mut TenantTx,
    account: AccountId,
    status: AccountStatus,
) -> Result<(), DbError> {
    sqlx::query("update trading.account set status = $3 where tenant_id = $1 and id = $2")
        .bind(tx.tenant())
        .bind(account)
        .bind(status)
        .execute(tx)
        .await?;
    Ok(())
}

/// Open orders of an account, the oldest first, at most `limit`. The caller holds the account's lock.
pub(crate) async fn open_orders_of(
    tx: &mut TenantTx,
    account: AccountId,
    limit: u32,
) -> Result<Vec<OrderRow>, DbError> {
    let rows: Vec<StoredOrder> = sqlx::query_as(select_orders!(
        "where tenant_id = $1 and account_id = $2 and status in ('pending', 'submitted', 'partial')
         order by id limit $3"
    ))
    .bind(tx.tenant())
    .bind(account)
    .bind(i64::from(limit))
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(StoredOrder::into_row).collect()
}

/// Whether an account has shares or open orders. The caller holds the account's lock.
pub(crate) async fn has_shares_or_orders(tx: &mut TenantTx, account: AccountId) -> Result<bool, DbError> {
    let has = sqlx::query_scalar(
        "select exists (
             select from trading.position
             where tenant_id = $1 and account_id = $2 and (available_e6 > 0 or held_e6 > 0)
         ) or exists (
             select from trading.orders
             where tenant_id = $1 and account_id = $2 and status in ('pending', 'submitted', 'partial')
         )",
    )
    .bind(tx.tenant())
    .bind(account)
    .fetch_one(tx)
    .await?;
    Ok(has)
}
