//! Users and passwords in URLs.

use std::borrow::Cow;

use super::edits::Edits;

/// `scheme://user:password@host` keeps the user, `scheme://token@host` keeps nothing before the host.
///
/// The last `@` decides, because people paste passwords that contain one.
pub(super) fn mask_urls(text: &str) -> Cow<'_, str> {
    let mut edits = Edits::new(text);
    let mut at = 0;
    while let Some(found) = text[at..].find("://") {
        let start = at + found + 3;
        let end = text[start..]
            .find(ends_a_url)
            .map_or(text.len(), |length| start + length);
        if let Some(user_end) = text[start..end].rfind('@').map(|length| start + length) {
            let password = text[start..user_end]
                .find(':')
                .map_or(start, |colon| start + colon + 1);
            edits.hide(password..user_end);
        }
        at = end;
    }
    edits.finish()
}

fn ends_a_url(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`')
}
