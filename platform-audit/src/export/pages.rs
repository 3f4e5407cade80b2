//! Reading the log position by position, a bounded number at a time.

use std::collections::{HashMap, HashSet, VecDeque};

use platform_core::pg::{DbError, TenantRead};
use platform_core::uuid::Uuid;
use sqlx::Arguments as _;

use super::ExportError;
use super::chosen::Chosen;
use super::entries::entries_of;
use crate::query::{arguments, filter_conditions};
use crate::{EventFilter, LeafHash, Reader, TreeHead};

/// How many positions a filter is applied to at once.
const WINDOW: u64 = 1_024;

/// How many events are held at once. An entry has 64 KiB at most.
const BATCH: usize = 128;

/// A position of the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) seq: u64,
    pub(crate) id: Uuid,
    pub(crate) leaf: LeafHash,
}

/// The positions of a log that are still to be exported.
#[derive(Debug)]
pub(super) struct Pages {
    reader: Reader,
    /// Without one every position is wanted.
    filter: Option<(EventFilter, Chosen)>,
    /// The first position that was not looked at.
    at: u64,
    end: u64,
    /// Looked at, wanted and not exported yet.
    ready: VecDeque<Place>,
}

/// Some positions, with the canonical bytes of their events as far as they are there.
pub(super) struct Batch {
    pub(super) places: Vec<Place>,
    pub(super) entries: HashMap<Uuid, Vec<u8>>,
}

impl Pages {
    /// Every position from the first on, or with a filter those from 0 on that pass, below the size of a signed head.
    pub(super) fn new(filter: Option<EventFilter>, reader: Reader, first: u64, head: TreeHead) -> Self {
        Self {
            reader,
            filter: filter.map(|filter| (filter, Chosen::from(head))),
            at: first,
            end: head.size,
            ready: VecDeque::new(),
        }
    }

    /// Whether every position was exported.
    pub(super) fn is_done(&self) -> bool {
        self.ready.is_empty() && self.at >= self.end
    }

    /// The next positions: none when none of those that were looked at is wanted. They come again until they are
    /// [taken](Self::taken).
    ///
    /// With a filter every event that is looked at has to be what was signed, whether or not it passes: the filter reads columns, which
    /// are not what is given out.
    pub(super) async fn next(&mut self, read: &mut TenantRead) -> Result<Batch, ExportError> {
        if self.ready.is_empty() {
            let to = self.at.saturating_add(WINDOW).min(self.end);
            let mut places = places(read, self.at, to).await?;
            if let Some((filter, chosen)) = &mut self.filter {
                let (checked, found) = chosen.checked(read, (self.reader, filter), &places, to).await?;
                *chosen = checked;
                places.retain(|place| found.contains(&place.id));
            }
            self.at = to;
            self.ready = places.into();
        }
        let places: Vec<Place> = self.ready.iter().take(BATCH).copied().collect();
        let ids: Vec<Uuid> = places.iter().map(|place| place.id).collect();
        let entries = entries_of(read, &ids).await?;
        Ok(Batch { places, entries })
    }

    /// Goes on behind the first so many positions.
    pub(super) fn taken(&mut self, count: usize) {
        self.ready.drain(..count.min(self.ready.len()));
    }
}

pub(crate) async fn places(read: &mut TenantRead, from: u64, to: u64) -> Result<Vec<Place>, DbError> {
    let rows: Vec<(i64, Uuid, Vec<u8>)> = sqlx::query_as(
        "select seq, id, leaf from platform_audit.leaf where tenant_id = $1 and seq >= $2 and seq < $3 order by seq",
    )
    .bind(read.tenant())
    .bind(position(from))
    .bind(position(to))
    .fetch_all(&mut *read)
    .await?;
    let places = rows.into_iter().filter_map(|(seq, id, leaf)| {
        Some(Place {
            seq: seq.try_into().ok()?,
            id,
            leaf: LeafHash::from_slice(&leaf).ok()?,
        })
    });
    Ok(places.collect())
}

/// The notes of the checkpoints from the first size on, below the last, each with its size.
pub(crate) async fn checkpoints(
    read: &mut TenantRead,
    from: u64,
    below: u64,
) -> Result<Vec<(u64, String)>, DbError> {
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "select size, note from platform_audit.checkpoint where tenant_id = $1 and size >= $2 and size < $3 order by size",
    )
    .bind(read.tenant())
    .bind(position(from))
    .bind(position(below))
    .fetch_all(&mut *read)
    .await?;
    let notes = rows
        .into_iter()
        .filter_map(|(size, note)| Some((size.try_into().ok()?, note)));
    Ok(notes.collect())
}

/// A position that does not fit is behind every one that a table has.
pub(super) fn position(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// How many events that pass the filter no checkpoint of this size covers: as a rule a handful. Of those that wait 10,000 are looked
/// at.
pub(super) async fn pending(
    read: &mut TenantRead,
    reader: Reader,
    filter: &EventFilter,
    size: u64,
) -> Result<u64, DbError> {
    let waiting: Vec<Uuid> = sqlx::query_scalar(
        "(select id from platform_audit.pending where tenant_id = $1 limit 10000)
         union
         (select id from platform_audit.leaf where tenant_id = $1 and seq >= $2 order by seq limit 10000)
         limit 10000",
    )
    .bind(read.tenant())
    .bind(position(size))
    .fetch_all(&mut *read)
    .await?;
    let found = passing(read, reader, filter, waiting).await?;
    Ok(u64::try_from(found.len()).unwrap_or(u64::MAX))
}

/// Those of the events that pass the filter.
async fn passing(
    read: &mut TenantRead,
    reader: Reader,
    filter: &EventFilter,
    ids: Vec<Uuid>,
) -> Result<HashSet<Uuid>, DbError> {
    const SQL: &str = concat!(
        "select e.id from platform_audit.event e where ",
        filter_conditions!(),
        " and e.id = any($14)"
    );
    let mut arguments = arguments(read.tenant(), reader, filter)?;
    arguments.add(ids).map_err(sqlx::Error::Encode)?;
    let found: Vec<Uuid> = sqlx::query_scalar_with(SQL, arguments)
        .persistent(false)
        .fetch_all(&mut *read)
        .await?;
    Ok(found.into_iter().collect())
}
