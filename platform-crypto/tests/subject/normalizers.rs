//! What counts as the same value. The forms are part of every stored tag: a test here that has to change means a new version of the rule.

use platform_crypto::{LowEntropy, Normalizer, NotIndexable};
use proptest::prelude::*;

fn form(normalizer: Normalizer, value: &str) -> String {
    normalizer.normalize(value).unwrap().to_string()
}

fn low(normalizer: LowEntropy, value: &str) -> Result<String, NotIndexable> {
    normalizer.normalize(value).map(|form| form.to_string())
}

// C21
#[test]
fn an_address_is_the_same_however_it_is_typed() {
    for typed in [
        "jose@example.com",
        " Jose@EXAMPLE.com\t",
        "jose@example.com.",
        "ｊｏｓｅ＠ｅｘａｍｐｌｅ．ｃｏｍ",
        "jo\u{200b}se@exam\u{ad}ple.com",
        "\u{feff}jose@example.com",
    ] {
        assert_eq!(form(Normalizer::Email, typed), "jose@example.com", "{typed:?}");
    }
    // Composed and decomposed, and in capitals.
    for typed in [
        "josé@example.com",
        "jose\u{301}@example.com",
        "JOSÉ@example.com",
        "JOSE\u{301}@EXAMPLE.COM",
    ] {
        assert_eq!(form(Normalizer::Email, typed), "josé@example.com", "{typed:?}");
    }
}

// C21
#[test]
fn a_tag_a_dot_and_another_accent_make_another_address() {
    let all = [
        "jose@example.com",
        "josé@example.com",
        "jose+shop@example.com",
        "jo.se@example.com",
        "jose@example.org",
    ];
    let forms: std::collections::BTreeSet<_> =
        all.iter().map(|typed| form(Normalizer::Email, typed)).collect();
    assert_eq!(forms.len(), all.len());
}

// C21
#[test]
fn a_name_is_the_same_in_any_case_and_spacing_of_any_language() {
    for (one, other) in [
        ("Ada  Lovelace ", "ada lovelace"),
        ("Straße", "STRASSE"),
        ("ΟΔΥΣΣΕΎΣ", "οδυσσεύς"),
        ("ΐ", "Ϊ\u{301}"),
        ("ﬁnn", "FINN"),
        ("Ⅳ", "iv"),
        ("K", "k"),
        ("Å", "å"),
        ("ДМИТРИЙ", "дмитрий"),
        ("한", "\u{1112}\u{1161}\u{11ab}"),
        ("ﾊﾟﾌﾟﾜ", "パプワ"),
        ("Zoe\u{301}\u{a0}Müller", "ZOÉ MU\u{308}LLER"),
        ("İstanbul", "i\u{307}stanbul"),
        ("ſo", "SO"),
        ("Ǆ", "ǆ"),
        ("a\u{200d}b\u{fe0f}", "AB"),
    ] {
        assert_eq!(
            form(Normalizer::Text, one),
            form(Normalizer::Text, other),
            "{one:?} {other:?}"
        );
    }
    assert_ne!(form(Normalizer::Text, "Muller"), form(Normalizer::Text, "Müller"));
    assert_ne!(
        form(Normalizer::Text, "Ada Lovelace"),
        form(Normalizer::Text, "Adalovelace")
    );
}

#[test]
fn the_forms_of_values_stay_the_same_between_releases() {
    assert_eq!(form(Normalizer::Text, "  Straße ΟΔΥΣΣΕΎΣ "), "strasse οδυσσεύσ");
    assert_eq!(
        form(Normalizer::Iban, "gb29 nwbk 6016-1331 9268 19"),
        "GB29NWBK60161331926819"
    );
    assert_eq!(form(Normalizer::Exact, " As It Is "), " As It Is ");
    assert_eq!(
        low(LowEntropy::Phone, "+49 (0)30 / 123-456"),
        Ok("+49030123456".to_owned())
    );
    assert_eq!(
        low(LowEntropy::Phone, "0049 30 123456"),
        Ok("+4930123456".to_owned())
    );
    assert_eq!(
        low(LowEntropy::Phone, "+49.30.123456"),
        Ok("+4930123456".to_owned())
    );
    assert_eq!(low(LowEntropy::Digits, "078-05-1120"), Ok("078051120".to_owned()));
    assert_eq!(low(LowEntropy::Digits, "０７８"), Ok("078".to_owned()));
    assert_eq!(low(LowEntropy::Date, " 2001-02-28"), Ok("2001-02-28".to_owned()));
    assert_eq!(low(LowEntropy::Code, "sw1a 1aa"), Ok("SW1A1AA".to_owned()));
    assert_eq!(low(LowEntropy::Word, " Yes "), Ok("yes".to_owned()));
}

#[test]
fn what_is_empty_or_of_another_kind_has_no_form() {
    for normalizer in [Normalizer::Email, Normalizer::Text, Normalizer::Iban] {
        for empty in ["", "   ", "\u{200b}\u{feff}"] {
            assert!(normalizer.normalize(empty).is_err(), "{normalizer:?} {empty:?}");
        }
    }
    assert!(Normalizer::Exact.normalize("").is_err());
    assert!(Normalizer::Iban.normalize("DE89/3704").is_err());
    assert!(Normalizer::Iban.normalize(&"A".repeat(35)).is_err());
    for (normalizer, value) in [
        (LowEntropy::Phone, "call me"),
        (LowEntropy::Phone, "+"),
        (LowEntropy::Digits, "12a"),
        (LowEntropy::Digits, "---"),
        (LowEntropy::Date, "28.02.2001"),
        (LowEntropy::Date, "2001-2-28"),
        (LowEntropy::Code, "a_b"),
        (LowEntropy::Word, " "),
    ] {
        assert_eq!(low(normalizer, value), Err(NotIndexable), "{value:?}");
    }
}

proptest! {
    #[test]
    fn a_form_is_its_own_form(value in any::<String>()) {
        for normalizer in [Normalizer::Email, Normalizer::Text, Normalizer::Iban, Normalizer::Exact] {
            if let Ok(once) = normalizer.normalize(&value) {
                prop_assert_eq!(&*normalizer.normalize(&once).unwrap(), &*once, "{:?}", normalizer);
            }
        }
        for normalizer in [LowEntropy::Phone, LowEntropy::Digits, LowEntropy::Date, LowEntropy::Code, LowEntropy::Word] {
            if let Ok(once) = normalizer.normalize(&value) {
                prop_assert_eq!(&*normalizer.normalize(&once).unwrap(), &*once, "{:?}", normalizer);
            }
        }
    }
}

#[test]
fn a_letter_and_its_other_case_have_one_form_that_stays() {
    for char in (0..=0x1_ffff).filter_map(char::from_u32) {
        let text = char.to_string();
        for normalizer in [Normalizer::Email, Normalizer::Text] {
            let form = |text: &str| normalizer.normalize(text).ok().map(|form| form.to_string());
            let lower = form(&text);
            assert_eq!(form(&text.to_uppercase()), lower, "{normalizer:?} {char:?}");
            assert_eq!(form(&text.to_lowercase()), lower, "{normalizer:?} {char:?}");
            assert_eq!(lower.as_deref().and_then(form), lower, "{normalizer:?} {char:?}");
        }
    }
}
