//! The table `trading.event`.

use platform_core::Timestamp;
use platform_core::pg::{DbError, TenantRead, TenantTx};
use sqlx::FromRow;

use super::OrderRow;
use crate::service::AccountId;
use crate::{AccountEvent, Event, OrderEventView, OrderId};

/// Adds events to the log of an account that the caller has locked, after the one numbered `last`. Tells the number of the newest.
///
/// For changes that have a statement of their own, in the transaction of that statement; what changes an order is logged with it.
pub(crate) async fn append_events(
    tx: &mut TenantTx,
    (account, last): (AccountId, i64),
    events: &[AccountEvent],
    now: Timestamp,
) -> Result<i64, DbError> {
    let mut logged = Logged::default();
    let mut newest = last;
    for event in events {
        newest += 1;
        logged.push(account, newest, event)?;
    }
    let touched = sqlx::query(
        "with v as (
             insert into trading.event (tenant_id, account_id, seq, kind, order_id, at, payload)
             select $1, $2, x.seq, x.kind, x.order_id, $3, x.payload::jsonb
             from unnest($4::bigint[], $5::text[], $6::uuid[], $7::text[]) as x (seq, kind, order_id, payload)
         )
         update trading.account set event_seq = $8 where tenant_id = $1 and id = $2",
    )
    .bind(tx.tenant())
    .bind(account)
    .bind(now)
    .bind(logged.seq)
    .bind(logged.kind)
    .bind(logged.order_id)
    .bind(logged.payload)
    .bind(newest)
    .execute(tx)
    .await?;
    match touched.rows_affected() {
        1 => Ok(newest),
        _ => Err(DbError::from(sqlx::Error::RowNotFound)),
    }
}

/// The columns of events.
#[derive(Default)]
pub(super) struct Logged {
    pub(super) account_id: Vec<AccountId>,
    pub(super) seq: Vec<i64>,
    pub(super) kind: Vec<&'static str>,
    pub(super) order_id: Vec<Option<OrderId>>,
    pub(super) payload: Vec<String>,
}

impl Logged {
    /// Adds what happened to an order, with what its row is after the change.
    pub(super) fn push_of(
        &mut self,
        account: AccountId,
        seq: i64,
        (event, row): (&Event, &OrderRow),
    ) -> Result<(), DbError> {
        let event = AccountEvent::Order {
            event: event.clone(),
            record: Some(row.record()),
        };
        self.push(account, seq, &event)
    }

    pub(super) fn push(&mut self, account: AccountId, seq: i64, event: &AccountEvent) -> Result<(), DbError> {
        self.account_id.push(account);
        self.seq.push(seq);
        self.kind.push(event.kind());
        self.order_id.push(event.order_id());
        self.payload.push(payload(event)?);
        Ok(())
    }
}

/// The payload as it is bound. Fails for no event of this crate.
fn payload(event: &AccountEvent) -> Result<String, DbError> {
    let payload = event
        .payload()
        .map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    Ok(payload.to_string())
}

#[derive(FromRow)]
struct EventRow {
    seq: i64,
    kind: String,
    at: Timestamp,
    payload: String,
}

impl EventRow {
    fn into_view(self) -> Result<OrderEventView, DbError> {
        let payload =
            serde_json::from_str(&self.payload).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        Ok(OrderEventView {
            seq: self.seq,
            kind: self.kind,
            at: self.at,
            payload,
        })
    }
}

/// The events of an order, oldest first, at most `limit` after the number `after`.
pub(crate) async fn events_of_order(
    read: &mut TenantRead,
    order: OrderId,
    (after, limit): (Option<i64>, u32),
) -> Result<Vec<OrderEventView>, DbError> {
    let rows: Vec<EventRow> = sqlx::query_as(
        "select seq, kind, at, payload::text as payload
         from trading.event where tenant_id = $1 and order_id = $2 and seq > $3 order by seq limit $4",
    )
    .bind(read.tenant())
    .bind(order)
    .bind(after.unwrap_or(0))
    .bind(i64::from(limit))
    .fetch_all(read)
    .await?;
    rows.into_iter().map(EventRow::into_view).collect()
}
