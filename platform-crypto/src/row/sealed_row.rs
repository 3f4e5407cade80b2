//! A row of a table with sealed columns.

use platform_core::TenantId;

use crate::{KeyId, OpenError, OpenKeys, RowId, SealedTable};

/// A row of a table with sealed columns. Derive it: `#[derive(SealedRow)]`, feature `derive`.
pub trait SealedRow: Sized {
    /// The row with its values opened.
    type Opened;

    /// The table, its sealed columns and the statements that seal them anew.
    const TABLE: &'static SealedTable;

    /// Whose row it is.
    fn tenant(&self) -> TenantId;

    /// Its id.
    fn row(&self) -> RowId;

    /// Whom it is about, when the row says so: its values are sealed under that subject's key.
    fn subject(&self) -> Option<RowId>;

    /// The keys its values name, for `Keyring::keys_for`. A value whose header cannot be read names none; opening it says why.
    fn key_ids(&self) -> Vec<KeyId>;

    /// Opens every sealed value of the row.
    ///
    /// # Errors
    /// [`OpenError`] of the first value that does not open with these keys.
    fn open(&self, keys: &impl OpenKeys) -> Result<Self::Opened, OpenError>;
}
