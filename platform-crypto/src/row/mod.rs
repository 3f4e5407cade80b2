//! Rows with sealed columns: what `#[derive(SealedRow)]` writes an implementation of.

mod sealed_row;
mod table;

pub use sealed_row::SealedRow;
pub use table::{ColumnParts, SealedColumn, SealedTable, TableParts, sealed_column, sealed_table};
