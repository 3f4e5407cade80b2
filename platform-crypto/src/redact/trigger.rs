//! Which passes a text needs. Cheap and generous.

/// A social security number has this many digits, everything else that is looked for has more.
const DIGITS_MIN: u32 = 9;

#[derive(Debug, Default)]
pub(super) struct Triggers {
    /// A URL with a user, or an e-mail address.
    pub(super) at: bool,
    /// A pair of a name and a value, a token, a credential behind its scheme.
    pub(super) words: bool,
    pub(super) numbers: bool,
    pub(super) pem: bool,
}

impl Triggers {
    pub(super) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut found = Self::default();
        let mut digits = 0_u32;
        let mut hyphens = false;
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'0'..=b'9' => digits = digits.saturating_add(1),
                b'@' => found.at = true,
                b'%' if bytes[at..].starts_with(b"%40") => found.at = true,
                b'=' | b'"' | b'\'' | b'_' => found.words = true,
                b'.' if ends_with_vault(&bytes[..at]) => found.words = true,
                b'e' if bytes[at..].starts_with(b"eyJ") => found.words = true,
                b' ' if ends_with_scheme(&bytes[..at]) => found.words = true,
                b'-' if bytes[at..].starts_with(b"-----BEGIN ") => hyphens = true,
                _ => {}
            }
        }
        found.numbers = digits >= DIGITS_MIN;
        found.pem = hyphens;
        found
    }
}

fn ends_with_vault(before: &[u8]) -> bool {
    matches!(before, [.., b'h', b'v', b's' | b'b' | b'r'])
}

fn ends_with_scheme(before: &[u8]) -> bool {
    let ends_with = |scheme: &[u8]| {
        let start = before.len().checked_sub(scheme.len());
        start.is_some_and(|start| before[start..].eq_ignore_ascii_case(scheme))
    };
    match before.last() {
        Some(b'r' | b'R') => ends_with(b"bearer"),
        Some(b'c' | b'C') => ends_with(b"basic"),
        _ => false,
    }
}
