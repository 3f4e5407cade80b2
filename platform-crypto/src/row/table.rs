//! What is known of a table with sealed columns when the program is compiled.

use crate::{BlindIndex, Column, RowId, SubjectId};

/// A table with sealed columns: its name, the columns, and statements whose texts are fixed when the program is compiled.
///
/// The derive makes it, [`SealedRow::TABLE`](crate::SealedRow::TABLE) holds it.
#[derive(Debug)]
pub struct SealedTable(TableParts);

/// A sealed column of a table.
#[derive(Debug)]
pub struct SealedColumn(ColumnParts);

/// What the derive knows of a column.
#[doc(hidden)]
#[derive(Debug)]
pub struct ColumnParts {
    /// The column, whatever its values are.
    pub column: Column<Vec<u8>>,
    /// In which its rows are tagged.
    pub index: Option<BlindIndex>,
    /// The values of some rows. `$1` tenant, `$2` rows.
    pub fetch: &'static str,
    /// The same, locked.
    pub hold: &'static str,
    /// Puts values where others were read and still stand. `$1` tenant, `$2` rows, `$3` old, `$4` new.
    pub swap: &'static str,
}

/// What the derive knows of a table.
#[doc(hidden)]
#[derive(Debug)]
pub struct TableParts {
    /// With its schema.
    pub name: &'static str,
    /// In the order of the struct's fields.
    pub columns: &'static [SealedColumn],
    /// Does a column say whom a row is about?
    pub has_subject: bool,
    /// The next rows: ids, subjects, headers, sizes. `$1` tenant, `$2` first row, `$3` how many.
    pub page: &'static str,
    /// Is a value under a key? `$1` tenant, `$2` key id.
    pub uses: &'static str,
    /// How many rows are left, up to a limit. `$1` tenant, `$2` first row, `$3` limit.
    pub remaining: &'static str,
}

impl SealedTable {
    /// The table's name, with its schema.
    pub const fn name(&self) -> &'static str {
        self.0.name
    }

    /// Its sealed columns.
    pub const fn columns(&self) -> &'static [SealedColumn] {
        self.0.columns
    }

    /// Does a column say whom a row is about, so that its values belong under that subject's key?
    pub const fn has_subject(&self) -> bool {
        self.0.has_subject
    }

    #[cfg(feature = "pg")]
    pub(crate) const fn parts(&self) -> &TableParts {
        &self.0
    }
}

impl SealedColumn {
    /// The column's name.
    pub const fn name(&self) -> &'static str {
        self.0.column.column()
    }

    #[cfg(feature = "pg")]
    pub(crate) const fn parts(&self) -> &ColumnParts {
        &self.0
    }
}

#[doc(hidden)]
pub const fn sealed_table(parts: TableParts) -> SealedTable {
    SealedTable(parts)
}

#[doc(hidden)]
pub const fn sealed_column(parts: ColumnParts) -> SealedColumn {
    SealedColumn(parts)
}

#[doc(hidden)]
pub fn subject_id(id: impl Into<RowId>) -> SubjectId {
    SubjectId::from_stored(id.into().as_uuid())
}
