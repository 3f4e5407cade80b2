//! Rows with sealed columns: what `#[derive(SealedRow)]` writes an implementation of.

#[cfg(feature = "pg")]
mod open_all;
mod sealed_row;
mod table;

pub use sealed_row::SealedRow;
pub use table::{
    ColumnParts, SealedColumn, SealedTable, TableParts, sealed_column, sealed_table, subject_id,
};
