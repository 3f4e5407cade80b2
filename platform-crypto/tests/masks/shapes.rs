//! What each mask shows.

use platform_crypto::{Mask, mask_card, mask_email, mask_generic, mask_iban, mask_phone, mask_ssn};

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
fn an_account_number_of_a_country_with_short_ones_shows_one_character_less() {
    assert_eq!(mask_iban("NO93 8601 1117 947"), "NO** **** *947");
    assert_eq!(mask_iban("BE68 5390 0754 7034"), "BE** **** *034");
}

#[test]
fn a_short_or_malformed_value_is_masked_whole() {
    let hidden = [
        (mask_email(""), "****@****.***"),
        (mask_email("@"), "****@****.***"),
        (mask_email("ada"), "****@****.***"),
        (mask_email("a@b.co"), "****@****.***"),
        (mask_email("\u{202e}ada@\nexample.com"), "****@****.***"),
        (mask_email("Ada <ada@example.com>"), "****@****.***"),
        (mask_email("ada@example..com"), "****@****.***"),
        (mask_email("ada\0@example.com"), "****@****.***"),
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
        (mask_generic("true"), "****"),
    ];

    for (masked, expected) in hidden {
        assert_eq!(masked, expected);
    }
}

#[test]
fn a_letter_that_would_disturb_what_stands_around_it_is_not_shown() {
    let joined = "\u{301}ab@\u{301}ab.com";
    let right_to_left = "אבגד@דגבא.com";
    let family = "👨\u{200d}👩\u{200d}👧@example.com";

    for address in [joined, right_to_left] {
        assert_eq!(mask_email(address), "****@****.com");
    }
    assert_eq!(mask_email(family), "****@****.***");
    assert_eq!(mask_email("e\u{301}dith@example.com"), "e***@e***.com");
}

#[test]
fn a_kind_masks_as_the_function_of_its_name_does() {
    let value = "4242 4242 4242 4242";

    assert_eq!(Mask::Card.apply(value), mask_card(value));
    assert_eq!(Mask::Email.apply(value), mask_email(value));
    assert_eq!(Mask::Phone.apply(value), mask_phone(value));
    assert_eq!(Mask::Iban.apply(value), mask_iban(value));
    assert_eq!(Mask::Ssn.apply(value), mask_ssn(value));
    assert_eq!(Mask::Whole.apply(value), mask_generic(value));
}
