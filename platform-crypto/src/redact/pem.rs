//! Private keys in PEM.

use std::borrow::Cow;

use super::edits::Edits;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// Everything between the two lines; without the second one to the end of the text.
pub(super) fn mask_private_keys(text: &str) -> Cow<'_, str> {
    let mut edits = Edits::new(text);
    let mut at = 0;
    while let Some(found) = text[at..].find(BEGIN) {
        let label = at + found + BEGIN.len();
        at = label;
        let Some(label_end) = text[label..].find("-----").map(|length| label + length) else {
            break;
        };
        if !text[label..label_end].ends_with("PRIVATE KEY") {
            continue;
        }
        let body = label_end + "-----".len();
        let end = text[body..].find(END).map_or(text.len(), |length| body + length);
        edits.hide(body..end);
        at = end;
    }
    edits.finish()
}
