//! The columns of `platform_audit.event`, and a row of them.

use std::str::FromStr;

use platform_core::Timestamp;
use platform_core::time::Duration;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgRow, PgTypeInfo, PgValueRef};
use sqlx::{Decode, FromRow, Postgres, Row, Type};

use super::decode::read_targets;
use super::json::Json;
use crate::note::parse_decimal;
use crate::{CanonicalJson, Entry, JSON_DEPTH_MAX, Seal, StoredRow};

/// The select list of a [`StoredRow`], from `platform_audit.event e`. A macro, so that `concat!` makes it part of a static statement.
macro_rules! event_columns {
    () => {
        "e.tenant_id, e.id, e.recorded_at, e.occurred_at, e.xid::text as xid, e.action, e.action_version, e.activity, e.outcome, \
         e.reason, e.severity, e.actor_kind, e.actor_id, e.purpose, e.on_behalf_of, e.session_id, e.target_kind, e.target_id, \
         e.targets::text as targets, e.changes::text as changes, e.source_address, e.user_agent, e.request_id, e.trace_id, \
         e.detail::text as detail, e.retention, e.visibility, e.producer, e.counter, e.seal"
    };
}
pub(crate) use event_columns;

/// A JSON column as text, no longer than one more character than an event's can be; what stands there instead of any that is larger is no
/// JSON.
///
/// PostgreSQL prints no text of a gigabyte: it breaks off the statement. So nothing is printed of what is larger as it is stored than any
/// event's, whose 64 KiB of text take six times as much at the most, 12 bytes for a digit; nor of what is large and holds numbers that are
/// none of an event's, of which one of 16 bytes is printed as 131,072 digits. Small values are not looked into: what is stored in 400
/// bytes takes less than 100,000 uncompressed.
macro_rules! bounded_json {
    ($column:literal) => {
        concat!(
            "case when pg_column_size(e.",
            $column,
            ") <= 400 then left(e.",
            $column,
            "::text, 65537) \
                  when pg_column_size(e.",
            $column,
            ") > 524288 then '?' \
                  when pg_column_size(jsonb_build_array(e.",
            $column,
            ")) <= 100000 then left(e.",
            $column,
            "::text, 65537) \
                  when pg_column_size(jsonb_build_array(e.",
            $column,
            ")) > 524288 then '?' \
                  when jsonb_path_exists(e.",
            $column,
            ", '$.** ? (@.type() == \"number\" && (@ > 1e400 || @ < -1e400))') then '?' \
                  else left(e.",
            $column,
            "::text, 65537) end as ",
            $column
        )
    };
}
pub(crate) use bounded_json;

/// The columns of a [`StoredRow`], each no longer than one more character than it can have: what is cut off there is none of an event.
macro_rules! bounded_event_columns {
    () => {
        concat!(
            "e.tenant_id, e.id, e.recorded_at, e.occurred_at, e.xid::text as xid, left(e.action, 65) as action, e.action_version, \
             left(e.activity, 65) as activity, left(e.outcome, 65) as outcome, left(e.reason, 129) as reason, \
             left(e.severity, 65) as severity, left(e.actor_kind, 65) as actor_kind, e.actor_id, left(e.purpose, 257) as purpose, \
             e.on_behalf_of, e.session_id, left(e.target_kind, 65) as target_kind, left(e.target_id, 257) as target_id, ",
            $crate::entry::bounded_json!("targets"),
            ", ",
            $crate::entry::bounded_json!("changes"),
            ", left(e.source_address, 65) as source_address, left(e.user_agent, 257) as user_agent, e.request_id, \
             left(e.trace_id, 33) as trace_id, ",
            $crate::entry::bounded_json!("detail"),
            ", left(e.retention, 65) as retention, left(e.visibility, 65) as visibility, e.producer, e.counter, \
             substring(e.seal from 1 for 33) as seal"
        )
    };
}
pub(crate) use bounded_event_columns;

