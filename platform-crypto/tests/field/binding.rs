//! A value opens where it was sealed, and nowhere else.

use platform_crypto::{Budget, Column, FieldKey, Keys, OpenError, Sealed};
use proptest::prelude::*;

use crate::support::*;

// C1
#[test]
fn a_value_pasted_into_another_row_does_not_open() {
    let (tenant, key) = (tenant(), field_key());
    let sealed = key
        .seal(&EMAIL.at(tenant, row()), &text("ada@example.com"))
        .unwrap();

    let pasted = key.open(&EMAIL.at(tenant, row()), &sealed);

    assert_eq!(pasted.unwrap_err(), OpenError::Tampered);
}

// C1
#[test]
fn a_value_pasted_into_another_column_does_not_open() {
    let (tenant, row, key) = (tenant(), row(), field_key());
    let sealed = key
        .seal(&EMAIL.at(tenant, row), &text("ada@example.com"))
        .unwrap();

    let pasted = key.open(&NAME.at(tenant, row), &sealed);

    assert_eq!(pasted.unwrap_err(), OpenError::Tampered);
}

// C1
#[test]
fn a_value_pasted_into_another_table_does_not_open() {
    const OF_SUPPLIERS: Column<String> = Column::new("crm.supplier", "email");
    let (tenant, row, key) = (tenant(), row(), field_key());
    let sealed = key
        .seal(&EMAIL.at(tenant, row), &text("ada@example.com"))
        .unwrap();

    let pasted = key.open(&OF_SUPPLIERS.at(tenant, row), &sealed);

    assert_eq!(pasted.unwrap_err(), OpenError::Tampered);
}

// C1
#[test]
fn a_value_pasted_into_another_tenant_does_not_open() {
    let (ours, theirs, row, key) = (tenant(), tenant(), row(), field_key());
    let sealed = key.seal(&EMAIL.at(ours, row), &text("ada@example.com")).unwrap();

    let pasted = key.open(&EMAIL.at(theirs, row), &sealed);
    assert_eq!(pasted.unwrap_err(), OpenError::Tampered);

    let their_keys = keys(theirs);
    let pasted = their_keys.open(&EMAIL.at(theirs, row), &sealed);
    assert_eq!(pasted.unwrap_err(), OpenError::UnknownKey(key.id()));
}

#[test]
fn names_that_read_the_same_when_joined_are_two_columns() {
    const ONE: Column<String> = Column::new("crm.customer", "email");
    const OTHER: Column<String> = Column::new("crm.customere", "mail");
    let (tenant, row, key) = (tenant(), row(), field_key());
    let sealed = key.seal(&ONE.at(tenant, row), &text("ada@example.com")).unwrap();

    assert_eq!(
        key.open(&OTHER.at(tenant, row), &sealed).unwrap_err(),
        OpenError::Tampered
    );
}

// C15
#[test]
fn a_value_that_names_another_key_of_its_tenant_does_not_open() {
    let (ours, old) = (field_key(), field_key());
    let at = somewhere(&EMAIL);
    let keys = Keys::new(at.tenant(), ours.clone(), Budget::unlimited()).with_opening(old.clone());
    let sealed = keys.seal(&at, &text("ada@example.com")).unwrap();

    let mut renamed = sealed.as_bytes().to_vec();
    renamed[2..18].copy_from_slice(old.id().as_bytes());

    assert_eq!(
        keys.open(&at, &Sealed::from_bytes(renamed)).unwrap_err(),
        OpenError::Tampered
    );
}

// C16
#[test]
fn no_bit_of_a_sealed_value_can_be_flipped() {
    let key = field_key();
    let at = somewhere(&EMAIL);
    let sealed = key.seal(&at, &text("ada@example.com")).unwrap();

    for bit in 0..sealed.as_bytes().len() * 8 {
        let mut bytes = sealed.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let expected = match bit / 8 {
            0 => OpenError::UnknownVersion(bytes[0]),
            1 if bit % 8 == 7 => OpenError::Tampered,
            1 => OpenError::UnknownSuite(bytes[1]),
            2..18 => OpenError::UnknownKey(Sealed::<String>::from_bytes(bytes.clone()).key_id().unwrap()),
            _ => OpenError::Tampered,
        };
        let opened = key.open(&at, &Sealed::from_bytes(bytes));
        assert_eq!(opened.unwrap_err(), expected, "bit {bit}");
    }
}

