//! The associated data: what a value is bound to.

use platform_core::TenantId;

use super::header::{HEADER_BYTES, Header};
use super::{Column, RowId};

const PREFIX: &[u8] = b"platform-crypto/v1";
const SUITE_AT: usize = PREFIX.len() + 2 + 1;
const TENANT_AT: usize = PREFIX.len() + 2 + HEADER_BYTES + 2;
const AAD_BYTES_MAX: usize =
    TENANT_AT + 16 + 2 + Column::<()>::TABLE_BYTES_MAX + 2 + Column::<()>::COLUMN_BYTES_MAX + 2 + 16;

/// The associated data of all values of one column under one key, with room for what differs from value to value.
///
/// `platform-crypto/v1`, then header, tenant, table, column and row, each behind its length in two bytes, most significant first.
/// Lengths instead of separators make the encoding injective.
pub(super) struct AadTemplate(Box<[u8]>);

/// The associated data of one value.
pub(super) struct Aad {
    bytes: [u8; AAD_BYTES_MAX],
    len: usize,
}

impl AadTemplate {
    pub(super) fn new<T>(header: Header, column: &Column<T>) -> Self {
        let mut bytes = PREFIX.to_vec();
        let parts: [&[u8]; 5] = [
            &header.to_bytes(),
            &[0; 16],
            column.table().as_bytes(),
            column.column().as_bytes(),
            &[0; 16],
        ];
        for part in parts {
            let length = u16::try_from(part.len()).expect("a name has at most 127 bytes");
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(part);
        }
        Self(bytes.into())
    }

    /// The associated data of the value at this place, with this suite in its header.
    pub(super) fn fill(&self, suite: u8, tenant: TenantId, row: RowId) -> Aad {
        let len = self.0.len();
        let mut bytes = [0; AAD_BYTES_MAX];
        bytes[..len].copy_from_slice(&self.0);
        bytes[SUITE_AT] = suite;
        bytes[TENANT_AT..TENANT_AT + 16].copy_from_slice(tenant.as_uuid().as_bytes());
        bytes[len - 16..len].copy_from_slice(row.as_uuid().as_bytes());
        Aad { bytes, len }
    }
}

impl Aad {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}
