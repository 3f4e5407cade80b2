//! Texts that people take for the same.

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Compatibility forms, case and invisible characters taken out.
///
/// NFKC (Unicode Standard Annex 15), then every character through lower, upper and lower case, which brings together what differs
/// by case in any language (`ß`, `SS` and `ss`; the three sigmas; and, unlike Unicode's own case folding, `ı` and `i`), without the
/// characters that have no glyph, and NFKC again, because case mapping can take a text out of that form.
pub(super) fn fold(text: &str) -> Zeroizing<String> {
    let normal = collect(text.len(), text.nfkc());
    let folded = collect(
        normal.len(),
        normal
            .chars()
            .flat_map(char::to_lowercase)
            .flat_map(char::to_uppercase)
            .flat_map(char::to_lowercase)
            .filter(|char| !is_invisible(*char)),
    );
    collect(folded.len(), folded.nfkc())
}

/// Compatibility forms and invisible characters taken out; for codes whose case is dealt with elsewhere.
pub(super) fn compose(text: &str) -> Zeroizing<String> {
    collect(text.len(), text.nfkc().filter(|char| !is_invisible(*char)))
}

/// One space between words and none around them.
pub(super) fn single_spaces(text: &str) -> Zeroizing<String> {
    let mut spaced = Zeroizing::new(String::with_capacity(text.len()));
    for word in text.split_whitespace() {
        if !spaced.is_empty() {
            spaced.push(' ');
        }
        spaced.push_str(word);
    }
    spaced
}

/// Collects without leaving half-grown copies behind.
pub(super) fn collect(bytes: usize, chars: impl Iterator<Item = char> + Clone) -> Zeroizing<String> {
    let needed = chars.clone().map(char::len_utf8).sum::<usize>().max(bytes);
    let mut collected = Zeroizing::new(String::with_capacity(needed));
    collected.extend(chars);
    collected
}

/// Characters that Unicode calls default-ignorable and that texts of people pick up on their way: soft hyphens, zero-width ones,
/// marks of the direction of writing, variation selectors, byte-order marks.
fn is_invisible(char: char) -> bool {
    matches!(
        char,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{e0100}'..='\u{e01ef}'
    )
}
