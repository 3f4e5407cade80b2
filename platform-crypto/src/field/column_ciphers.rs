//! The ciphers of a key, one for each column, found without a lock.

use std::sync::OnceLock;

use super::Column;
use super::aad::AadTemplate;
use super::cipher::Cipher;
use super::header::Header;
use crate::{DataKey, Label};

/// Enough for the sealed columns of a service to have a slot of their own, mostly.
const SLOTS: usize = 16;

/// The ciphers of one data key: a hash table of fixed size whose chains only grow.
///
/// A column carries the hash of its names, computed by the compiler, so that finding its cipher is one load, a comparison of
/// hashes and one of names. A cipher is made once, by the first who asks; other columns are not held up but where they share a
/// slot. Nothing is ever removed before the key itself goes: a service has as many columns as its code has constants.
#[derive(Default)]
pub(super) struct ColumnCiphers {
    slots: [Link; SLOTS],
}

/// What is the same for all values of one column under one key.
pub(super) struct ColumnCipher {
    pub(super) cipher: Cipher,
    pub(super) aad: AadTemplate,
    table: &'static str,
    column: &'static str,
    hash: u32,
    next: Link,
}

type Link = OnceLock<Box<ColumnCipher>>;

impl ColumnCiphers {
    /// The cipher of a column.
    #[inline]
    pub(super) fn of<T>(&self, column: &Column<T>, key: &DataKey) -> &ColumnCipher {
        let mut link = &self.slots[column.slot(SLOTS)];
        loop {
            let found = link.get_or_init(|| Box::new(ColumnCipher::derive(column, key)));
            if found.is_of(column) {
                return found;
            }
            link = &found.next;
        }
    }
}

impl ColumnCipher {
    #[cold]
    fn derive<T>(column: &Column<T>, key: &DataKey) -> Self {
        let (table, name) = (column.table(), column.column());
        let subkey = key.subkey(&Label::new(&[b"field", table.as_bytes(), name.as_bytes()]));
        let header = Header {
            padded: false,
            key: key.id(),
        };
        Self {
            cipher: Cipher::new(&subkey),
            aad: AadTemplate::new(header, column),
            table,
            column: name,
            hash: column.hash(),
            next: OnceLock::new(),
        }
    }

    #[inline]
    fn is_of<T>(&self, column: &Column<T>) -> bool {
        self.hash == column.hash() && self.table == column.table() && self.column == column.column()
    }
}