// C16
#[test]
fn a_padded_value_is_not_passed_off_as_a_plain_one() {
    use platform_crypto::Padding;
    const PADDED: Column<String> = Column::new("crm.customer", "email").padded(Padding::To64);
    let key = field_key();
    let at = somewhere(&PADDED);
    let mut bytes = key
        .seal(&at, &text("ada@example.com"))
        .unwrap()
        .as_bytes()
        .to_vec();

    bytes[1] &= 0x7f;

    assert_eq!(
        key.open(&at, &Sealed::from_bytes(bytes)).unwrap_err(),
        OpenError::Tampered
    );
}

#[test]
fn every_shortening_of_a_sealed_value_is_refused() {
    let key = field_key();
    let at = somewhere(&EMAIL);
    let sealed = key.seal(&at, &text("ada@example.com")).unwrap();

    for len in 0..sealed.as_bytes().len() {
        let cut = Sealed::from_bytes(&sealed.as_bytes()[..len]);
        let expected = if len < 46 {
            OpenError::Truncated
        } else {
            OpenError::Tampered
        };
        assert_eq!(key.open(&at, &cut).unwrap_err(), expected, "{len} bytes");
    }
}

// C17
#[test]
fn a_key_that_is_not_loaded_is_named_and_nothing_else_is_tried() {
    let at = somewhere(&EMAIL);
    let theirs = field_key();
    let keys = (0..100).fold(keys(at.tenant()), |keys, _| keys.with_opening(field_key()));
    let sealed = theirs.seal(&at, &text("ada@example.com")).unwrap();

    assert_eq!(
        keys.open(&at, &sealed).unwrap_err(),
        OpenError::UnknownKey(theirs.id())
    );
}

#[test]
fn a_destroyed_key_is_said_to_be_destroyed() {
    let at = somewhere(&EMAIL);
    let gone = field_key();
    let sealed = gone.seal(&at, &text("ada@example.com")).unwrap();
    let keys = keys(at.tenant())
        .with_opening(gone.clone())
        .with_destroyed(gone.id());

    assert_eq!(
        keys.open(&at, &sealed).unwrap_err(),
        OpenError::KeyDestroyed(gone.id())
    );
}

#[test]
fn a_key_that_cannot_be_had_is_not_said_to_be_unknown() {
    let at = somewhere(&EMAIL);
    let away = field_key();
    let sealed = away.seal(&at, &text("ada@example.com")).unwrap();
    let keys = keys(at.tenant()).with_unavailable(away.id());

    assert_eq!(keys.open(&at, &sealed).unwrap_err(), OpenError::KeyUnavailable);
    assert!(keys.missing([away.id()]).is_empty());
}

#[test]
fn a_column_that_changed_its_type_says_so() {
    const AS_BYTES: Column<Vec<u8>> = Column::new("crm.customer", "email");
    let (tenant, row, key) = (tenant(), row(), field_key());
    let sealed = key.seal(&AS_BYTES.at(tenant, row), &vec![0xff, 0xfe]).unwrap();
    let sealed = Sealed::from_bytes(sealed.as_bytes());

    let opened = key.open(&EMAIL.at(tenant, row), &sealed);

    assert_eq!(opened.unwrap_err(), OpenError::NotPlaintext);
}

proptest! {
    #[test]
    fn what_is_sealed_opens_again(value in proptest::collection::vec(any::<u8>(), 0..600)) {
        let key = field_key();
        let at = somewhere(&NOTE);
        let sealed = key.seal(&at, &value).unwrap();
        prop_assert_eq!(sealed.as_bytes().len(), value.len() + 46);
        let opened = key.open(&at, &sealed).unwrap();
        prop_assert_eq!(opened.expose(), &value);
    }

    #[test]
    fn no_altered_value_opens(
        value in proptest::collection::vec(any::<u8>(), 0..80),
        at_byte in any::<proptest::sample::Index>(),
        change in 1..=255u8,
    ) {
        let key = field_key();
        let at = somewhere(&NOTE);
        let mut bytes = key.seal(&at, &value).unwrap().as_bytes().to_vec();
        let byte = at_byte.index(bytes.len());
        bytes[byte] ^= change;
        prop_assert!(key.open(&at, &Sealed::from_bytes(bytes)).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_refused_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let key = field_key();
        prop_assert!(key.open(&somewhere(&NOTE), &Sealed::from_bytes(bytes)).is_err());
    }

    #[test]
    fn arbitrary_bytes_behind_a_right_header_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let key: FieldKey = field_key();
        let forged = [&[1, 1], key.id().as_bytes().as_slice(), &bytes].concat();
        prop_assert!(key.open(&somewhere(&NOTE), &Sealed::from_bytes(forged)).is_err());
    }
}
