//! E-mail addresses.

use std::borrow::Cow;

use super::edits::Edits;
use super::word::without_escape;

/// A local part, `@`, and a domain with a dot whose last label is no number: `crate@0.9.0` is none.
pub(super) fn mask_emails(text: &str) -> Cow<'_, str> {
    let mut edits = Edits::new(text);
    // Where the text begins that no address has taken yet.
    let mut rest = 0;
    while let Some((found, length)) = find_at_sign(&text[rest..]) {
        let at = rest + found;
        let after = at + length;
        let start = rest + text[rest..at].trim_end_matches(is_in_local_part).len();
        let start = without_escape(text.as_bytes(), start).min(at);
        let end = text[after..]
            .find(|c| !is_in_domain(c))
            .map_or(text.len(), |length| after + length);
        let domain = text[after..end].trim_end_matches(['.', '-']);
        if start < at && is_domain(domain) {
            edits.hide(start..after + domain.len());
            rest = after + domain.len();
        } else {
            rest = after;
        }
    }
    edits.finish()
}

/// The next `@`, also as URLs write it, and its length. Looks no further than that: text full of the one form is not searched again
/// and again for the other.
fn find_at_sign(text: &str) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().find_map(|(at, byte)| match byte {
        b'@' => Some((at, 1)),
        b'%' if bytes[at..].starts_with(b"%40") => Some((at, 3)),
        _ => None,
    })
}

fn is_domain(domain: &str) -> bool {
    domain
        .rsplit_once('.')
        .is_some_and(|(_, last)| last.chars().any(|c| !c.is_ascii_digit()))
}

fn is_in_local_part(c: char) -> bool {
    c.is_alphanumeric() || "!#$%&'+-/=?^_`{|}~.".contains(c)
}

fn is_in_domain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '-')
}
