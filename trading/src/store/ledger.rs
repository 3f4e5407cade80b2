//! The ledger of an account, row by row.

use platform_core::pg::{DbError, TenantRead};
use sqlx::FromRow;

use crate::service::AccountId;
use crate::{AccountEvent, OrderId, Transfer};

/// A row of the ledger without its number, as its columns have it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(crate) struct LedgerRow {
    asset: String,
    debit: String,
    credit: String,
    amount: i64,
    code: String,
    order_id: Option<OrderId>,
}

impl LedgerRow {
    /// The rows that an event causes, in their order.
    pub(crate) fn of_event(event: &AccountEvent) -> Vec<Self> {
        let order_id = event.order_id();
        let transfers: &[Transfer] = match event {
            AccountEvent::Opened { transfer }
            | AccountEvent::Deposit { transfer }
            | AccountEvent::Withdrawal { transfer } => std::slice::from_ref(transfer),
            AccountEvent::Opening(_) | AccountEvent::AlertFired(_) => &[],
            AccountEvent::Order { event, .. } => event.transfers(),
        };
        let row = |transfer: &Transfer| Self {
            asset: transfer.asset().to_string(),
            debit: transfer.debit().as_str().to_owned(),
            credit: transfer.credit().as_str().to_owned(),
            amount: transfer.amount().units(),
            code: transfer.code().as_str().to_owned(),
            order_id,
        };
        transfers.iter().map(row).collect()
    }
}

impl std::fmt::Display for LedgerRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            asset,
            debit,
            credit,
            amount,
            code,
            order_id,
        } = self;
        write!(f, "{code}: {amount} {asset} from {debit} to {credit}")?;
        match order_id {
            Some(order) => write!(f, " for order {order}"),
            None => Ok(()),
        }
    }
}

/// Ledger rows of an account with their numbers, from after the first number to the second, oldest first, at most `limit`.
pub(crate) async fn ledger_page(
    read: &mut TenantRead,
    account: AccountId,
    (after, upto): (i64, i64),
    limit: u32,
) -> Result<Vec<(i64, LedgerRow)>, DbError> {
    #[derive(FromRow)]
    struct Numbered {
        seq: i64,
        #[sqlx(flatten)]
        row: LedgerRow,
    }
    let rows: Vec<Numbered> = sqlx::query_as(
        "select seq, asset, debit, credit, amount, code, order_id
         from trading.transfer where tenant_id = $1 and account_id = $2 and seq > $3 and seq <= $4 order by seq limit $5",
    )
    .bind(read.tenant())
    .bind(account)
    .bind(after)
    .bind(upto)
    .bind(i64::from(limit))
    .fetch_all(read)
    .await?;
    Ok(rows
        .into_iter()
        .map(|numbered| (numbered.seq, numbered.row))
        .collect())
}
