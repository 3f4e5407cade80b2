use platform_audit::{CanonicalJson, JSON_DEPTH_MAX, JsonInvalid};
use proptest::prelude::*;
use serde_json::Value;

fn canonical(text: &str) -> String {
    CanonicalJson::parse(text).unwrap().as_str().to_owned()
}

/// RFC 8785, section 3.2.2, with the one number left out that no double holds.
#[test]
fn the_example_of_rfc_8785_is_reproduced() {
    let input = r#"{
        "numbers": [1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
    }"#;
    let output = r#"{"literals":[null,true,false],"numbers":[1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#;
    assert_eq!(canonical(input), output);
}

/// RFC 8785, section 3.2.3.
#[test]
fn names_are_sorted_by_utf_16_code_units() {
    let input = r#"{"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\ud83d\ude00": 5, "\u0080": 6, "\u00f6": 7}"#;
    assert_eq!(
        canonical(input),
        "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}"
    );
}

/// Those of RFC 8785, appendix B, whose text is their exact value; and what a double cannot tell apart.
#[test]
fn a_number_keeps_its_value_and_has_one_spelling() {
    for (input, output) in [
        ("0", "0"),
        ("-0", "0"),
        ("-0.0e9", "0"),
        ("0e99999999999999999999999", "0"),
        ("1.0", "1"),
        ("1.10", "1.1"),
        ("100e-2", "1"),
        ("-5E-324", "-5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("9007199254740992", "9007199254740992"),
        ("9007199254740993", "9007199254740993"),
        ("-9007199254740993", "-9007199254740993"),
        ("295147905179352830000", "295147905179352830000"),
        ("999999999999999900000", "999999999999999900000"),
        ("1000000000000000000000", "1e+21"),
        (
            "123456789012345678901234567890",
            "1.2345678901234567890123456789e+29",
        ),
        ("1e20", "100000000000000000000"),
        ("1e21", "1e+21"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1e-7"),
        ("12.5e-8", "1.25e-7"),
        ("333333333.33333329", "333333333.33333329"),
        (
            "0.1000000000000000055511151231257827",
            "0.1000000000000000055511151231257827",
        ),
        ("1424953923781206.25", "1424953923781206.25"),
        ("1e199999", "1e+199999"),
    ] {
        assert_eq!(canonical(input), output, "{input}");
        let value: Value = serde_json::from_str(input).unwrap();
        assert_eq!(
            CanonicalJson::from_value(&value).unwrap().as_str(),
            output,
            "{input}"
        );
    }
    for input in [
        "1e200000",
        "1e-200002",
        "1e99999999999999999999",
        "-1e-99999999999999999999",
    ] {
        assert_eq!(
            CanonicalJson::parse(input),
            Err(JsonInvalid::NumberOutOfRange),
            "{input}"
        );
    }
}

#[test]
fn what_is_not_json_is_refused() {
    for input in [
        "",
        " ",
        "nul",
        "nulll",
        "True",
        "'a'",
        "\"",
        "\"\n\"",
        "\"\u{1}\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"\\ud800\\ud800\"",
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1e",
        "1e+",
        "0x1",
        "1 2",
        "NaN",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\" 1}",
        "{1:1}",
        "]",
        "\u{feff}1",
        "1\u{a0}",
        "//",
        "\"\\u+123\"",
    ] {
        assert!(
            matches!(CanonicalJson::parse(input), Err(JsonInvalid::Malformed { .. })),
            "{input:?}"
        );
    }
}

#[test]
fn an_object_with_a_name_twice_is_refused() {
    for input in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"b":2,"\u0061":3}"#,
        r#"[{"":{},"":{}}]"#,
    ] {
        assert_eq!(
            CanonicalJson::parse(input),
            Err(JsonInvalid::RepeatedName),
            "{input}"
        );
    }
}

#[test]
fn the_private_name_of_serde_json_is_a_name_like_another() {
    let input = r#"{"$serde_json::private::Number":"1"}"#;
    assert_eq!(canonical(input), input);
}

#[test]
fn text_is_not_normalised() {
    assert_ne!(canonical("\"\u{e9}\""), canonical("\"e\u{301}\""));
    assert_eq!(
        canonical("\"\u{7f}\u{2028}\u{202e}\""),
        "\"\u{7f}\u{2028}\u{202e}\""
    );
    assert_eq!(canonical("\"\\u0000\""), "\"\\u0000\"");
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(canonical(&nested(JSON_DEPTH_MAX)), nested(JSON_DEPTH_MAX));
    assert_eq!(
        CanonicalJson::parse(&nested(JSON_DEPTH_MAX + 1)),
        Err(JsonInvalid::TooDeep)
    );
    assert_eq!(
        CanonicalJson::parse(&"[".repeat(1 << 20)),
        Err(JsonInvalid::TooDeep)
    );
    assert_eq!(
        CanonicalJson::parse(&"{\"a\":".repeat(1 << 20)),
        Err(JsonInvalid::TooDeep)
    );
    let value = |depth| (0..depth).fold(Value::Array(Vec::new()), |inner, _| Value::Array(vec![inner]));
    assert!(CanonicalJson::from_value(&value(JSON_DEPTH_MAX - 1)).is_ok());
    assert_eq!(
        CanonicalJson::from_value(&value(JSON_DEPTH_MAX)),
        Err(JsonInvalid::TooDeep)
    );
}

pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    let number = "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,8})?([eE][+-]?[0-9]{1,3})?"
        .prop_map(|text| serde_json::from_str(&text).unwrap());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number,
        any::<String>().prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_value_and_its_text_in_any_layout_are_the_same(value in any_value()) {
        let json = CanonicalJson::from_value(&value).unwrap();
        prop_assert_eq!(canonical(&value.to_string()), json.as_str());
        prop_assert_eq!(canonical(&serde_json::to_string_pretty(&value).unwrap()), json.as_str());
        prop_assert_eq!(canonical(json.as_str()), json.as_str());
    }

    #[test]
    fn a_short_integer_is_spelt_as_its_double_is(number in -9_007_199_254_740_992..=9_007_199_254_740_992_i64) {
        prop_assert_eq!(canonical(&number.to_string()), number.to_string());
        prop_assert_eq!(canonical(&format!("{number}.000")), number.to_string());
    }

    #[test]
    fn shifting_the_point_changes_no_number(digits in "[1-9][0-9]{0,30}", shift in 0..60_usize) {
        let shifted = format!("{digits}{}e-{shift}", "0".repeat(shift));
        prop_assert_eq!(canonical(&digits), canonical(&shifted));
        let next = format!("{digits}1");
        prop_assert_ne!(canonical(&digits), canonical(&next));
    }

    #[test]
    fn numbers_of_other_values_are_spelt_otherwise(a in "[1-9][0-9]{0,24}", b in "[1-9][0-9]{0,24}", shift in 0..30_i32) {
        let same = a.trim_end_matches('0') == b.trim_end_matches('0') && a.len() == b.len();
        prop_assert_eq!(canonical(&format!("{a}e-{shift}")) == canonical(&format!("{b}e-{shift}")), same);
    }
}
