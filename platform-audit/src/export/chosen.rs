//! Whether the columns by which events are chosen are those that were signed.

use std::collections::{HashMap, HashSet};

use platform_core::pg::TenantRead;
use platform_core::uuid::Uuid;
use sqlx::postgres::PgRow;
use sqlx::{Arguments as _, FromRow as _, Row as _};

use super::ExportError;
use super::entries::entries_of;
use super::pages::Place;
use crate::entry::bounded_event_columns;
use crate::query::{arguments, filter_conditions};
use crate::{CompactRange, EventFilter, LeafHash, ProveError, Reader, StoredRow, TreeHead};

/// How many rows are read at once. A row has a few times 64 KiB at most, since no column is read further than an event can have it.
const ROWS: usize = 128;

/// The positions that a filter was applied to so far.
///
/// Whoever alters a column of an event can take it out of every selection, or put it into one. So each row is compared with its leaf,
/// and the leaves with the signed head when the last of them has come.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    head: TreeHead,
    range: CompactRange,
}

impl From<TreeHead> for Chosen {
    fn from(head: TreeHead) -> Self {
        Self {
            head,
            range: CompactRange::new(),
        }
    }
}

impl Chosen {
    /// With all positions up to another, and which of them pass the filter; `places` are those that have a leaf.
    pub(super) async fn checked(
        &self,
        read: &mut TenantRead,
        (reader, filter): (Reader, &EventFilter),
        places: &[Place],
        to: u64,
    ) -> Result<(Self, HashSet<Uuid>), ExportError> {
        let mut range = self.range.clone();
        for place in places {
            let is_next = place.seq == range.size();
            if !is_next || range.append(place.leaf).is_err() {
                return Err(ExportError::Damaged { seq: range.size() });
            }
        }
        if range.size() != to {
            return Err(ExportError::Damaged { seq: range.size() });
        }
        let mut passing = HashSet::new();
        for places in places.chunks(ROWS) {
            passing.extend(compare(read, (reader, filter), places).await?);
        }
        if to == self.head.size && range.head() != self.head {
            return Err(ProveError::Damaged { size: to }.into());
        }
        let checked = Self {
            head: self.head,
            range,
        };
        Ok((checked, passing))
    }
}

/// Compares what is stored of events with their leaves, and finds those that pass. What is gone with its bytes was deleted because its time
/// was over.
///
/// The statement that reads the rows applies the filter too: between two of them somebody could alter a row, and back.
async fn compare(
    read: &mut TenantRead,
    (reader, filter): (Reader, &EventFilter),
    places: &[Place],
) -> Result<Vec<Uuid>, ExportError> {
    const SQL: &str = concat!(
        "select ",
        bounded_event_columns!(),
        ", coalesce(",
        filter_conditions!(),
        ", false) as passes
         from platform_audit.event e where e.tenant_id = $1 and e.id = any($14) and e.id between $15 and $16"
    );
    let ids: Vec<Uuid> = places.iter().map(|place| place.id).collect();
    let mut arguments = arguments(read.tenant(), reader, filter)?;
    let mut add = || {
        arguments.add(&ids)?;
        arguments.add(ids.iter().min())?;
        arguments.add(ids.iter().max())
    };
    add().map_err(sqlx::Error::Encode)?;
    // Planned for these ids, as a part of an index.
    let rows = sqlx::query_with(SQL, arguments)
        .persistent(false)
        .fetch_all(&mut *read)
        .await?;
    let mut found = HashMap::with_capacity(rows.len());
    let mut passing = Vec::new();
    for row in &rows {
        let id = row.try_get::<Uuid, _>("id")?;
        if row.try_get("passes")? {
            passing.push(id);
        }
        found.insert(id, row);
    }
    // Looked for after the rows, with which they go: those that are there now have lost theirs.
    let gone: Vec<Uuid> = ids.into_iter().filter(|id| !found.contains_key(id)).collect();
    let bare = match gone.is_empty() {
        true => HashMap::new(),
        false => entries_of(read, &gone).await?,
    };
    for place in places {
        let is_sound = match found.get(&place.id) {
            Some(row) => is_as_signed(row, place.leaf),
            None => !bare.contains_key(&place.id),
        };
        if !is_sound {
            return Err(ExportError::Damaged { seq: place.seq });
        }
    }
    Ok(passing)
}

/// A value that no event can have is an altered one.
fn is_as_signed(row: &PgRow, leaf: LeafHash) -> bool {
    let Ok(stored) = StoredRow::from_row(row) else {
        return false;
    };
    let bytes = stored.entry.to_bytes();
    let is_leaf = bytes.is_ok_and(|bytes| LeafHash::of(&bytes) == leaf);
    is_leaf && stored.derived_columns_changed().is_empty()
}
