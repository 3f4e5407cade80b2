//! What the last net catches, and what it leaves alone.

use std::borrow::Cow;

use platform_crypto::{is_secret_name, redact};
use proptest::prelude::*;

#[test]
fn what_looks_like_a_credential_or_an_address_is_masked() {
    let cases = [
        ("session pst1_0a1b2c_secretpart ended", "session *** ended"),
        ("GET /reset/pst1_0a1b2c_3e4f5a6b7c", "GET ***"),
        (
            "authorization: Bearer abcdefghijkl.mno",
            "authorization: Bearer ***",
        ),
        ("Basic dXNlcjpwYXNzd29yZA==", "Basic ***"),
        ("eyJhbGciOi.eyJzdWIi.c2ln here", "*** here"),
        (
            "postgres://app:p@ss/w:rd@db:5432/x down",
            "postgres://app:***@db:5432/x down",
        ),
        ("redis://:hunter2@cache", "redis://:***@cache"),
        ("https://ghp_sometoken@example.com/x", "https://***@example.com/x"),
        ("?user=a&password=hunter2&x=1", "?user=a&password=***&x=1"),
        (r#"{"password":"hunter2!","x":1}"#, r#"{"password":"***","x":1}"#),
        (r#"{"client_secret" : "hunter2"}"#, r#"{"client_secret" : "***"}"#),
        ("mail to ann.o+x@mail.example.com.", "mail to ***."),
        ("password = hunter2", "password = ***"),
        (r#"{"token":"abc"}"#, r#"{"token":"***"}"#),
        (
            r#"Some("{\"email\": \"ann\"}")"#,
            r#"Some("{\"email\": \"***\"}")"#,
        ),
    ];

    for (text, masked) in cases {
        assert_eq!(redact(text), masked, "{text}");
    }
}

#[test]
fn a_value_is_masked_to_its_end_however_it_is_quoted() {
    let cases = [
        (
            r#"{"password":"correct horse, \"battery\"","x":1}"#,
            r#"{"password":"***","x":1}"#,
        ),
        (
            r#""{\"password\":\"correct \\\"horse\\\" staple\",\"x\":1}""#,
            r#""{\"password\":\"***\",\"x\":1}""#,
        ),
        (r#"{"otp":123456,"x":1}"#, r#"{"otp":"***","x":1}"#),
        (r#"{"keys":["a","b]"],"x":1}"#, r#"{"keys":"***","x":1}"#),
        (
            r#"{"cookies":{"sid":"abc"},"x":[1]}"#,
            r#"{"cookies":"***","x":[1]}"#,
        ),
        (r#"body="{\"otp\":123456}""#, r#"body="{\"otp\":\"***\"}""#),
        (
            r#"Login { name: "ann", password: "hunter2", .. }"#,
            r#"Login { name: "ann", password: "***", .. }"#,
        ),
        (r#"password: Some("hunter2")"#, r#"password: Some("***")"#),
        (r#"Password("hunter2")"#, r#"Password("***")"#),
        ("{'secret': 'hunter2'}", "{'secret': '***'}"),
        ("password='correct horse' user=ann", "password='***' user=ann"),
        ("authorization=Bearer abc def", "authorization=*** def"),
        (
            "accessToken=abc refresh-token=def",
            "accessToken=*** refresh-token=***",
        ),
        ("/login/token=abc", "/login/token=***"),
        (r#"password="hunter2"#, r#"password="***"#),
    ];

    for (text, masked) in cases {
        assert_eq!(redact(text), masked, "{text}");
    }
}

#[test]
fn tokens_and_private_keys_are_masked() {
    let cases = [
        (
            "key file holds pcroot1_AAAAAAAAAAAAAAAAAAAAAAAAAAA.",
            "key file holds ***",
        ),
        ("vault said hvs.CAESIJ0123456789abcdef", "vault said ***"),
        ("sent /v1/eyJhbGciOi.eyJzdWIi.c2ln", "sent ***"),
        (
            "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----\n",
            "-----BEGIN EC PRIVATE KEY-----***-----END EC PRIVATE KEY-----\n",
        ),
        (
            "-----BEGIN PRIVATE KEY-----\\nMHcCAQEE",
            "-----BEGIN PRIVATE KEY-----***",
        ),
        ("GET /users/ann%40example.com/x", "GET ***/x"),
    ];

    for (text, masked) in cases {
        assert_eq!(redact(text), masked, "{text}");
    }
}

#[test]
fn ordinary_lines_are_left_alone() {
    let lines = [
        "listening on http://127.0.0.1:8080",
        "could not verify the password: wrong",
        "basic settings and bearer of news",
        "basic authentication. is refused",
        "order 018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12 filled at 12.50",
        "user @ somewhere, a@b",
        "limit=50 offset=3",
        "collation utf8_general_ci_accents, type pgx1_short",
        "sqlx@0.9.0 and platform-core@0.1.0",
        "-----BEGIN CERTIFICATE----- MIIB -----END CERTIFICATE-----",
        r#"{"key.id":"3f2a91c0","tokens_issued":3}"#,
        "the keyword (\"x\") stands in a class: \"y\"",
    ];

    for line in lines {
        assert!(
            matches!(redact(line), Cow::Borrowed(same) if same == line),
            "{line}"
        );
    }
}

#[test]
fn a_name_is_secret_by_a_word_in_it_or_by_its_last_part() {
    for name in [
        "user.email",
        "api_key",
        "clientSecret",
        "accessToken",
        "X-Api-Key",
        "card_number",
        "customer.iban",
    ] {
        assert!(is_secret_name(name), "{name}");
    }
    for name in [
        "key.id",
        "tenant.id",
        "tokens_issued",
        "monkey",
        "className",
        "session",
        "japan",
    ] {
        assert!(!is_secret_name(name), "{name}");
    }
}

proptest! {
    #[test]
    fn no_token_or_address_survives_whatever_stands_around_it(before in r"\PC{0,30}", after in r"\PC{0,30}") {
        let token = "pst1_AY8rbnwafT6bGi9ObYwKEg_0123456789012345678901234567890123456789012_abcdef";
        let text = format!("{before}{token}{after} ann@example.com {after}");

        let masked = redact(&text);

        prop_assert!(!masked.contains("AY8rbnwafT6b"), "{}", masked);
        prop_assert!(!masked.contains("ann@"), "{}", masked);
    }

    #[test]
    fn what_is_masked_once_stays_as_it_is(
        text in r#"((pst1_0123456789abc|password=[a-z"]{0,5}|"key":[a-z0-9"]{0,5}|\\"key\\":\\"x|Bearer [A-Z0-9]{0,15}|a://b:[a-z@/]{0,5}@c|a(@|%40)[b.]{0,4}|4242 4242 4242 4242|keys=[\[{a"}\]]{0,5}|[a-z0-9.:/"'\\@]{0,6})[ ,]){0,8}"#
    ) {
        let once = redact(&text).into_owned();

        prop_assert_eq!(redact(&once), once.as_str());
    }

    #[test]
    fn any_text_can_be_masked(text in any::<String>()) {
        redact(&text);
    }

    #[test]
    fn a_json_document_stays_one_and_gives_no_secret_away(
        secret in r#"[ -~é\n]{1,40}"#, other in r#"[ -~]{0,20}"#, number in 4_000_000_000_000_000_u64..5_000_000_000_000_000
    ) {
        let needle = format!("N33DLE{secret}");
        let inner = serde_json::json!({ "password": needle, "note": other });
        let document = serde_json::json!({
            "client_secret": needle, "otp": number, "card": number, "list": [1, 2], "note": format!("line\n{number}\tann.N33DLE@example.com\u{0}bob.N33DLE@example.com\n{inner}"),
            "body": inner.to_string(), "deeper": { "body": serde_json::json!({ "x": inner.to_string() }).to_string() },
        });

        let masked = redact(&document.to_string()).into_owned();

        prop_assert!(!masked.contains("N33DLE"), "{}", masked);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&masked).is_ok(), "{}", masked);
    }
}
