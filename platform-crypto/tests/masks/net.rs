//! Numbers that are personal.

use std::borrow::Cow;

use platform_crypto::redact;

#[test]
fn personal_numbers_are_masked() {
    let cases = [
        ("card 4242424242424242 refused", "card *** refused"),
        ("card 4242 4242 4242 4242 refused", "card *** refused"),
        ("card 3782-822463-10005, refused", "card ***, refused"),
        (r#"{"card":4242424242424242,"x":1}"#, r#"{"card":"***","x":1}"#),
        (r#"{"card":"4242424242424242"}"#, r#"{"card":"***"}"#),
        (r#""line\n4242424242424242\n""#, r#""line\n***\n""#),
        ("account GB82 WEST 1234 5698 7654 32 closed", "account *** closed"),
        ("account GB82WEST12345698765432.", "account ***."),
        ("account de89370400440532013000", "account ***"),
        ("ES91 2100 0418 4502 0005 1332 paid", "*** paid"),
        ("ssn 078-05-1120;", "ssn ***;"),
        ("語4242424242424242語", "語***語"),
    ];

    for (text, masked) in cases {
        assert_eq!(redact(text), masked, "{text}");
    }
}

#[test]
fn other_numbers_are_left_alone() {
    let lines = [
        "card 4242424242424241",
        "at 1763649308123456 took 0.4242424242424242 s",
        "9223372036854775807 18446744073709551615 1763649308123456789",
        "42424242-4242-4242-4242-424242424242",
        "a4242424242424242f",
        "1 4242 4242 4242",
        "account GB82WEST12345698765433",
        "x078-05-1120 078-05-11201 1-078-05-1120 078-05-1120-7",
        "2026-11-20 14:35:08 2026-11-20T14:35:08.123456Z",
        "10.0.0.1:5432 4242.4242.4242.4242",
    ];

    for line in lines {
        assert!(
            matches!(redact(line), Cow::Borrowed(same) if same == line),
            "{line}"
        );
    }
}
