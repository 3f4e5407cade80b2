//! A column that holds sealed values.

use std::fmt::{self, Debug};
use std::marker::PhantomData;

use platform_core::TenantId;

use super::{FieldContext, RowId};

/// A column whose values are sealed, and their type. A constant next to the code that reads and writes the column.
///
/// The names go into the derived key and into the authentication of every value, so they are part of what is stored: they name the
/// column for ever, even after a renaming in the database.
///
/// ```
/// use platform_crypto::{Column, Padding};
///
/// const EMAIL: Column<String> = Column::new("crm.customer", "email");
/// const SSN: Column<String> = Column::new("crm.customer", "ssn").padded(Padding::To16);
///
/// assert_eq!(EMAIL.table(), "crm.customer");
/// ```
///
/// A name out of bounds does not compile in a constant:
///
/// ```compile_fail
/// use platform_crypto::Column;
///
/// const NAMELESS: Column<String> = Column::new("crm.customer", "");
/// # let _ = NAMELESS;
/// ```
pub struct Column<T> {
    table: &'static str,
    column: &'static str,
    padding: Option<Padding>,
    hash: u32,
    holds: PhantomData<fn() -> T>,
}

/// Up to which multiple of bytes a value is padded, so that its length does not tell it.
///
/// One byte at least is added: 11 to 15 bytes become 16, 16 bytes become 32. Values sealed before a column was padded, or with
/// another padding, still open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Padding {
    /// Multiples of 16 bytes: numbers, codes, yes and no.
    To16,
    /// Multiples of 64 bytes: names, addresses of e-mail.
    To64,
    /// Multiples of 256 bytes: free text.
    To256,
}

impl<T> Column<T> {
    /// The longest name of a table, with its schema, in bytes.
    pub const TABLE_BYTES_MAX: usize = 127;

    /// The longest name of a column, in bytes.
    pub const COLUMN_BYTES_MAX: usize = 63;

    /// The column `column` of `table`, which is written with its schema.
    ///
    /// # Panics
    /// When a name is empty or too long, when the constant is compiled.
    pub const fn new(table: &'static str, column: &'static str) -> Self {
        assert!(
            !table.is_empty() && table.len() <= Self::TABLE_BYTES_MAX,
            "the name of a table has 1 to 127 bytes"
        );
        assert!(
            !column.is_empty() && column.len() <= Self::COLUMN_BYTES_MAX,
            "the name of a column has 1 to 63 bytes"
        );
        Self {
            table,
            column,
            padding: None,
            hash: fnv1a(column, fnv1a(table, FNV_OFFSET)),
            holds: PhantomData,
        }
    }

    /// The same column with values padded from now on.
    #[must_use]
    pub const fn padded(self, padding: Padding) -> Self {
        Self {
            padding: Some(padding),
            ..self
        }
    }

    /// The table, with its schema.
    pub const fn table(&self) -> &'static str {
        self.table
    }

    /// The name of the column in its table.
    pub const fn column(&self) -> &'static str {
        self.column
    }

    /// How its values are padded.
    pub const fn padding(&self) -> Option<Padding> {
        self.padding
    }

    /// The place of one value: this column of the row `row` of the tenant.
    pub fn at(&self, tenant: TenantId, row: impl Into<RowId>) -> FieldContext<'_, T> {
        FieldContext::new(self, tenant, row.into())
    }

    /// A hash of the names, the same wherever the constant is compiled.
    pub(super) const fn hash(&self) -> u32 {
        self.hash
    }

    /// Which of `slots` the column goes into.
    pub(super) const fn slot(&self, slots: usize) -> usize {
        self.hash as usize % slots
    }
}

impl Padding {
    /// The multiple, in bytes.
    pub const fn bytes(self) -> usize {
        match self {
            Self::To16 => 16,
            Self::To64 => 64,
            Self::To256 => 256,
        }
    }
}

impl<T> Clone for Column<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Column<T> {}

impl<T> Debug for Column<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Column({}.{})", self.table, self.column)
    }
}

const FNV_OFFSET: u32 = 0x811c_9dc5;

/// FNV-1a, which `const` code can compute; it spreads names over slots and is no part of any format.
const fn fnv1a(text: &str, seed: u32) -> u32 {
    let bytes = text.as_bytes();
    let mut hash = seed;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    hash
}
