//! The orders of a stretch of a ledger.

use platform_core::pg::{DbError, TenantRead};

use super::orders::{OrderRow, StoredOrder, select_orders};
use crate::service::AccountId;

/// The orders that rows of an account's ledger after `after` up to `last` are about, the oldest first, at most `limit`.
pub(crate) async fn orders_moved(
    read: &mut TenantRead,
    account: AccountId,
    (after, last): (i64, i64),
    limit: u32,
) -> Result<Vec<OrderRow>, DbError> {
    let rows: Vec<StoredOrder> = sqlx::query_as(select_orders!(
        "where tenant_id = $1 and account_id = $2 and id in (
             select t.order_id from trading.transfer t
             where t.tenant_id = $1 and t.account_id = $2 and t.seq > $3 and t.seq <= $4
         )
         order by id limit $5"
    ))
    .bind(read.tenant())
    .bind(account)
    .bind(after)
    .bind(last)
    .bind(i64::from(limit))
    .fetch_all(read)
    .await?;
    rows.into_iter().map(StoredOrder::into_row).collect()
}
