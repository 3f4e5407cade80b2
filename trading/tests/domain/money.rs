//! Amounts: text, JSON, ranges, rounding.

use crate::support::{cents, parse, price, quantity};
use proptest::prelude::*;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Deserialize;
use trading::{Cents, DecimalError, DecimalText, Notional, Price, Quantity, Rounding};

fn code<T: std::str::FromStr<Err = DecimalError>>(text: &str) -> &'static str {
    text.parse::<T>()
        .map(|_| "accepted")
        .unwrap_or_else(|error| error.code())
}

#[test]
fn a_price_is_written_with_two_to_four_decimals() {
    for (text, written) in [
        ("178.5", "178.50"),
        ("178", "178.00"),
        ("0.0001", "0.0001"),
        ("17.8533", "17.8533"),
        ("1.1000", "1.10"),
        ("9999999999.9999", "9999999999.9999"),
    ] {
        assert_eq!(price(text).to_string(), written);
    }
}

#[test]
fn a_quantity_is_written_without_trailing_zeros_and_cash_with_two_decimals() {
    for (text, written) in [
        ("10", "10"),
        ("10.50", "10.5"),
        ("0", "0"),
        ("0.000001", "0.000001"),
    ] {
        assert_eq!(quantity(text).to_string(), written);
    }
    for (text, written) in [
        ("10000", "10000.00"),
        ("-0.05", "-0.05"),
        ("-12.3", "-12.30"),
        ("-0", "0.00"),
    ] {
        assert_eq!(cents(text).to_string(), written);
    }
}

#[test]
fn text_that_is_no_plain_decimal_number_is_malformed() {
    for text in [
        "", " ", " 1", "1 ", "+1", "--1", "1e2", "1E2", "1.5e0", "NaN", "nan", "inf", "Infinity", ".5", "5.",
        "1.2.3", "1,000", "1_000", "0x10", "00.5", "007", "-", "-.5", "١", "1\n", "1\0", "٫",
    ] {
        assert_eq!(code::<Price>(text), "malformed_number", "{text:?}");
        assert_eq!(code::<Quantity>(text), "malformed_number", "{text:?}");
        assert_eq!(code::<Cents>(text), "malformed_number", "{text:?}");
    }
}

#[test]
fn more_decimals_than_the_scale_are_refused_even_as_zeros() {
    assert_eq!(code::<Price>("1.00001"), "too_many_decimals");
    assert_eq!(code::<Price>("1.00000"), "too_many_decimals");
    assert_eq!(code::<Quantity>("1.2345675"), "too_many_decimals");
    assert_eq!(code::<Cents>("2.345"), "too_many_decimals");
    assert_eq!(code::<Cents>("-2.345"), "too_many_decimals");
}

#[test]
fn each_range_is_accepted_to_its_ends_and_no_further() {
    assert_eq!(code::<Price>("0"), "out_of_range");
    assert_eq!(code::<Price>("0.0000"), "out_of_range");
    assert_eq!(code::<Price>("-1"), "out_of_range");
    assert_eq!(code::<Price>("9999999999.9999"), "accepted");
    assert_eq!(code::<Price>("10000000000"), "out_of_range");

    assert_eq!(code::<Quantity>("0"), "accepted");
    assert_eq!(code::<Quantity>("-0.000001"), "out_of_range");
    assert_eq!(code::<Quantity>("99999999.999999"), "accepted");
    assert_eq!(code::<Quantity>("100000000"), "out_of_range");

    assert_eq!(code::<Cents>("9999999999999.99"), "accepted");
    assert_eq!(code::<Cents>("-9999999999999.99"), "accepted");
    assert_eq!(code::<Cents>("10000000000000"), "out_of_range");
    assert_eq!(code::<Cents>(&"9".repeat(10_000)), "out_of_range");
}

#[test]
fn arithmetic_that_leaves_the_range_gives_nothing() {
    assert_eq!(Quantity::MAX.checked_add(quantity("0.000001")), None);
    assert_eq!(Quantity::ZERO.checked_sub(quantity("0.000001")), None);
    assert_eq!(price("0.0001").checked_sub(price("0.0001")), None);
    assert_eq!(cents("9999999999999.99").checked_add(cents("0.01")), None);
    assert_eq!(cents("1.00").checked_sub(cents("1.01")), Some(cents("-0.01")));
    assert_eq!(
        Notional::from_e10(i128::MAX).checked_add(Notional::from_e10(1)),
        None
    );
}

#[test]
fn json_numbers_and_strings_are_read_digit_for_digit() {
    for json in ["1.10", "\"1.10\"", "1.1", "1.1000"] {
        assert_eq!(
            serde_json::from_str::<Price>(json).unwrap(),
            price("1.10"),
            "{json}"
        );
    }
    let long: Price = serde_json::from_str("9999999999.9999").unwrap();
    assert_eq!(long.to_string(), "9999999999.9999");
    assert_eq!(
        serde_json::from_str::<Quantity>("99999999.999999").unwrap(),
        Quantity::MAX
    );
    assert_eq!(serde_json::from_str::<Cents>("-3").unwrap(), cents("-3.00"));
    assert_eq!(
        serde_json::from_str::<DecimalText>("0.10").unwrap().as_str(),
        "0.10"
    );
}

#[test]
fn json_that_is_no_plain_number_is_refused() {
    for json in [
        "1e2",
        "1E-2",
        "1.00001",
        "\"1e2\"",
        "\" 1\"",
        "null",
        "true",
        "[1]",
        "{}",
        "{\"a\":1}",
        "\"\"",
    ] {
        assert!(serde_json::from_str::<Price>(json).is_err(), "{json}");
    }
    // A float cannot tell these two apart; the text can.
    assert!(serde_json::from_str::<Price>("0.10000000000000000001").is_err());
}

