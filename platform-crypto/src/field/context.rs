//! The place of a value.

use std::fmt::{self, Debug};

use platform_core::TenantId;
use platform_core::uuid::Uuid;

use super::Column;

/// Where a value belongs: tenant, table, column and row. A value sealed for one place opens at no other.
///
/// Made by [`Column::at`]; there is no way to seal or open without one.
pub struct FieldContext<'a, T> {
    column: &'a Column<T>,
    tenant: TenantId,
    row: RowId,
}

/// The id of a row with sealed columns: the UUID that is its primary key within the tenant, chosen before the row is inserted.
///
/// Every id of [`id_type!`](platform_core::id_type) converts into one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(Uuid);

impl RowId {
    /// The UUID, for a query.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl<I: Into<Uuid>> From<I> for RowId {
    fn from(id: I) -> Self {
        Self(id.into())
    }
}

impl<'a, T> FieldContext<'a, T> {
    pub(super) const fn new(column: &'a Column<T>, tenant: TenantId, row: RowId) -> Self {
        Self { column, tenant, row }
    }

    /// The column.
    pub const fn column(&self) -> &'a Column<T> {
        self.column
    }

    /// The tenant.
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The row.
    pub const fn row(&self) -> RowId {
        self.row
    }
}

impl<T> Clone for FieldContext<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for FieldContext<'_, T> {}

impl<T> Debug for FieldContext<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (table, column) = (self.column.table(), self.column.column());
        write!(
            f,
            "{table}.{column} of row {} of tenant {}",
            self.row.0, self.tenant
        )
    }
}
