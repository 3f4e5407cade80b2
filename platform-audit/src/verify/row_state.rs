//! What a row says that has no place in the tree.

use crate::{LeafHash, NodeHash, StoredRow};

/// What there is of an event that was kept out of the tree, so that it is noticed when that changes after somebody has looked at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RowState {
    /// There is no row.
    Missing,
    /// There is one row with this hash.
    There(LeafHash),
    /// Nobody has looked, there are several rows, or the row cannot be read: never what was acknowledged.
    Unknown,
}

const MISSING: &str = "missing";

impl RowState {
    /// The hash is that of a leaf, or where the row contradicts itself, one that no leaf has.
    pub(crate) fn of(row: &StoredRow) -> Self {
        let Ok(mut bytes) = row.entry.to_bytes() else {
            return Self::Unknown;
        };
        if !row.derived_columns_changed().is_empty() {
            let columns = [&row.target_kind, &row.target_id];
            bytes.extend(format!("{columns:?}").into_bytes());
        }
        Self::There(LeafHash::of(&bytes))
    }

    /// `missing`, or the hash in base64. `None` where nobody can say.
    pub(crate) fn to_text(self) -> Option<String> {
        match self {
            Self::Missing => Some(MISSING.to_owned()),
            Self::There(hash) => Some(NodeHash::from(hash).to_base64()),
            Self::Unknown => None,
        }
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        if text == MISSING {
            return Some(Self::Missing);
        }
        let hash = NodeHash::from_base64(text).ok()?;
        Some(Self::There(LeafHash::from_bytes(*hash.as_bytes())))
    }
}