#[test]
fn numbers_inside_values_and_flattened_structs_are_exact_too() {
    #[derive(Deserialize)]
    struct Outer {
        #[serde(flatten)]
        inner: Inner,
    }
    #[derive(Deserialize)]
    struct Inner {
        price: Price,
    }

    let outer: Outer = serde_json::from_str(r#"{ "price": 9999999999.9999 }"#).unwrap();
    assert_eq!(outer.inner.price, price("9999999999.9999"));
    for text in ["1.10", "1.5", "100", "1234567.8901"] {
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::from_value::<Price>(value).unwrap(), price(text));
    }
    let exponent: serde_json::Value = serde_json::from_str("1e2").unwrap();
    assert!(serde_json::from_value::<Price>(exponent).is_err());
}

#[test]
fn amounts_are_written_to_json_as_strings() {
    assert_eq!(serde_json::to_string(&price("178.5")).unwrap(), "\"178.50\"");
    assert_eq!(serde_json::to_string(&quantity("10.0")).unwrap(), "\"10\"");
    assert_eq!(serde_json::to_string(&cents("-5")).unwrap(), "\"-5.00\"");
    assert_eq!(
        serde_json::to_string(&(price("17.8533") * quantity("10"))).unwrap(),
        "\"178.533\""
    );
}

#[test]
fn amounts_are_bigint_columns() {
    use platform_core::sqlx::{Postgres, Type, TypeInfo};
    assert_eq!(<Price as Type<Postgres>>::type_info().name(), "INT8");
    assert_eq!(<Quantity as Type<Postgres>>::type_info().name(), "INT8");
    assert_eq!(<Cents as Type<Postgres>>::type_info().name(), "INT8");
}

#[test]
fn halves_of_a_cent_go_to_the_even_one_and_ceilings_go_up() {
    for (e10, half_even, ceiling) in [
        (50_000_000, "0.00", "0.01"),
        (150_000_000, "0.02", "0.02"),
        (250_000_000, "0.02", "0.03"),
        (250_000_001, "0.03", "0.03"),
        (-50_000_000, "0.00", "0.00"),
        (-150_000_000, "-0.02", "-0.01"),
        (-250_000_001, "-0.03", "-0.02"),
        (0, "0.00", "0.00"),
        (1, "0.00", "0.01"),
    ] {
        let notional = Notional::from_e10(e10);
        assert_eq!(
            notional.to_cents(Rounding::HalfEven).unwrap(),
            cents(half_even),
            "{e10}"
        );
        assert_eq!(
            notional.to_cents(Rounding::Ceiling).unwrap(),
            cents(ceiling),
            "{e10}"
        );
    }
}

#[test]
fn the_greatest_order_fits_two_bigint_columns() {
    let most = price("1000") * quantity("1000000");
    let (whole, rest) = most.to_columns().unwrap();
    assert_eq!((whole, rest), (cents("1000000000.00"), 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn text_and_amounts_round_trip(p in 1..=99_999_999_999_999_i64, q in 0..=99_999_999_999_999_i64, c in -999_999_999_999_999..=999_999_999_999_999_i64) {
        let (p, q, c) = (Price::from_e4(p).unwrap(), Quantity::from_e6(q).unwrap(), Cents::from_cents(c).unwrap());
        prop_assert_eq!(parse::<Price>(&p.to_string()), p);
        prop_assert_eq!(parse::<Quantity>(&q.to_string()), q);
        prop_assert_eq!(parse::<Cents>(&c.to_string()), c);
        prop_assert_eq!(serde_json::from_str::<Price>(&serde_json::to_string(&p).unwrap()).unwrap(), p);
        prop_assert_eq!(serde_json::from_str::<Price>(&p.to_string()).unwrap(), p);
        prop_assert_eq!(serde_json::from_str::<Cents>(&c.to_string()).unwrap(), c);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,40}", digits in "-?[0-9.]{0,40}") {
        for text in [text, digits] {
            let _ = (text.parse::<Price>(), text.parse::<Quantity>(), text.parse::<Cents>());
        }
    }

    #[test]
    fn products_and_roundings_agree_with_a_decimal_library(p in 1..=9_999_999_999_999_i64, q in 0..=99_999_999_999_i64) {
        let product = Price::from_e4(p).unwrap() * Quantity::from_e6(q).unwrap();
        let decimal = Decimal::new(p, 4) * Decimal::new(q, 6);
        let half_even = decimal.round_dp_with_strategy(2, RoundingStrategy::MidpointNearestEven);
        let ceiling = decimal.round_dp_with_strategy(2, RoundingStrategy::ToPositiveInfinity);

        prop_assert_eq!(parse::<Decimal>(&product.to_string()), decimal);
        if let Ok(rounded) = product.to_cents(Rounding::HalfEven) {
            prop_assert_eq!(Decimal::new(rounded.cents(), 2), half_even);
        }
        if let Ok(rounded) = product.to_cents(Rounding::Ceiling) {
            prop_assert_eq!(Decimal::new(rounded.cents(), 2), ceiling);
        }
    }

    #[test]
    fn a_notional_in_two_columns_is_the_same_notional(e10 in -99_999_999_999_999_999_999_999_i128..99_999_999_999_999_999_999_999) {
        let notional = Notional::from_e10(e10);
        let (whole, rest) = notional.to_columns().unwrap();
        prop_assert!((0..100_000_000).contains(&rest));
        prop_assert_eq!(Notional::from_columns(whole, rest), notional);
    }
}
