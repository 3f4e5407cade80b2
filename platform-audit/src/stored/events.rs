//! The events of a window.

use platform_core::pg::{DbError, TenantRead};
use platform_core::uuid::Uuid;
use sqlx::postgres::PgRow;
use sqlx::{FromRow as _, Row as _};

use super::budget::Budget;
use crate::StoredRow;
use crate::entry::bounded_event_columns;
use crate::verify::RowState;

/// What is stored of some events, by their ids.
#[derive(Debug, Default)]
pub(crate) struct Events {
    rows: ById,
    /// With their bytes in the second column.
    entries: ById,
}

/// Rows in the order of their ids.
#[derive(Debug, Default)]
struct ById(Vec<(Uuid, PgRow)>);

impl ById {
    fn new(rows: Vec<PgRow>) -> Result<Self, DbError> {
        let rows = rows.into_iter().map(|row| Ok((row.try_get("id")?, row)));
        let mut rows: Vec<(Uuid, PgRow)> = rows.collect::<Result<_, sqlx::Error>>()?;
        rows.sort_by_key(|(id, _)| *id);
        Ok(Self(rows))
    }

    fn get(&self, id: Uuid) -> impl Iterator<Item = &PgRow> {
        let first = self.0.partition_point(|(other, _)| *other < id);
        let from = self.0.get(first..).unwrap_or_default().iter();
        from.take_while(move |(other, _)| *other == id)
            .map(|(_, row)| row)
    }

    fn contains(&self, id: Uuid) -> bool {
        self.get(id).next().is_some()
    }

    fn remove(&mut self, id: Uuid) {
        self.0.retain(|(other, _)| *other != id);
    }
}

/// An event as far as it is there.
#[derive(Debug, Default)]
pub(crate) struct Event<'a> {
    pub(super) row: Option<StoredRow>,
    /// The column that cannot be read.
    pub(super) unreadable: Option<&'static str>,
    pub(super) entry: Option<&'a [u8]>,
    /// It is there more than once.
    pub(super) is_repeated: bool,
}

impl Event<'_> {
    /// What there is of an event that has no place in the tree.
    pub(crate) fn state(&self) -> RowState {
        match &self.row {
            // Only a part of what cannot be read is read, and of several rows one.
            _ if self.is_repeated || self.unreadable.is_some() => RowState::Unknown,
            Some(row) => RowState::of(row),
            None => RowState::Missing,
        }
    }
}

impl Events {
    /// Reads what is stored of these; `None` when it is more than the budget allows.
    pub(super) async fn read(
        read: &mut TenantRead,
        ids: &[Uuid],
        mut budget: Budget,
    ) -> Result<Option<Self>, DbError> {
        // Planned for these ids, which mostly follow one another: as a part of an index, and only in the months in which they are.
        let (first, last) = (ids.iter().min(), ids.iter().max());
        let rows = sqlx::query(concat!(
            "select ",
            bounded_event_columns!(),
            " from platform_audit.event e
              where e.tenant_id = $1 and e.id = any($2) and e.id between $3 and $4"
        ))
        .bind(read.tenant())
        .bind(ids)
        .bind(first)
        .bind(last)
        .persistent(false);
        let Some(rows) = budget.fetch(read, rows).await? else {
            return Ok(None);
        };
        // No entry is longer than 65535 bytes; of one that is, this part has another hash.
        let entries = sqlx::query(
            "select id, substring(bytes from 1 for 65536) from platform_audit.entry
             where tenant_id = $1 and id = any($2) and id between $3 and $4",
        )
        .bind(read.tenant())
        .bind(ids)
        .bind(first)
        .bind(last)
        .persistent(false);
        let Some(entries) = budget.fetch(read, entries).await? else {
            return Ok(None);
        };
        let mut events = Self {
            rows: ById::new(rows)?,
            entries: ById::new(entries)?,
        };
        events.look_again(read, ids).await?;
        Ok(Some(events))
    }

    /// Reads what is stored of the first few of these, and says how many they are: one at least, of which it leaves out what does not
    /// fit.
    pub(crate) async fn read_some(read: &mut TenantRead, ids: &[Uuid]) -> Result<(Self, usize), DbError> {
        let mut count = ids.len();
        while count > 1 {
            let some = ids.get(..count).unwrap_or_default();
            if let Some(events) = Self::read(read, some, Budget::window()).await? {
                return Ok((events, count));
            }
            count /= 2;
        }
        let some = ids.get(..count).unwrap_or_default();
        let events = Self::read(read, some, Budget::single()).await?;
        Ok((events.unwrap_or_default(), count))
    }

    /// Looks in one statement at those of which only one half was there: between two, both may have been pruned.
    async fn look_again(&mut self, read: &mut TenantRead, ids: &[Uuid]) -> Result<(), DbError> {
        let halves = |id: &&Uuid| self.rows.contains(**id) != self.entries.contains(**id);
        let halves: Vec<Uuid> = ids.iter().filter(halves).copied().collect();
        if halves.is_empty() {
            return Ok(());
        }
        // However often they stand there, one answer for each.
        let seen: Vec<(Uuid, bool, bool)> = sqlx::query_as(
            "select w.id, e.is_there is not null, n.is_there is not null
             from unnest($2::uuid[]) as w (id)
             left join lateral (
               select true as is_there from platform_audit.event e where e.tenant_id = $1 and e.id = w.id limit 1
             ) e on true
             left join lateral (
               select true as is_there from platform_audit.entry n where n.tenant_id = $1 and n.id = w.id limit 1
             ) n on true",
        )
        .bind(read.tenant())
        .bind(&halves)
        .persistent(false)
        .fetch_all(&mut *read)
        .await?;
        for (id, has_row, has_entry) in seen {
            if !has_row {
                self.rows.remove(id);
            }
            if !has_entry {
                self.entries.remove(id);
            }
        }
        Ok(())
    }

    pub(crate) fn get(&self, id: Uuid) -> Event<'_> {
        let (mut rows, mut entries) = (self.rows.get(id), self.entries.get(id));
        let (row, unreadable) = match rows.next().map(StoredRow::from_row) {
            Some(Ok(row)) => (Some(row), None),
            Some(Err(error)) => (None, Some(column_of(&error))),
            None => (None, None),
        };
        Event {
            row,
            unreadable,
            // Without bytes it is as if there were none of them.
            entry: entries.next().map(|row| row.try_get(1).unwrap_or_default()),
            is_repeated: rows.next().is_some() || entries.next().is_some(),
        }
    }
}

/// The column with a value that no event can have.
fn column_of(error: &sqlx::Error) -> &'static str {
    let sqlx::Error::ColumnDecode { index, .. } = error else {
        return "event";
    };
    let name = index.trim_matches('"');
    COLUMNS
        .into_iter()
        .find(|column| *column == name)
        .unwrap_or("event")
}

/// The columns of an event.
const COLUMNS: [&str; 30] = [
    "tenant_id",
    "id",
    "recorded_at",
    "occurred_at",
    "xid",
    "action",
    "action_version",
    "activity",
    "outcome",
    "reason",
    "severity",
    "actor_kind",
    "actor_id",
    "purpose",
    "on_behalf_of",
    "session_id",
    "target_kind",
    "target_id",
    "targets",
    "changes",
    "source_address",
    "user_agent",
    "request_id",
    "trace_id",
    "detail",
    "retention",
    "visibility",
    "producer",
    "counter",
    "seal",
];
