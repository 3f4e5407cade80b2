//! Masks show what they promise and nothing else.

use platform_crypto::{mask_card, mask_email, mask_generic, mask_iban, mask_phone, mask_ssn};
use proptest::prelude::*;

/// A mask, its width in characters, and the most characters of the value it may show.
type Mask = (fn(&str) -> String, usize, usize);

const MASKS: [Mask; 6] = [
    (mask_email, 13, 5),
    (mask_card, 19, 4),
    (mask_phone, 16, 2),
    (mask_iban, 14, 6),
    (mask_ssn, 11, 4),
    (mask_generic, 4, 0),
];

#[test]
fn a_well_formed_value_shows_its_recognisable_part() {
    let shown = [
        (mask_email("ada.lovelace@Example.COM"), "a***@E***.com"),
        (mask_email("édith@example.fr"), "é***@e***.***"),
        (mask_email("ada@mail.example.org"), "a***@m***.org"),
        (mask_card("4242-4242-4242-4242"), "**** **** **** 4242"),
        (mask_card("378282246310005"), "**** **** **** 0005"),
        (mask_phone("+44 (0)20 7946 0989"), "+** *** *** **89"),
        (mask_iban("GB82 WEST 1234 5698 7654 32"), "GB** **** 5432"),
        (mask_iban("de89370400440532013000"), "DE** **** 3000"),
        (mask_ssn("078-05-1120"), "***-**-1120"),
        (mask_ssn("078051120"), "***-**-1120"),
        (mask_generic("anything"), "****"),
    ];

    for (masked, expected) in shown {
        assert_eq!(masked, expected);
    }
}

#[test]
fn a_short_or_malformed_value_is_masked_whole() {
    let hidden = [
        (mask_email(""), "****@****.***"),
        (mask_email("@"), "****@****.***"),
        (mask_email("ada"), "****@****.***"),
        (mask_email("a@b.co"), "****@****.***"),
        (mask_email("\u{202e}ada@\nexample.com"), "****@****.com"),
        (mask_card("4242"), "**** **** **** ****"),
        (mask_card("4242 4242 4242 4241"), "**** **** **** ****"),
        (mask_card("4242 4242 4242 424x"), "**** **** **** ****"),
        (mask_card("٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢"), "**** **** **** ****"),
        (mask_phone("112"), "+** *** *** ****"),
        (mask_phone("ring 0207 946 0989"), "+** *** *** ****"),
        (mask_iban("GB82 WEST 1234 5698 7654 33"), "**** **** ****"),
        (mask_iban("8282 WEST 1234 5698 7654 32"), "**** **** ****"),
        (mask_ssn("07-805-1120"), "***-**-****"),
        (mask_ssn("1120"), "***-**-****"),
    ];

    for (masked, expected) in hidden {
        assert_eq!(masked, expected);
    }
}

proptest! {
    #[test]
    fn any_text_gives_a_mask_of_the_one_width(text in any::<String>()) {
        for (mask, width, _) in MASKS {
            prop_assert_eq!(mask(&text).chars().count(), width);
        }
    }

    #[test]
    fn a_mask_never_shows_more_than_its_share(
        text in r"[a-z0-9é語]{0,12}@[a-z0-9]{0,12}\.[a-z]{2,4}|[0-9 -]{0,24}|[A-Z]{2}[0-9]{2}[A-Z0-9]{0,30}"
    ) {
        for (mask, width, shown_max) in MASKS {
            let masked = mask(&text);
            let layout = mask("");
            let shown = masked.chars().zip(layout.chars()).filter(|(now, plain)| now != plain).count();
            prop_assert_eq!(masked.chars().count(), width);
            prop_assert!(shown <= shown_max, "{} of {}", masked, text);
        }
    }

    #[test]
    fn two_addresses_with_the_same_initials_look_alike(rest in "[a-z0-9.]{2,40}", domain in "[a-z0-9]{2,40}") {
        let address = format!("a{rest}@e{domain}.com");

        prop_assert_eq!(mask_email(&address), "a***@e***.com");
    }
}
