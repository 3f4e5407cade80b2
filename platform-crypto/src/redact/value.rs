//! Where a value stands behind its name.

use std::ops::Range;

use super::word::is_scheme;

/// What is to be hidden, and the quote that the mask needs around it.
pub(super) struct Value<'a> {
    pub(super) hidden: Range<usize>,
    pub(super) quote: &'a str,
}

/// How a value is joined to its name.
#[derive(PartialEq, Eq)]
enum Joint {
    /// `name=`
    Equals,
    /// `"name":`
    Json,
    /// `name:` or `Name(` as `Debug` writes them; prose too, so that only a quoted value counts.
    Debug,
}

/// The value behind a name that ends at `name_end`, if there is one and the name is secret.
///
/// Whether there may be one is seen at once and asked first; what the value is may take the rest of the text, and is only asked when
/// the value is hidden then, so that nothing is looked at twice.
pub(super) fn secret_value_after(
    text: &str,
    name_end: usize,
    is_secret: impl FnOnce() -> bool,
) -> Option<Value<'_>> {
    let bytes = text.as_bytes();
    let closing = Quote::at(text, name_end);
    let at = skip_spaces(bytes, closing.as_ref().map_or(name_end, |quote| quote.end));
    let joint = match bytes.get(at)? {
        b'=' => Joint::Equals,
        b':' if closing.is_some() => Joint::Json,
        b':' | b'(' => Joint::Debug,
        _ => return None,
    };
    if !is_secret() {
        return None;
    }
    let at = match bytes.get(at + 1) {
        Some(b'=' | b'>') if joint == Joint::Equals => at + 2,
        _ => at + 1,
    };
    let mut start = skip_spaces(bytes, at);
    if text[start..].starts_with("Some(") {
        start += "Some(".len();
    }
    if let Some(quote) = Quote::at(text, start) {
        return Some(Value {
            hidden: quote.end..quote.closing(bytes),
            quote: "",
        });
    }
    let json_quote = match (&joint, closing) {
        (Joint::Debug, _) => return None,
        (Joint::Json, Some(quote)) => quote.text,
        _ => "",
    };
    let end = match bytes.get(start)? {
        b'[' | b'{' => unquoted_end(text, closing_bracket(text, start)),
        _ => unquoted_end(text, start),
    };
    let end = match is_scheme(&text[start..end]) {
        true => credential_end(text, end).map_or(end, |start| unquoted_end(text, start)),
        false => end,
    };
    (start < end).then_some(Value {
        hidden: start..end,
        quote: json_quote,
    })
}

/// Where a credential begins behind its scheme: after one space or more.
pub(super) fn credential_end(text: &str, scheme_end: usize) -> Option<usize> {
    let start = skip_spaces(text.as_bytes(), scheme_end);
    (start > scheme_end).then_some(start)
}

/// Where a value without quotes ends; the backslashes of a quotation mark are no part of it.
pub(super) fn unquoted_end(text: &str, start: usize) -> usize {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '&' | ',' | ';' | '}' | ')');
    let Some(length) = text[start..].find(ends) else {
        return text.len();
    };
    let value = &text[start..start + length];
    match text[start + length..].starts_with(['"', '\'']) {
        true => start + value.trim_end_matches('\\').len(),
        false => start + length,
    }
}

fn skip_spaces(bytes: &[u8], from: usize) -> usize {
    let spaces = bytes
        .get(from..)
        .into_iter()
        .flatten()
        .take_while(|byte| **byte == b' ');
    from + spaces.count()
}

/// A quotation mark with the backslashes before it: one in a text that was quoted once more, three in one that was twice.
struct Quote<'a> {
    text: &'a str,
    end: usize,
}

impl<'a> Quote<'a> {
    fn at(text: &'a str, start: usize) -> Option<Self> {
        let bytes = text.as_bytes();
        let end = start + count_backslashes(bytes, start) + 1;
        matches!(bytes.get(end - 1)?, b'"' | b'\'').then(|| Self {
            text: &text[start..end],
            end,
        })
    }

    /// Where the quoted text ends; at the end of everything when nothing closes it.
    fn closing(&self, bytes: &[u8]) -> usize {
        let (mark, depth) = (self.text.as_bytes().last(), self.text.len() - 1);
        let mut backslashes = 0;
        for (at, byte) in bytes.iter().enumerate().skip(self.end) {
            if Some(byte) == mark
                && let Some(length) = closes(backslashes, depth)
            {
                return at - length;
            }
            backslashes = if *byte == b'\\' { backslashes + 1 } else { 0 };
        }
        bytes.len()
    }
}

/// Whether a quotation mark behind so many backslashes closes a text whose own marks stand behind `depth` of them, and how many of
/// the backslashes belong to the mark. Each time a text is quoted, every backslash is doubled and every mark gets one.
fn closes(backslashes: usize, depth: usize) -> Option<usize> {
    if depth == 0 {
        return backslashes.is_multiple_of(2).then_some(0);
    }
    if backslashes.is_multiple_of(2) {
        // The mark of a text around this one: it ends both.
        return Some(0);
    }
    closes((backslashes - 1) / 2, (depth - 1) / 2).map(|length| 2 * length + 1)
}

/// Behind the bracket that closes the one at `start`, whatever stands inside; at the end of everything when nothing does.
fn closing_bracket(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let mut open = 0_usize;
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' | b'\\' => {
                if let Some(quote) = Quote::at(text, at) {
                    let end = quote.closing(bytes);
                    at = skip_quote(bytes, end);
                    continue;
                }
                at += count_backslashes(bytes, at).saturating_sub(1);
            }
            b'[' | b'{' => open += 1,
            b']' | b'}' => open -= 1,
            _ => {}
        }
        at += 1;
        if open == 0 {
            return at;
        }
    }
    bytes.len()
}

/// Behind the quotation mark that stands at `at`, with its backslashes.
fn skip_quote(bytes: &[u8], at: usize) -> usize {
    (at + count_backslashes(bytes, at) + 1).min(bytes.len())
}

fn count_backslashes(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.iter().take_while(|byte| **byte == b'\\').count()
}
