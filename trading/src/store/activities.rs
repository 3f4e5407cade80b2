//! Reading the ledger of an account with its running balances.

use platform_core::Timestamp;
use platform_core::pg::{DbError, TenantRead};
use sqlx::FromRow;

use crate::service::AccountId;
use crate::{LedgerAccount, OrderId, TransferCode};

/// A row of the ledger with the balances of its asset after it, in the asset's units.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct ActivityRow {
    pub(crate) seq: i64,
    pub(crate) asset: String,
    pub(crate) debit: LedgerAccount,
    pub(crate) credit: LedgerAccount,
    pub(crate) amount: i64,
    pub(crate) code: TransferCode,
    pub(crate) order_id: Option<OrderId>,
    pub(crate) quote_seq: Option<i64>,
    pub(crate) created_at: Timestamp,
    pub(crate) available: i64,
    pub(crate) held: i64,
}

/// Which rows of a ledger are read, and in which order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ActivityPage {
    pub(crate) newest_first: bool,
    pub(crate) code: Option<TransferCode>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    /// The row to go on after.
    pub(crate) after: Option<i64>,
    /// The last row that counts; none counts for all.
    pub(crate) last: Option<i64>,
    pub(crate) limit: u32,
}

/// The balances are summed up from the last closing before the page, so that a page costs no more than itself and a session.
macro_rules! select_activities {
    ($after:literal, $order:literal) => {
        concat!(
            "with page as (
                 select t.seq, t.asset, t.debit, t.credit, t.amount, t.code, t.order_id, t.quote_seq, t.created_at
                 from trading.transfer t
                 where t.tenant_id = $1 and t.account_id = $2
                   and ($3::text is null or t.code = $3)
                   and ($4::timestamptz is null or t.created_at >= $4)
                   and ($5::timestamptz is null or t.created_at < $5)
                   and ($6::bigint is null or ",
            $after,
            ")
                   and ($7::bigint is null or t.seq <= $7)
                 order by ",
            $order,
            " limit $8
             ), base as (
                 select c.session_close, c.last_seq, c.available_cents, c.held_cents
                 from trading.closing_account c
                 where c.tenant_id = $1 and c.account_id = $2 and c.last_seq < (select min(seq) from page)
                 order by c.session_close desc limit 1
             ), running as (
                 select t.seq,
                        sum(case when t.credit in ('cash.available', 'shares.available') then t.amount
                                 when t.debit in ('cash.available', 'shares.available') then -t.amount else 0 end) over so_far
                            as available,
                        sum(case when t.credit in ('cash.held', 'shares.held') then t.amount
                                 when t.debit in ('cash.held', 'shares.held') then -t.amount else 0 end) over so_far as held
                 from trading.transfer t
                 where t.tenant_id = $1 and t.account_id = $2
                   and t.seq > coalesce((select last_seq from base), 0) and t.seq <= (select max(seq) from page)
                 window so_far as (partition by t.asset order by t.seq)
             )
             select t.seq, t.asset, t.debit, t.credit, t.amount, t.code, t.order_id, t.quote_seq, t.created_at,
                    (running.available + coalesce(case t.asset when 'cash' then b.available_cents else p.available_e6 end, 0))::bigint
                        as available,
                    (running.held + coalesce(case t.asset when 'cash' then b.held_cents else p.held_e6 end, 0))::bigint as held
             from page t
             join running on running.seq = t.seq
             left join base b on true
             left join trading.closing_position p
               on p.tenant_id = $1 and p.account_id = $2 and p.session_close = b.session_close and p.symbol = t.asset
             order by ",
            $order
        )
    };
}

/// Rows of an account's ledger.
pub(crate) async fn activities_page(
    read: &mut TenantRead,
    account: AccountId,
    page: &ActivityPage,
) -> Result<Vec<ActivityRow>, DbError> {
    let sql = match page.newest_first {
        true => select_activities!("t.seq < $6", "t.seq desc"),
        false => select_activities!("t.seq > $6", "t.seq"),
    };
    let rows = sqlx::query_as(sql)
        .bind(read.tenant())
        .bind(account)
        .bind(page.code)
        .bind(page.from)
        .bind(page.until)
        .bind(page.after)
        .bind(page.last)
        .bind(i64::from(page.limit))
        .fetch_all(read)
        .await?;
    Ok(rows)
}
