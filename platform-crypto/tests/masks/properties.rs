//! What holds for every mask and every text.

use platform_crypto::{Mask, mask_email};
use proptest::prelude::*;

/// Texts that byte arithmetic gets wrong: marks, joiners, flags, both directions, NUL, and pieces of the formats.
fn awkward() -> impl Strategy<Value = String> {
    const PIECES: [&str; 24] = [
        "e\u{301}",
        "👨\u{200d}👩\u{200d}👧",
        "🇩🇪",
        "א",
        "\u{202e}",
        "\u{0}",
        "\u{feff}",
        "語",
        "ß",
        "\u{200d}",
        "@",
        ".",
        "-",
        " ",
        "+",
        "com",
        "a",
        "Z",
        "7",
        "4242",
        "GB82",
        "WEST",
        "\u{1d7d8}",
        "é",
    ];
    proptest::collection::vec(proptest::sample::select(&PIECES), 0..14).prop_map(|pieces| pieces.concat())
}

/// Texts that are near to what the masks know.
fn near() -> impl Strategy<Value = String> {
    prop_oneof![
        r"[a-z0-9é語]{0,12}@[a-z0-9]{0,12}\.[a-z]{2,4}",
        r"[0-9 -]{0,24}",
        r"\+?[0-9 ().-]{0,20}",
        r"[0-9]{3}-?[0-9]{2}-?[0-9]{4}",
        r"(4242 ?4242 ?4242 ?4242|378282246310005|NO9386011117947|GB82WEST12345698765432|BE68539007547034)",
        r"[A-Z]{2}[0-9]{2}[A-Z0-9]{0,30}",
    ]
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), awkward(), near()]
}

/// The characters of the value that a mask shows. A common top-level domain and the country of an account are no part of what makes
/// a value personal and are left out.
fn shown(mask: Mask, masked: &str) -> String {
    let personal: String = match mask {
        Mask::Email => masked.chars().take(10).collect(),
        Mask::Iban => masked.chars().skip(2).collect(),
        _ => masked.to_owned(),
    };
    personal.chars().filter(|c| c.is_alphanumeric()).collect()
}

proptest! {
    // C22, C23
    #[test]
    fn any_text_gives_a_mask_of_the_one_width(text in any_text()) {
        for mask in Mask::ALL {
            prop_assert_eq!(mask.apply(&text).chars().count(), mask.width_chars());
        }
    }

    // C22, C24
    #[test]
    fn at_most_four_characters_and_a_third_of_the_value_are_shown(text in any_text()) {
        for mask in Mask::ALL {
            let masked = mask.apply(&text);
            let shown = shown(mask, &masked).chars().count();
            let all = text.chars().filter(|c| c.is_alphanumeric()).count();
            // Four of the nine digits of a social security number are the form that people know.
            let third = match mask {
                Mask::Ssn => 9 * all / 20,
                _ => all / 3,
            };
            prop_assert!(shown <= 4 && shown <= third, "{:?}: {} of {:?}", mask, masked, text);
        }
    }

    // C22
    #[test]
    fn no_three_characters_in_a_row_are_seen_but_the_end_that_a_mask_shows(text in any_text()) {
        for mask in Mask::ALL {
            let masked = mask.apply(&text);
            let hidden: String = match mask {
                Mask::Whole => masked.clone(),
                Mask::Email => masked.chars().take(10).collect(),
                _ => masked.chars().take(mask.width_chars() - 4).collect(),
            };
            let seen = hidden.split(|c: char| !c.is_alphanumeric()).any(|run| run.chars().count() >= 3);
            prop_assert!(!seen, "{:?}: {} of {:?}", mask, masked, text);
        }
    }

    // C23
    #[test]
    fn two_addresses_with_the_same_initials_look_alike(rest in "[a-z0-9]{2}[a-z0-9.]{0,38}", domain in "[a-z0-9]{2,40}") {
        let address = format!("a{rest}@e{domain}.com");

        prop_assert_eq!(mask_email(&address), "a***@e***.com");
    }

    // C23
    #[test]
    fn a_mask_does_not_tell_how_long_a_hidden_value_was(short in "[a-z]{0,3}", long in "[a-z]{20,60}") {
        for mask in Mask::ALL {
            prop_assert_eq!(mask.apply(&short), mask.apply(&long));
        }
    }
}
