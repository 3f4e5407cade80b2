//! The bytes and the text of sealed values, and the labels of derived keys.

use platform_crypto::{Label, OpenError, Sealed};
use proptest::prelude::*;

use crate::support::*;

#[test]
fn a_sealed_value_has_the_documented_layout() {
    let key = field_key();
    let sealed = key.seal(&somewhere(&EMAIL), &text("ada@example.com")).unwrap();

    let bytes = sealed.as_bytes();
    assert_eq!(bytes.len(), 18 + 12 + 15 + 16);
    assert_eq!(bytes[..2], [0x01, 0x01]);
    assert_eq!(bytes[2..18], *key.id().as_bytes());
}

#[test]
fn a_later_version_and_another_suite_are_named() {
    let open = |bytes: &[u8]| {
        field_key()
            .open(&somewhere(&EMAIL), &Sealed::from_bytes(bytes))
            .unwrap_err()
    };

    assert_eq!(open(&[2]), OpenError::UnknownVersion(2));
    assert_eq!(open(&[1, 2]), OpenError::UnknownSuite(2));
    assert_eq!(open(&[]), OpenError::Truncated);
    assert_eq!(open(&[1, 1]), OpenError::Truncated);
}

#[test]
fn text_that_is_no_sealed_value_is_refused() {
    for text in ["", "pc1", "AQE", "pc2.AQE", "pc1.AQ==", "pc1.A+", "pc1. AQE"] {
        assert!(Sealed::<String>::from_text(text).is_err(), "{text}");
    }
}

#[test]
fn a_type_is_shown_by_its_name_and_not_by_its_path() {
    let sealed = field_key().seal(&somewhere(&NOTE), &vec![7; 4]).unwrap();
    let id = hex(&sealed.as_bytes()[2..4]);
    assert_eq!(
        format!("{sealed:?}"),
        format!("Sealed<Vec<u8>>(v1, key {id}.., 50 B)")
    );

    let other = Sealed::<std::string::String>::from_bytes([9; 3]);
    assert_eq!(format!("{other:?}"), "Sealed<String>(unreadable, 3 B)");
}

fn parts() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let part = proptest::collection::vec(prop_oneof![Just(0u8), Just(1), any::<u8>()], 0..6);
    proptest::collection::vec(part, 1..5)
}

fn info(parts: &[Vec<u8>]) -> Vec<u8> {
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    Label::new(&parts).to_info()
}

proptest! {
    // C2
    #[test]
    fn two_labels_never_have_one_encoding(one in parts(), other in parts()) {
        prop_assert_eq!(one == other, info(&one) == info(&other));
    }

    // C2
    #[test]
    fn moving_bytes_from_one_part_to_the_next_makes_another_label(
        first in any::<Vec<u8>>(),
        moved in proptest::collection::vec(any::<u8>(), 1..20),
        last in any::<Vec<u8>>(),
    ) {
        let before = info(&[[&first[..], &moved].concat(), last.clone()]);
        let after = info(&[first, [&moved[..], &last].concat()]);
        prop_assert_eq!(before.len(), after.len());
        prop_assert_ne!(before, after);
    }

    #[test]
    fn the_text_form_comes_back(bytes in any::<Vec<u8>>()) {
        let sealed = Sealed::<String>::from_bytes(bytes);
        let text = sealed.to_text();
        prop_assert!(text.starts_with("pc1."));
        prop_assert_eq!(Sealed::from_text(&text), Ok(sealed));
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        if let Ok(sealed) = Sealed::<String>::from_text(&text) {
            prop_assert_eq!(sealed.to_text(), text);
        }
    }
}
