//! Tokens, credentials behind their scheme, and values behind a secret name.

use std::borrow::Cow;
use std::cell::LazyCell;

use super::edits::Edits;
use super::is_secret_name;
use super::value::{Value, credential_end, secret_value_after, unquoted_end};

/// Goes from word to word. A word is letters, digits, and what stands inside names, tokens and base64.
pub(super) fn mask_words(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut edits = Edits::new(text);
    let mut at = 0;
    while let Some(start) = next(bytes, at, is_in_word) {
        let end = next(bytes, start, |byte| !is_in_word(byte)).unwrap_or(bytes.len());
        let unescaped = without_escape(bytes, start).min(end);
        let word = &text[unescaped..end];
        at = end;
        if looks_like_token(word) {
            edits.hide(unescaped..end);
            continue;
        }
        if unescaped > start && looks_like_token(&text[start..end]) {
            edits.hide(start..end);
            continue;
        }
        let value = match secret_value_after(text, end, || is_secret_name(word)) {
            None if is_scheme(word) => credential_after(text, end),
            value => value,
        };
        if let Some(Value { hidden, quote }) = value {
            at = hidden.end;
            edits.hide_quoted(hidden, quote);
        }
    }
    edits.finish()
}

/// Where a word begins that may have an escape such as `\n` or `\u0000` glued to its front.
pub(super) fn without_escape(bytes: &[u8], start: usize) -> usize {
    if start == 0 || bytes[start - 1] != b'\\' {
        return start;
    }
    match &bytes[start..] {
        [b'u', code @ ..]
            if code
                .iter()
                .take(4)
                .filter(|byte| byte.is_ascii_hexdigit())
                .count()
                == 4 =>
        {
            start + 5
        }
        [letter, ..] if letter.is_ascii_alphabetic() => start + 1,
        _ => start,
    }
}

/// Where the next byte stands that is wanted.
fn next(bytes: &[u8], from: usize, wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.iter().position(|byte| wanted(*byte)).map(|at| from + at)
}

fn is_in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+' | b'/' | b'~' | b'%')
}

pub(super) fn is_scheme(word: &str) -> bool {
    word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic")
}

/// The credential behind `Bearer` or `Basic`. Prose says "basic settings": a credential is longer than that, and has more than
/// small letters.
fn credential_after(text: &str, scheme_end: usize) -> Option<Value<'_>> {
    let start = credential_end(text, scheme_end)?;
    let end = next(text.as_bytes(), start, |byte| !is_in_word(byte)).unwrap_or(text.len());
    let word = text[start..end].trim_end_matches('.');
    let is_prose = word
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'/'));
    if word.len() < CREDENTIAL_BYTES_MIN || is_prose {
        return None;
    }
    Some(Value {
        hidden: start..unquoted_end(text, end),
        quote: "",
    })
}

const CREDENTIAL_BYTES_MIN: usize = 12;

/// Shorter than any token, longer than the rest of a name that happens to begin like one.
const TOKEN_REST_BYTES_MIN: usize = 12;

/// This platform's tokens and key texts and Vault's tokens, also glued to other text, and JSON Web Tokens.
fn looks_like_token(word: &str) -> bool {
    let bytes = word.as_bytes();
    let has_rest = |at: usize| bytes.len() - at > TOKEN_REST_BYTES_MIN;
    let last_dots = bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b'.');
    // What stands before it has two dots behind it. Searched for once, if at all.
    let last_dot_but_one = LazyCell::new(|| last_dots.map(|(at, _)| at).nth(1));
    let is_token = |(at, byte): (usize, &u8)| match byte {
        b'_' => has_rest(at) && ends_with_own_kind(&bytes[..at]),
        b'.' => has_rest(at) && matches!(bytes[..at], [.., b'h', b'v', b's' | b'b' | b'r']),
        b'e' => bytes[at..].starts_with(b"eyJ") && last_dot_but_one.is_some_and(|dot| at < dot),
        _ => false,
    };
    bytes.iter().enumerate().any(is_token)
}

/// `p`, two letters for the kind, the version: `pst1_` is a session's token. And the text of a root key.
fn ends_with_own_kind(before: &[u8]) -> bool {
    let Some((version, kind)) = before.split_last() else {
        return false;
    };
    let is_token = match kind {
        [.., b'p', one, two] => one.is_ascii_lowercase() && two.is_ascii_lowercase(),
        _ => false,
    };
    version.is_ascii_digit() && (is_token || kind.ends_with(b"pcroot"))
}