/// Strict: whoever may write the table may have put anything there that the types of the columns allow, and dropped the checks
/// besides. A value that recording cannot have made is [`sqlx::Error::ColumnDecode`] with the column's name, never another value.
impl FromRow<'_, PgRow> for StoredRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let entry = Entry {
            tenant: row.try_get("tenant_id")?,
            id: row.try_get("id")?,
            recorded_at: row.try_get::<Time, _>("recorded_at")?.0,
            occurred_at: row.try_get::<Time, _>("occurred_at")?.0,
            xid: read(row, "xid", |xid: String| parse_decimal(&xid))?,
            action: row.try_get("action")?,
            action_version: read(row, "action_version", |version: i16| version.try_into().ok())?,
            activity: word(row, "activity")?,
            outcome: word(row, "outcome")?,
            reason: row.try_get("reason")?,
            severity: word(row, "severity")?,
            actor_kind: row.try_get("actor_kind")?,
            actor_id: row.try_get("actor_id")?,
            purpose: row.try_get("purpose")?,
            on_behalf_of: row.try_get("on_behalf_of")?,
            session_id: row.try_get("session_id")?,
            targets: read(row, "targets", |targets: String| {
                Json::parse(&targets, JSON_DEPTH_MAX).ok().and_then(read_targets)
            })?,
            changes: json(row, "changes")?,
            source_address: row.try_get("source_address")?,
            user_agent: row.try_get("user_agent")?,
            request_id: row.try_get("request_id")?,
            trace_id: row.try_get("trace_id")?,
            detail: json(row, "detail")?,
            retention: word(row, "retention")?,
            visibility: word(row, "visibility")?,
            producer: row.try_get("producer")?,
            counter: read_optional(row, "counter", |counter: i64| counter.try_into().ok())?,
            seal: read_optional(row, "seal", |seal: Vec<u8>| Seal::try_from(seal.as_slice()).ok())?,
        };
        Ok(Self {
            entry,
            target_kind: row.try_get("target_kind")?,
            target_id: row.try_get("target_id")?,
        })
    }
}

fn json(row: &PgRow, column: &'static str) -> Result<Option<CanonicalJson>, sqlx::Error> {
    read_optional(row, column, |text: String| CanonicalJson::parse(&text).ok())
}

fn word<T: FromStr>(row: &PgRow, column: &'static str) -> Result<T, sqlx::Error> {
    read(row, column, |word: String| word.parse().ok())
}

fn read<'r, V, T>(row: &'r PgRow, column: &'static str, read: fn(V) -> Option<T>) -> Result<T, sqlx::Error>
where
    V: Decode<'r, Postgres> + Type<Postgres>,
{
    read(row.try_get(column)?).ok_or_else(|| impossible(column))
}

fn read_optional<'r, V, T>(
    row: &'r PgRow,
    column: &'static str,
    read: fn(V) -> Option<T>,
) -> Result<Option<T>, sqlx::Error>
where
    V: Decode<'r, Postgres> + Type<Postgres>,
{
    let stored: Option<V> = row.try_get(column)?;
    stored
        .map(|value| read(value).ok_or_else(|| impossible(column)))
        .transpose()
}

/// The column holds what no event can have.
#[derive(Debug, thiserror::Error)]
#[error("no event can have this value")]
struct Impossible;

fn impossible(column: &'static str) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: Box::new(Impossible),
    }
}

/// A time as it is stored, infinity and years past 9999 refused: decoding them as a [`Timestamp`] panics.
struct Time(Timestamp);

impl Type<Postgres> for Time {
    fn type_info() -> PgTypeInfo {
        <Timestamp as Type<Postgres>>::type_info()
    }
}

impl<'r> Decode<'r, Postgres> for Time {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        // As in sqlx, a statement that binds nothing is answered in text.
        let micros = match value.format() {
            sqlx::postgres::PgValueFormat::Binary => <i64 as Decode<Postgres>>::decode(value)?,
            sqlx::postgres::PgValueFormat::Text => {
                return Ok(Self(<Timestamp as Decode<Postgres>>::decode(value)?));
            }
        };
        let at = micros
            .checked_add(POSTGRES_EPOCH_MICROS)
            .and_then(|micros| Timestamp::UNIX_EPOCH.checked_add(Duration::microseconds(micros)));
        Ok(Self(at.ok_or(Impossible)?))
    }
}

/// From 1970 to 2000, with which PostgreSQL's times begin.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;
