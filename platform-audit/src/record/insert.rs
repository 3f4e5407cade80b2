//! The statements that insert events.

use std::collections::HashSet;

use platform_core::TenantId;
use platform_core::pg::{DbError, TenantTx};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{Postgres, Row};

use super::Draft;
use crate::{AuditError, EventId, InvalidEvent};

/// Those that the application may write; the others are the database's to fill.
macro_rules! written_columns {
    () => {
        "tenant_id, id, occurred_at, action, action_version, activity, outcome, reason, severity, actor_kind, actor_id, purpose, \
         on_behalf_of, session_id, target_kind, target_id, targets, changes, source_address, user_agent, request_id, trace_id, \
         detail, retention, visibility, producer, counter, seal"
    };
}

const INSERT_ONE: &str = concat!(
    "insert into platform_audit.event (",
    written_columns!(),
    ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17::text::jsonb, $18::text::jsonb, $19, $20,
       $21, $22, $23::text::jsonb, $24, $25, $26, $27, $28)"
);

macro_rules! insert_many {
    ($and:literal) => {
        concat!(
            "insert into platform_audit.event (",
            written_columns!(),
            ") select $1, id, occurred_at, action, action_version, activity, outcome, reason, severity, actor_kind, actor_id, purpose,
         on_behalf_of, session_id, target_kind, target_id, targets::jsonb, changes::jsonb, source_address, user_agent, request_id,
         trace_id, detail::jsonb, retention, visibility, producer, counter, seal
       from unnest($2::uuid[], $3::timestamptz[], $4::text[], $5::int2[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
         $11::uuid[], $12::text[], $13::uuid[], $14::uuid[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[],
         $20::text[], $21::uuid[], $22::text[], $23::text[], $24::text[], $25::text[], $26::uuid[], $27::int8[], $28::bytea[])
         as added (id, occurred_at, action, action_version, activity, outcome, reason, severity, actor_kind, actor_id, purpose,
           on_behalf_of, session_id, target_kind, target_id, targets, changes, source_address, user_agent, request_id, trace_id,
           detail, retention, visibility, producer, counter, seal) ",
            $and
        )
    };
}

const INSERT_NEW: &str = insert_many!("");

/// Leaves out what is recorded already, and says what was not. Looking for it costs an eighth more.
const INSERT_UNLESS_RECORDED: &str = insert_many!("on conflict (tenant_id, id) do nothing returning id");

/// Inserts an event that nobody can have recorded before.
pub(super) async fn one(tx: &mut TenantTx, draft: &Draft) -> Result<(), AuditError> {
    let entry = &draft.entry;
    let first = entry.targets.first();
    let inserted = sqlx::query(INSERT_ONE)
        .bind(entry.tenant)
        .bind(entry.id)
        .bind(entry.occurred_at)
        .bind(&entry.action)
        .bind(version(draft)?)
        .bind(entry.activity.as_str())
        .bind(entry.outcome.as_str())
        .bind(entry.reason.as_deref())
        .bind(entry.severity.as_str())
        .bind(&entry.actor_kind)
        .bind(entry.actor_id)
        .bind(entry.purpose.as_deref())
        .bind(entry.on_behalf_of)
        .bind(entry.session_id)
        .bind(first.map(|target| target.kind.as_ref()))
        .bind(first.map(|target| target.id.as_str()))
        .bind(targets(draft))
        .bind(entry.changes.as_ref().map(|changes| changes.as_str()))
        .bind(entry.source_address.as_deref())
        .bind(entry.user_agent.as_deref())
        .bind(entry.request_id)
        .bind(&entry.trace_id)
        .bind(entry.detail.as_ref().map(|detail| detail.as_str()))
        .bind(entry.retention.as_str())
        .bind(entry.visibility.as_str())
        .bind(entry.producer)
        .bind(counter(draft)?)
        .bind(entry.seal.as_ref().map(|seal| seal.as_bytes().as_slice()))
        .execute(&mut *tx)
        .await
        .map_err(DbError::from)?;
    // A trigger that somebody has put there can leave a row out without an error.
    if inserted.rows_affected() == 1 {
        Ok(())
    } else {
        Err(DbError::from(sqlx::Error::RowNotFound).into())
    }
}

/// Inserts events of one tenant, which nobody can have recorded before, by one statement.
pub(super) async fn many_new(tx: &mut TenantTx, drafts: &[Draft]) -> Result<(), AuditError> {
    let insert = bind_many(INSERT_NEW, tx.tenant(), drafts)?;
    let inserted = insert.execute(&mut *tx).await.map_err(DbError::from)?;
    // As with one.
    if usize::try_from(inserted.rows_affected()) == Ok(drafts.len()) {
        Ok(())
    } else {
        Err(DbError::from(sqlx::Error::RowNotFound).into())
    }
}

/// Inserts events of one tenant by one statement; the ids of those that were not there before.
pub(super) async fn many(tx: &mut TenantTx, drafts: &[Draft]) -> Result<HashSet<EventId>, AuditError> {
    let insert = bind_many(INSERT_UNLESS_RECORDED, tx.tenant(), drafts)?;
    let inserted = insert.fetch_all(&mut *tx).await.map_err(DbError::from)?;
    let ids = inserted.iter().map(|row| row.try_get(0));
    Ok(ids.collect::<Result<_, _>>().map_err(DbError::from)?)
}

fn bind_many<'d>(
    sql: &'static str,
    tenant: TenantId,
    drafts: &'d [Draft],
) -> Result<Query<'d, Postgres, PgArguments>, AuditError> {
    Ok(sqlx::query(sql)
        .bind(tenant)
        .bind(column(drafts, |draft| draft.entry.id))
        .bind(column(drafts, |draft| draft.entry.occurred_at))
        .bind(column(drafts, |draft| draft.entry.action.as_str()))
        .bind(drafts.iter().map(version).collect::<Result<Vec<_>, _>>()?)
        .bind(column(drafts, |draft| draft.entry.activity.as_str()))
        .bind(column(drafts, |draft| draft.entry.outcome.as_str()))
        .bind(column(drafts, |draft| draft.entry.reason.as_deref()))
        .bind(column(drafts, |draft| draft.entry.severity.as_str()))
        .bind(column(drafts, |draft| draft.entry.actor_kind.as_str()))
        .bind(column(drafts, |draft| draft.entry.actor_id))
        .bind(column(drafts, |draft| draft.entry.purpose.as_deref()))
        .bind(column(drafts, |draft| draft.entry.on_behalf_of))
        .bind(column(drafts, |draft| draft.entry.session_id))
        .bind(column(drafts, |draft| {
            draft.entry.targets.first().map(|target| target.kind.as_ref())
        }))
        .bind(column(drafts, |draft| {
            draft.entry.targets.first().map(|target| target.id.as_str())
        }))
        .bind(column(drafts, targets))
        .bind(column(drafts, |draft| {
            draft.entry.changes.as_ref().map(|changes| changes.as_str())
        }))
        .bind(column(drafts, |draft| draft.entry.source_address.as_deref()))
        .bind(column(drafts, |draft| draft.entry.user_agent.as_deref()))
        .bind(column(drafts, |draft| draft.entry.request_id))
        .bind(column(drafts, |draft| draft.entry.trace_id.as_str()))
        .bind(column(drafts, |draft| {
            draft.entry.detail.as_ref().map(|detail| detail.as_str())
        }))
        .bind(column(drafts, |draft| draft.entry.retention.as_str()))
        .bind(column(drafts, |draft| draft.entry.visibility.as_str()))
        .bind(column(drafts, |draft| draft.entry.producer))
        .bind(drafts.iter().map(counter).collect::<Result<Vec<_>, _>>()?)
        .bind(column(drafts, |draft| {
            draft.entry.seal.as_ref().map(|seal| seal.as_bytes().as_slice())
        })))
}

fn column<'d, T>(drafts: &'d [Draft], value: impl FnMut(&'d Draft) -> T) -> Vec<T> {
    drafts.iter().map(value).collect()
}

fn targets(draft: &Draft) -> String {
    crate::entry::targets_json(&draft.entry.targets)
}

fn version(draft: &Draft) -> Result<i16, InvalidEvent> {
    draft
        .entry
        .action_version
        .try_into()
        .map_err(|_| InvalidEvent::Version)
}

fn counter(draft: &Draft) -> Result<Option<i64>, InvalidEvent> {
    let counter = draft.entry.counter.map(i64::try_from).transpose();
    counter.map_err(|_| InvalidEvent::TooLarge)
}
