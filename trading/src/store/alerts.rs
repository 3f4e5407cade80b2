//! The table `trading.alert`.

use platform_core::Timestamp;
use platform_core::pg::{DbError, TenantRead, TenantTx};

use crate::Price;
use crate::service::{AccountId, Alert, AlertFilter, AlertId, Crossing, FiredRow};

macro_rules! select_alerts {
    ($rest:literal) => {
        concat!(
            "select id, account_id, symbol, direction, price_e4, created_quote_seq, created_at, fired_at, fired_price_e4
             from trading.alert where tenant_id = $1 and ",
            $rest
        )
    };
}

/// Alerts of an account, the newest first, at most `limit` before `before`.
pub(crate) async fn alerts_page(
    read: &mut TenantRead,
    account: AccountId,
    filter: AlertFilter,
    (before, limit): (Option<AlertId>, u32),
) -> Result<Vec<Alert>, DbError> {
    let fired = match filter {
        AlertFilter::All => None,
        AlertFilter::Active => Some(false),
        AlertFilter::Fired => Some(true),
    };
    let rows = sqlx::query_as(select_alerts!(
        "account_id = $2 and ($3::boolean is null or (fired_at is not null) = $3) and ($4::uuid is null or id < $4)
         order by id desc limit $5"
    ))
    .bind(read.tenant())
    .bind(account)
    .bind(fired)
    .bind(before)
    .bind(i64::from(limit))
    .fetch_all(read)
    .await?;
    Ok(rows)
}

/// Alerts of the tenant that have not fired, in the order of their ids: what a worker starts from.
pub(crate) async fn active_alerts(
    read: &mut TenantRead,
    (after, limit): (Option<AlertId>, u32),
) -> Result<Vec<Alert>, DbError> {
    let rows = sqlx::query_as(select_alerts!(
        "fired_at is null and ($2::uuid is null or id > $2) order by id limit $3"
    ))
    .bind(read.tenant())
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(read)
    .await?;
    Ok(rows)
}

/// How many alerts of an account have not fired. The caller holds the account's lock.
pub(crate) async fn count_active_alerts(tx: &mut TenantTx, account: AccountId) -> Result<i64, DbError> {
    let count = sqlx::query_scalar(
        "select count(*) from trading.alert where tenant_id = $1 and account_id = $2 and fired_at is null",
    )
    .bind(tx.tenant())
    .bind(account)
    .fetch_one(tx)
    .await?;
    Ok(count)
}

/// Adds an alert.
pub(crate) async fn insert_alert(tx: &mut TenantTx, alert: &Alert) -> Result<(), DbError> {
    sqlx::query(
        "insert into trading.alert
             (tenant_id, id, account_id, symbol, direction, price_e4, created_quote_seq, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(tx.tenant())
    .bind(alert.id)
    .bind(alert.account_id)
    .bind(alert.symbol)
    .bind(alert.direction)
    .bind(alert.price)
    .bind(alert.created_quote_seq)
    .bind(alert.created_at)
    .execute(tx)
    .await?;
    Ok(())
}

/// Deletes an alert of an account. `false` when the account has no such alert.
pub(crate) async fn delete_alert(
    tx: &mut TenantTx,
    account: AccountId,
    alert: AlertId,
) -> Result<bool, DbError> {
    let deleted =
        sqlx::query("delete from trading.alert where tenant_id = $1 and account_id = $2 and id = $3")
            .bind(tx.tenant())
            .bind(account)
            .bind(alert)
            .execute(tx)
            .await?;
    Ok(deleted.rows_affected() == 1)
}

/// Fires those of the alerts that are there, have not fired and were crossed: the rows decide, whoever asks. Tells which.
pub(crate) async fn fire_alerts(
    tx: &mut TenantTx,
    crossings: &[(AlertId, Crossing)],
    now: Timestamp,
) -> Result<Vec<FiredRow>, DbError> {
    let ids: Vec<AlertId> = crossings.iter().map(|(id, _)| *id).collect();
    let prices: Vec<Price> = crossings.iter().map(|(_, crossing)| crossing.price).collect();
    let seqs: Vec<i64> = crossings.iter().map(|(_, crossing)| crossing.quote_seq).collect();
    // Locked in one order, so that two workers wait for each other and never both ways.
    let rows = sqlx::query_as(
        "with due as (
             select a.id, x.price_e4, x.quote_seq
             from trading.alert a
             join unnest($2::uuid[], $3::bigint[], $4::bigint[]) as x (id, price_e4, quote_seq) on x.id = a.id
             where a.tenant_id = $1 and a.fired_at is null and x.quote_seq > a.created_quote_seq
               and case a.direction when 'above' then x.price_e4 >= a.price_e4 else x.price_e4 <= a.price_e4 end
             order by a.id for update of a
         )
         update trading.alert a
         set fired_at = $5, fired_price_e4 = due.price_e4, fired_quote_seq = due.quote_seq
         from due, trading.account c
         where a.tenant_id = $1 and a.id = due.id and c.tenant_id = $1 and c.id = a.account_id
         returning a.id, a.account_id, a.symbol, a.direction, a.price_e4, a.created_quote_seq, a.created_at, a.fired_at,
                   a.fired_price_e4, c.owner_id",
    )
    .bind(tx.tenant())
    .bind(ids)
    .bind(prices)
    .bind(seqs)
    .bind(now)
    .fetch_all(tx)
    .await?;
    Ok(rows)
}
