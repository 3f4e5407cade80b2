//! The last net under the logs: masks what looks like a credential or personal data.
//!
//! A single pass over characters, no patterns to compile: text without any of the triggers, which is nearly all, is returned
//! as it came.

use std::borrow::Cow;

/// What stands in place of a masked value.
pub const MASK: &str = "***";

/// Words that make a field secret wherever they stand in its name.
const SECRET_WORDS: [&str; 11] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "authorization",
    "cookie",
    "credential",
    "email",
    "e_mail",
    "bearer",
    "apikey",
];

/// Words that make a field secret as the last part of its name: `api_key` and `session.token`, but not `key.id`.
const SECRET_ENDINGS: [&str; 6] = ["token", "tokens", "key", "keys", "pwd", "otp"];

/// Does a field of this name hold a secret or personal data?
///
/// ```
/// use trading_server::telemetry::is_secret_name;
///
/// assert!(is_secret_name("user.email") && is_secret_name("api_key") && is_secret_name("clientSecret"));
/// assert!(!is_secret_name("key.id") && !is_secret_name("tenant.id") && !is_secret_name("tokens_issued"));
/// ```
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let last = name.rsplit(['.', '_', '-']).next().unwrap_or_default();
    SECRET_WORDS.iter().any(|word| name.contains(word)) || SECRET_ENDINGS.contains(&last)
}

/// Masks tokens, bearer and basic credentials, passwords in URLs, `name=value` pairs with a secret name and e-mail addresses.
///
/// ```
/// use trading_server::telemetry::redact;
///
/// assert_eq!(redact("connecting to postgres://app:hunter2@db/x"), "connecting to postgres://app:***@db/x");
/// assert_eq!(redact("nothing to hide"), "nothing to hide");
/// ```
pub fn redact(text: &str) -> Cow<'_, str> {
    if !is_suspect(text) {
        return Cow::Borrowed(text);
    }
    let masked = mask_urls(text);
    let masked = mask_words(&masked);
    let masked = mask_emails(&masked);
    match masked == text {
        true => Cow::Borrowed(text),
        false => Cow::Owned(masked),
    }
}

/// Can there be anything to mask? Cheap and generous.
fn is_suspect(text: &str) -> bool {
    let has_scheme = || {
        let lower = text.to_ascii_lowercase();
        lower.contains("bearer") || lower.contains("basic")
    };
    text.contains(['@', '=', '_', '"']) || text.contains("eyJ") || has_scheme()
}

/// `scheme://user:password@host` keeps the user, `scheme://token@host` keeps nothing before the host.
fn mask_urls(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        masked.push_str(before);
        let end = after.find(ends_a_url).unwrap_or(after.len());
        let (url, tail) = after.split_at(end);
        masked.push_str(&mask_userinfo(url));
        rest = tail;
    }
    masked.push_str(rest);
    masked
}

/// The last `@` decides, because people paste passwords that contain one.
fn mask_userinfo(url: &str) -> Cow<'_, str> {
    let Some((userinfo, host)) = url.rsplit_once('@') else {
        return Cow::Borrowed(url);
    };
    match userinfo.split_once(':') {
        Some((user, _)) => Cow::Owned(format!("{user}:{MASK}@{host}")),
        None => Cow::Owned(format!("{MASK}@{host}")),
    }
}

