//! The table `trading.position`.

use std::collections::HashMap;

use platform_core::pg::{DbError, TenantTx};
use sqlx::FromRow;

use crate::service::AccountId;
use crate::{Cents, Position, Quantity, Symbol};

#[derive(Debug, FromRow)]
pub(super) struct PositionRow {
    symbol: Symbol,
    available_e6: Quantity,
    held_e6: Quantity,
    cost_cents: Cents,
    realized_cents: Cents,
}

impl PositionRow {
    pub(super) fn into_position(self) -> Position {
        Position {
            symbol: self.symbol,
            available: self.available_e6,
            held: self.held_e6,
            cost: self.cost_cents,
            realized: self.realized_cents,
        }
    }
}

/// The position of an account in a symbol; a flat one when there is no row. The caller holds the account's lock.
pub(crate) async fn load_position(
    tx: &mut TenantTx,
    account: AccountId,
    symbol: Symbol,
) -> Result<Position, DbError> {
    let row: Option<PositionRow> = sqlx::query_as(
        "select symbol, available_e6, held_e6, cost_cents, realized_cents
         from trading.position where tenant_id = $1 and account_id = $2 and symbol = $3",
    )
    .bind(tx.tenant())
    .bind(account)
    .bind(symbol)
    .fetch_optional(tx)
    .await?;
    Ok(row.map_or(Position::flat(symbol), PositionRow::into_position))
}

#[derive(FromRow)]
struct OwnedPosition {
    account_id: AccountId,
    #[sqlx(flatten)]
    position: PositionRow,
}

/// Positions of accounts in symbols, those that have a row. The caller holds the accounts' locks.
pub(crate) async fn load_positions(
    tx: &mut TenantTx,
    wanted: &[(AccountId, Symbol)],
) -> Result<HashMap<(AccountId, Symbol), Position>, DbError> {
    let (accounts, symbols): (Vec<AccountId>, Vec<Symbol>) = wanted.iter().copied().unzip();
    let rows: Vec<OwnedPosition> = sqlx::query_as(
        "select p.account_id, p.symbol, p.available_e6, p.held_e6, p.cost_cents, p.realized_cents
         from unnest($2::uuid[], $3::text[]) as x (account_id, symbol)
         cross join lateral (
             select account_id, symbol, available_e6, held_e6, cost_cents, realized_cents from trading.position
             where tenant_id = $1 and account_id = x.account_id and symbol = x.symbol limit 1
         ) p",
    )
    .bind(tx.tenant())
    .bind(accounts)
    .bind(symbols)
    .fetch_all(tx)
    .await?;
    let positions = rows.into_iter().map(|row| {
        let position = row.position.into_position();
        ((row.account_id, position.symbol), position)
    });
    Ok(positions.collect())
}
