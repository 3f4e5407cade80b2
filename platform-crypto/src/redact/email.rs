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

/// The next `@`, also as URLs write it.
fn find_at_sign(text: &str) -> Option<(usize, usize)> {
    let plain = text.find('@').map(|at| (at, 1));
    let before = plain.map_or(text, |(at, _)| &text[..at]);
    let encoded = before.find("%40").map(|at| (at, 3));
    encoded.or(plain)
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
