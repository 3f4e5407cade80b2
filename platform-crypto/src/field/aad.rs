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

#[cfg(test)]
mod tests {
    use platform_core::TenantId;
    use platform_core::uuid::Uuid;
    use proptest::prelude::*;

    use super::AadTemplate;
    use crate::field::header::Header;
    use crate::{Column, KeyId, RowId};

    type Place = (bool, [u8; 16], u128, String, String, u128);

    fn name(bytes_max: usize) -> impl Strategy<Value = String> {
        "[a-z.\0\u{1}é]{1,63}".prop_filter("a name in bounds", move |name| name.len() <= bytes_max)
    }

    fn place() -> impl Strategy<Value = Place> {
        let (table, column) = (
            name(Column::<()>::TABLE_BYTES_MAX),
            name(Column::<()>::COLUMN_BYTES_MAX),
        );
        (
            any::<bool>(),
            any::<[u8; 16]>(),
            any::<u128>(),
            table,
            column,
            any::<u128>(),
        )
    }

    fn encode((padded, key, tenant, table, column, row): &Place) -> Vec<u8> {
        let column = Column::<()>::new(
            Box::leak(table.as_str().into()),
            Box::leak(column.as_str().into()),
        );
        let header = Header {
            padded: *padded,
            key: KeyId::from_bytes(*key),
        };
        let template = AadTemplate::new(
            Header {
                padded: false,
                ..header
            },
            &column,
        );
        let tenant = TenantId::from_stored(Uuid::from_u128(*tenant));
        let row = RowId::from(Uuid::from_u128(*row));
        template.fill(header.suite(), tenant, row).as_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Place {
        let mut rest = bytes.strip_prefix(b"platform-crypto/v1").unwrap();
        let mut part = || {
            let (length, tail) = rest.split_first_chunk().unwrap();
            let (part, tail) = tail.split_at(u16::from_be_bytes(*length).into());
            rest = tail;
            part
        };
        let header = part();
        assert_eq!((header.len(), header[0], header[1] & 0x7f), (18, 1, 1));
        let tenant = u128::from_be_bytes(part().try_into().unwrap());
        let table = String::from_utf8(part().into()).unwrap();
        let column = String::from_utf8(part().into()).unwrap();
        let row = u128::from_be_bytes(part().try_into().unwrap());
        assert!(rest.is_empty());
        (
            header[1] == 0x81,
            header[2..].try_into().unwrap(),
            tenant,
            table,
            column,
            row,
        )
    }

    proptest! {
        // C2
        #[test]
        fn the_place_of_a_value_can_be_read_back_so_no_two_places_share_an_encoding(place in place()) {
            prop_assert_eq!(decode(&encode(&place)), place);
        }
    }
}
