//! A row of `platform_audit.event` as it stands now.

use crate::{Entry, Target};

/// A stored event, read anew from its columns to be compared with what was signed.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRow {
    /// The columns that the entry covers.
    pub entry: Entry,
    /// The column `target_kind`, which repeats the first target's kind.
    pub target_kind: Option<String>,
    /// The column `target_id`, which repeats the first target's id.
    pub target_id: Option<String>,
}

impl StoredRow {
    /// The row that recording this entry makes.
    pub fn of(entry: Entry) -> Self {
        let first = entry.targets.first();
        Self {
            target_kind: first.map(|target| target.kind.clone().into_owned()),
            target_id: first.map(|target| target.id.clone()),
            entry,
        }
    }

    /// The columns that do not repeat what they should.
    pub fn derived_columns_changed(&self) -> Vec<&'static str> {
        self.columns_unlike(self.entry.targets.first())
    }

    /// The columns in which the row differs from the signed entry.
    pub fn columns_changed(&self, signed: &Entry) -> Vec<&'static str> {
        let mut columns = self.entry.columns_changed(signed);
        columns.extend(self.columns_unlike(signed.targets.first()));
        columns
    }

    fn columns_unlike(&self, first: Option<&Target>) -> Vec<&'static str> {
        let mut columns = Vec::new();
        if self.target_kind.as_deref() != first.map(|target| target.kind.as_ref()) {
            columns.push("target_kind");
        }
        if self.target_id.as_deref() != first.map(|target| target.id.as_str()) {
            columns.push("target_id");
        }
        columns
    }
}