fn ends_a_url(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`')
}

/// Goes from word to word. A word is letters, digits, and what stands inside names, tokens and base64.
fn mask_words(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    let mut previous = Previous::Other;
    while let Some(first) = rest.chars().next() {
        if !is_in_word(first) {
            masked.push(first);
            rest = &rest[first.len_utf8()..];
            previous = previous.then_separator(first, rest);
            continue;
        }
        let end = rest.find(|c| !is_in_word(c)).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        let is_hidden = previous == Previous::Value || looks_like_token(word);
        masked.push_str(if is_hidden { MASK } else { word });
        // A masked value goes on to its end, whatever it contains.
        rest = match previous {
            Previous::Value => &tail[tail.find(ends_a_value).unwrap_or(tail.len())..],
            _ => tail,
        };
        previous = Previous::after_word(word);
    }
    masked
}

/// What came before the current place, as far as it decides about masking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Previous {
    /// A secret name; a `=`, or a quote and a colon, makes what follows a value.
    Name,
    /// A secret name and its closing quote.
    QuotedName,
    /// `Bearer` or `Basic`: the next word is the credential.
    Scheme,
    /// The next word is secret.
    Value,
    Other,
}

impl Previous {
    fn after_word(word: &str) -> Self {
        if word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic") {
            return Self::Scheme;
        }
        match is_secret_name(word) {
            true => Self::Name,
            false => Self::Other,
        }
    }

    fn then_separator(self, separator: char, rest: &str) -> Self {
        match (self, separator) {
            (Self::Name, '=') => Self::Value,
            (Self::Name, '"' | '\\') | (Self::QuotedName, '"') => Self::QuotedName,
            (Self::QuotedName, ':') => Self::Value,
            (Self::Name | Self::QuotedName, ' ') => self,
            (Self::Value, ' ' | '"' | '\'' | '\\') => Self::Value,
            // Prose says "basic settings": a credential is longer than that.
            (Self::Scheme, ' ') if is_long_word(rest) => Self::Value,
            _ => Self::Other,
        }
    }
}

fn is_long_word(text: &str) -> bool {
    text.chars().take_while(|c| is_in_word(*c)).count() >= 12
}

fn is_in_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+' | '/' | '~' | '%')
}

fn ends_a_value(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '&' | ',' | ';' | '}' | ')')
}

/// Our own tokens, also glued to other text, and JSON Web Tokens.
fn looks_like_token(word: &str) -> bool {
    let is_jwt = word.starts_with("eyJ") && word.matches('.').count() >= 2;
    is_jwt
        || word
            .as_bytes()
            .windows(TOKEN_START_BYTES + TOKEN_REST_BYTES_MIN)
            .any(is_own_token)
}

/// `p`, two letters for the kind, the version, an underscore: `pst1_`.
const TOKEN_START_BYTES: usize = 5;

/// Shorter than any token, longer than the rest of a name that happens to begin like one.
const TOKEN_REST_BYTES_MIN: usize = 12;

fn is_own_token(window: &[u8]) -> bool {
    match window {
        [b'p', kind, other, version, b'_', ..] => {
            kind.is_ascii_lowercase() && other.is_ascii_lowercase() && version.is_ascii_digit()
        }
        _ => false,
    }
}

/// A local part, `@`, and a domain with a dot.
fn mask_emails(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        let start = before.trim_end_matches(is_in_local_part).len();
        let end = after.find(|c| !is_in_domain(c)).unwrap_or(after.len());
        let domain = after[..end].trim_end_matches(['.', '-']);
        if start < before.len() && domain.contains('.') {
            masked.push_str(&before[..start]);
            masked.push_str(MASK);
            rest = &after[domain.len()..];
        } else {
            masked.push_str(&rest[..=at]);
            rest = after;
        }
    }
    masked.push_str(rest);
    masked
}

fn is_in_local_part(c: char) -> bool {
    c.is_alphanumeric() || "!#$%&'+-/=?^_`{|}~.".contains(c)
}

fn is_in_domain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
                r#"Some("{\"email\": \"***"}")"#,
            ),
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
            "order 018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12 filled at 12.50",
            "user @ somewhere, a@b",
            "limit=50 offset=3",
            "collation utf8_general_ci_accents, type pgx1_short",
        ];

        for line in lines {
            assert!(
                matches!(redact(line), Cow::Borrowed(same) if same == line),
                "{line}"
            );
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
        fn what_is_masked_once_stays_as_it_is(text in r#"(pst1_|password=|"key":|Bearer |://|@|[a-z0-9.:/ "]){0,12}"#) {
            let once = redact(&text).into_owned();

            prop_assert_eq!(redact(&once), once.as_str());
        }
    }
}
