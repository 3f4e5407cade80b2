//! The table `trading.alert`.

use std::collections::BTreeMap;

use platform_core::Timestamp;
use platform_core::pg::{DbError, TenantRead, TenantTx};
use sqlx::FromRow;

use super::events::Logged;
use crate::service::{AccountId, Alert, AlertFilter, AlertId, Crossing, FiredRow};
use crate::{AccountEvent, FiredPrice, Price};

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

#[derive(FromRow)]
struct LoggedAccount {
    id: AccountId,
    event_seq: i64,
}

/// Locks the accounts of those of the alerts that have not fired, in the order of their ids, and tells the number of the last event of each.
///
/// Before the alerts themselves, as whoever deletes one does. Nobody who holds the lock of one account waits for that of another, but for
/// those who come here, and they wait in one order.
pub(crate) async fn lock_accounts_of_alerts(
    tx: &mut TenantTx,
    crossings: &[(AlertId, Crossing)],
) -> Result<BTreeMap<AccountId, i64>, DbError> {
    let ids: Vec<AlertId> = crossings.iter().map(|(id, _)| *id).collect();
    let rows: Vec<LoggedAccount> = sqlx::query_as(
        "select id, event_seq from trading.account
         where tenant_id = $1 and id in (
             select account_id from trading.alert where tenant_id = $1 and id = any ($2) and fired_at is null
         )
         order by id for update",
    )
    .bind(tx.tenant())
    .bind(ids)
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.event_seq)).collect())
}

/// Fires those of the alerts that are there, have not fired and were crossed: the rows decide, whoever asks. The caller has locked the
/// accounts, whose numbers of the last event are in `accounts`; each alert is logged as its account's next one. Tells which.
pub(crate) async fn fire_alerts(
    tx: &mut TenantTx,
    accounts: &BTreeMap<AccountId, i64>,
    crossings: &[(AlertId, Crossing)],
    now: Timestamp,
) -> Result<Vec<FiredRow>, DbError> {
    let locked: Vec<AccountId> = accounts.keys().copied().collect();
    fire_rows(tx, &locked, crossings, now).await
}

/// Writes into the logs of their accounts, which the caller has locked, that alerts fired. The audit events come before.
pub(crate) async fn log_fired_alerts(
    tx: &mut TenantTx,
    mut accounts: BTreeMap<AccountId, i64>,
    fired: &[FiredRow],
    now: Timestamp,
) -> Result<(), DbError> {
    if fired.is_empty() {
        return Ok(());
    }
    let locked: Vec<AccountId> = accounts.keys().copied().collect();
    let mut logged = Logged::default();
    for FiredRow { alert, .. } in fired {
        let (Some(seq), Some(fired_price)) = (accounts.get_mut(&alert.account_id), alert.fired_price) else {
            return Err(sqlx::Error::RowNotFound.into());
        };
        *seq += 1;
        let event = AccountEvent::AlertFired(FiredPrice {
            alert_id: alert.id,
            symbol: alert.symbol,
            direction: alert.direction,
            price: alert.price,
            fired_price,
        });
        logged.push(alert.account_id, *seq, &event)?;
    }
    sqlx::query(
        "with logged as (
             insert into trading.event (tenant_id, account_id, seq, kind, at, payload)
             select $1, x.account_id, x.seq, x.kind, $2, x.payload::jsonb
             from unnest($3::uuid[], $4::bigint[], $5::text[], $6::text[]) as x (account_id, seq, kind, payload)
         )
         update trading.account a set event_seq = x.seq
         from unnest($7::uuid[], $8::bigint[]) as x (id, seq)
         where a.tenant_id = $1 and a.id = x.id and a.event_seq < x.seq",
    )
    .bind(tx.tenant())
    .bind(now)
    .bind(logged.account_id)
    .bind(logged.seq)
    .bind(logged.kind)
    .bind(logged.payload)
    .bind(locked)
    .bind(accounts.into_values().collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}

async fn fire_rows(
    tx: &mut TenantTx,
    accounts: &[AccountId],
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
             where a.tenant_id = $1 and a.account_id = any ($6) and a.fired_at is null and x.quote_seq > a.created_quote_seq
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
    .bind(accounts)
    .fetch_all(tx)
    .await?;
    Ok(rows)
}
