//! What placing orders needs to know besides their accounts.

use platform_core::pg::{DbError, TenantTx};
use sqlx::{FromRow, Row};

use super::Remembered;
use super::orders::{OrderRow, StoredOrder, select_orders};
use super::positions::PositionRow;
use crate::service::AccountId;
use crate::{Position, Symbol};

/// Which rows an order that is placed has to do with.
pub(crate) struct PlacementNames<'a> {
    pub(crate) account: AccountId,
    pub(crate) symbol: Symbol,
    pub(crate) key: Option<&'a str>,
    pub(crate) client_order_id: Option<&'a str>,
}

/// What placing an order needs to know besides the account.
pub(crate) struct Placement {
    pub(crate) position: Position,
    /// What was answered to the same idempotency key.
    pub(crate) remembered: Option<Remembered>,
    /// Whether the client has used the order's name before.
    pub(crate) name_is_taken: bool,
}

/// Loads what placing these orders needs, in their order, by one statement. The caller holds the accounts' locks, so that none of it can
/// change.
pub(crate) async fn load_placements(
    tx: &mut TenantTx,
    route: &str,
    orders: &[PlacementNames<'_>],
) -> Result<Vec<Placement>, DbError> {
    let rows = sqlx::query(
        // Each order looks for its rows by their keys. A plain `exists` or join may be planned as one reading of all of the tenant's rows,
        // which is cheaper only for as long as there are few.
        "select p.symbol, p.available_e6, p.held_e6, p.cost_cents, p.realized_cents,
                p.symbol is not null as has_position, i.fingerprint, i.outcome, o.is_there is not null as name_is_taken
         from unnest($3::uuid[], $4::text[], $5::text[], $6::text[]) with ordinality
             as x (account_id, symbol, key, client_order_id, n)
         left join lateral (
             select symbol, available_e6, held_e6, cost_cents, realized_cents from trading.position
             where tenant_id = $1 and account_id = x.account_id and symbol = x.symbol limit 1
         ) p on true
         left join lateral (
             select fingerprint, outcome from trading.idempotency
             where tenant_id = $1 and account_id = x.account_id and route = $2 and key = x.key limit 1
         ) i on true
         left join lateral (
             select true as is_there from trading.orders
             where tenant_id = $1 and account_id = x.account_id and client_order_id = x.client_order_id limit 1
         ) o on true
         order by x.n",
    )
    .bind(tx.tenant())
    .bind(route)
    .bind(orders.iter().map(|order| order.account).collect::<Vec<_>>())
    .bind(orders.iter().map(|order| order.symbol).collect::<Vec<_>>())
    .bind(orders.iter().map(|order| order.key).collect::<Vec<_>>())
    .bind(orders.iter().map(|order| order.client_order_id).collect::<Vec<_>>())
    .fetch_all(tx)
    .await?;
    if rows.len() != orders.len() {
        return Err(DbError::from(sqlx::Error::RowNotFound));
    }
    let read = rows.iter().zip(orders).map(|(row, order)| {
        let position = match row.try_get::<bool, _>("has_position")? {
            true => PositionRow::from_row(row)?.into_position(),
            false => Position::flat(order.symbol),
        };
        let outcome: Option<String> = row.try_get("outcome")?;
        let fingerprint: Option<Vec<u8>> = row.try_get("fingerprint")?;
        Ok(Placement {
            position,
            remembered: outcome
                .zip(fingerprint)
                .map(|(outcome, fingerprint)| Remembered { fingerprint, outcome }),
            name_is_taken: row.try_get("name_is_taken")?,
        })
    });
    Ok(read.collect::<Result<_, sqlx::Error>>()?)
}

/// Loads an order by the client's name for it. The caller holds the account's lock.
pub(crate) async fn load_by_client_id(
    tx: &mut TenantTx,
    account: AccountId,
    client_order_id: &str,
) -> Result<Option<OrderRow>, DbError> {
    let row: Option<StoredOrder> = sqlx::query_as(select_orders!(
        "where tenant_id = $1 and account_id = $2 and client_order_id = $3"
    ))
    .bind(tx.tenant())
    .bind(account)
    .bind(client_order_id)
    .fetch_optional(tx)
    .await?;
    row.map(StoredOrder::into_row).transpose()
}
