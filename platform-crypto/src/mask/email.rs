//! E-mail addresses.

use unicode_normalization::char::is_combining_mark;

/// Top-level domains that so many addresses share that showing one tells nothing about a person. All have three letters, which keeps
/// the width of the mask.
const SHOWN_TOP_LEVELS: [&str; 5] = ["com", "org", "net", "edu", "gov"];

/// A part of an e-mail address shows its first letter only when that is at most a third of them.
const PART_LETTERS_MIN: usize = 3;

const MASKED_WHOLE: &str = "****@****.***";

/// Masks an e-mail address: `a***@e***.com`, 13 characters.
///
/// Shows the first character of the local part and of the domain, and the top-level domain if it is one of the most common. A part
/// with fewer than three letters and digits, or that begins with anything but a digit or a letter that is read from left to right, shows
/// nothing; a text that is no address shows nothing at all.
///
/// ```
/// use platform_crypto::mask_email;
///
/// assert_eq!(mask_email("grace.hopper@navy.mil"), "g***@n***.***");
/// assert_eq!(mask_email("al@example.com"), "****@e***.com");
/// ```
pub fn mask_email(address: &str) -> String {
    let Some((local, domain)) = address.trim().rsplit_once('@') else {
        return MASKED_WHOLE.to_owned();
    };
    if local.is_empty() || !local.chars().all(is_in_local_part) || !is_domain(domain) {
        return MASKED_WHOLE.to_owned();
    }
    let (name, top_level) = domain.rsplit_once('.').unwrap_or((domain, ""));
    let local = first_shown(local);
    let name = first_shown(name);
    let top_level = SHOWN_TOP_LEVELS
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(top_level))
        .unwrap_or("***");
    format!("{local}***@{name}***.{top_level}")
}

/// RFC 5322's atoms and dots, and RFC 6532's letters of every script.
fn is_in_local_part(char: char) -> bool {
    char.is_alphanumeric() || is_combining_mark(char) || "!#$%&'*+-/=?^_`{|}~.".contains(char)
}

fn is_domain(domain: &str) -> bool {
    let is_in_label = |char: char| char.is_alphanumeric() || is_combining_mark(char) || char == '-';
    domain
        .split('.')
        .all(|label| !label.is_empty() && label.chars().all(is_in_label))
}

/// The first character where the part has letters enough to show it, and it is harmless to print.
fn first_shown(part: &str) -> char {
    let letters = part
        .chars()
        .filter(|c| c.is_alphanumeric() && !is_combining_mark(*c));
    let long_enough = letters.take(PART_LETTERS_MIN).count() == PART_LETTERS_MIN;
    match part.chars().next() {
        Some(first) if long_enough && is_harmless(first) => first,
        _ => '*',
    }
}

/// Neither a mark, which would join the character before it, nor a letter that turns the direction of what stands around it.
fn is_harmless(first: char) -> bool {
    first.is_alphanumeric() && !is_combining_mark(first) && !reads_right_to_left(first)
}

/// The blocks that Unicode keeps for scripts written from right to left (UAX 44, `Bidi_Class` defaults R and AL).
fn reads_right_to_left(char: char) -> bool {
    matches!(u32::from(char), 0x0590..=0x08FF | 0xFB1D..=0xFDFF | 0xFE70..=0xFEFF | 0x10800..=0x10FFF | 0x1E800..=0x1EFFF)
}
