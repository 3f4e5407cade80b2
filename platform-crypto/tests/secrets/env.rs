//! Secrets in the environment.

use platform_crypto::{EnvSecrets, SecretError, SecretName, SecretSource as _, Unusable};
use proptest::prelude::*;

use crate::support::{current, name, previous};

fn variables(pairs: &[(&str, &str)]) -> EnvSecrets {
    let pairs = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    EnvSecrets::new("APP_", pairs.collect::<Vec<_>>())
}

#[tokio::test]
async fn a_variable_is_found_by_its_prefix_and_its_name_in_capitals() {
    let source = variables(&[
        ("APP_DATABASE_PASSWORD", "two"),
        ("APP_DATABASE_PASSWORD_PREVIOUS", "one"),
        ("DATABASE_PASSWORD", "other"),
    ]);

    let found = source.fetch(&name("database-password")).await.unwrap().unwrap();
    let missing = source.fetch(&name("password")).await.unwrap();

    assert_eq!((current(&found), previous(&found)), ("two", Some("one")));
    assert!(missing.is_none());
    assert!(!format!("{source:?} {found:?}").contains("two"));
}

#[tokio::test]
async fn a_variable_that_is_no_secret_is_refused_without_its_text() {
    let long = "x".repeat(64 * 1024 + 1);
    let source = variables(&[("APP_EMPTY", ""), ("APP_NUL", "sec\0ret"), ("APP_LONG", &long)]);

    for (secret, wrong) in [
        ("empty", Unusable::Empty),
        ("nul", Unusable::NotText),
        ("long", Unusable::TooLong),
    ] {
        let error = source.fetch(&name(secret)).await.unwrap_err();
        assert!(!format!("{error:?} {error}").contains("sec\0ret"));
        assert!(matches!(error, SecretError::Unusable { reason, .. } if reason == wrong));
    }
}

#[tokio::test]
async fn a_line_end_in_a_variable_is_part_of_the_secret() {
    let source = variables(&[("APP_KEY", "line\n")]);

    let found = source.fetch(&name("key")).await.unwrap().unwrap();

    assert_eq!(current(&found), "line\n");
}

#[test]
fn a_name_is_no_path() {
    for wrong in [
        "", ".", "..", "a/b", "../a", "..data", "a..b", "a-", "-a", "A", "ä", "a\0", "a b",
    ] {
        assert!(wrong.parse::<SecretName>().is_err(), "{wrong:?}");
    }
    assert!("a".repeat(101).parse::<SecretName>().is_err());
}

proptest! {
    #[test]
    fn any_text_is_a_name_or_is_none(text in any::<String>()) {
        if let Ok(name) = text.parse::<SecretName>() {
            prop_assert_eq!(name.to_string(), text);
        }
    }
}
