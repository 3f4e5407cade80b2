//! Many columns under one key, and padding.

use platform_crypto::{Column, OVERHEAD_BYTES, Padding};
use proptest::prelude::*;

use crate::support::*;

fn column(table: &str, column: &str) -> Column<Vec<u8>> {
    Column::new(Box::leak(table.into()), Box::leak(column.into()))
}

#[test]
fn many_columns_that_many_threads_use_first_at_once_keep_their_values_apart() {
    let (tenant, row, key) = (tenant(), row(), field_key());
    let columns: Vec<_> = (0..100)
        .map(|n| column("crm.customer", &format!("field_{n}")))
        .collect();

    let sealed = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4u8)
            .map(|thread| {
                let (columns, key) = (&columns, &key);
                scope.spawn(move || {
                    let seal = |column: &Column<Vec<u8>>| {
                        key.seal(&column.at(tenant, row), &vec![thread; 40]).unwrap()
                    };
                    columns.iter().map(seal).collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });

    for (thread, sealed) in (0..4u8).zip(sealed) {
        for (n, value) in sealed.iter().enumerate() {
            let opened = key.open(&columns[n].at(tenant, row), value).unwrap();
            assert_eq!(opened.expose(), &[thread; 40]);
            let elsewhere = key.open(&columns[(n + 1) % 100].at(tenant, row), value);
            assert!(elsewhere.is_err());
        }
    }
}

#[test]
fn a_column_is_known_by_its_names_wherever_they_are_stored() {
    let (tenant, row, key) = (tenant(), row(), field_key());
    let sealed = key
        .seal(&column("crm.customer", "note").at(tenant, row), &vec![1])
        .unwrap();

    assert_eq!(key.open(&NOTE.at(tenant, row), &sealed).unwrap().expose(), &[1]);
}

#[test]
fn values_of_one_bucket_have_one_length() {
    let key = field_key();
    for (padding, bucket) in [(Padding::To16, 16), (Padding::To64, 64), (Padding::To256, 256)] {
        let padded = NOTE.padded(padding);
        let at = somewhere(&padded);
        for len in 0..bucket {
            let sealed = key.seal(&at, &vec![7; len]).unwrap();
            assert_eq!(sealed.as_bytes().len(), OVERHEAD_BYTES + bucket);
        }
        let next = key.seal(&at, &vec![7; bucket]).unwrap();
        assert_eq!(next.as_bytes().len(), OVERHEAD_BYTES + 2 * bucket);
    }
}

#[test]
fn a_value_sealed_before_its_column_was_padded_still_opens() {
    let (tenant, row, key) = (tenant(), row(), field_key());
    let padded = EMAIL.padded(Padding::To64);
    let before = key
        .seal(&EMAIL.at(tenant, row), &text("ada@example.com"))
        .unwrap();
    let after = key
        .seal(&padded.at(tenant, row), &text("ada@example.com"))
        .unwrap();

    for (column, sealed) in [(padded, before), (EMAIL, after)] {
        assert_eq!(
            key.open(&column.at(tenant, row), &sealed).unwrap().expose(),
            "ada@example.com"
        );
    }
}

proptest! {
    #[test]
    fn padding_comes_off_whatever_the_value_ends_with(
        value in proptest::collection::vec(prop_oneof![Just(0u8), Just(0x80), any::<u8>()], 0..300),
        padding in prop_oneof![Just(Padding::To16), Just(Padding::To64), Just(Padding::To256)],
    ) {
        let key = field_key();
        let padded = NOTE.padded(padding);
        let at = somewhere(&padded);
        let sealed = key.seal(&at, &value).unwrap();
        prop_assert_eq!((sealed.as_bytes().len() - OVERHEAD_BYTES) % padding.bytes(), 0);
        let opened = key.open(&at, &sealed).unwrap();
        prop_assert_eq!(opened.expose(), &value);
    }
}
