//! An event that may have to go, with what is needed to decide.

use platform_core::TenantId;
use platform_core::uuid::Uuid;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row as _};

use crate::{EventId, LeafHash, StoredRow};

/// An event whose time may be over.
#[derive(Debug)]
pub(super) struct DueEvent {
    pub(super) tenant: TenantId,
    pub(super) id: EventId,
    pub(super) class: String,
    /// Its position in the tree; `None` while it waits for one.
    pub(super) seq: Option<u64>,
    /// Which event of its producer it is.
    pub(super) counter: Option<(Uuid, u64)>,
    /// Whether the database lets it be deleted.
    pub(super) may_be_pruned: bool,
    /// Whether its columns hash to its leaf: an event that was altered is evidence and stays.
    pub(super) is_as_sequenced: bool,
}

impl FromRow<'_, PgRow> for DueEvent {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let seq: Option<i64> = row.try_get("seq")?;
        let leaf: Option<Vec<u8>> = row.try_get("leaf")?;
        let leaf = leaf.and_then(|leaf| LeafHash::from_slice(&leaf).ok());
        let producer: Option<Uuid> = row.try_get("producer")?;
        let counter: Option<i64> = row.try_get("counter")?;
        let counter = counter.and_then(|counter| u64::try_from(counter).ok());
        Ok(Self {
            tenant: row.try_get("tenant_id")?,
            id: row.try_get("id")?,
            class: row.try_get("retention")?,
            seq: seq.and_then(|seq| u64::try_from(seq).ok()),
            counter: producer.zip(counter),
            may_be_pruned: row.try_get("may_be_pruned")?,
            is_as_sequenced: leaf.is_some() && leaf_of(row) == leaf,
        })
    }
}

/// What the columns hash to; `None` when they are none that recording has made.
fn leaf_of(row: &PgRow) -> Option<LeafHash> {
    let stored = StoredRow::from_row(row).ok()?;
    if !stored.derived_columns_changed().is_empty() {
        return None;
    }
    let bytes = stored.entry.to_bytes().ok()?;
    Some(LeafHash::of(&bytes))
}
