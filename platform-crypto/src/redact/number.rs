//! Numbers that are personal: payment cards, bank accounts, social security.

use std::borrow::Cow;

use crate::mask::{IBAN_CHARS_MAX, IBAN_CHARS_MIN, iban_holds, luhn_holds};

use super::edits::Edits;
use super::word::without_escape;

/// Card numbers have 13 to 19 digits, in one run or in groups as they are printed.
const CARD_DIGITS_MIN: usize = 13;
const CARD_DIGITS_MAX: usize = 19;
const CARD_GROUPS: [&[usize]; 4] = [&[4, 4, 4, 4, 3], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4]];

const SSN_GROUPS: [usize; 3] = [3, 2, 4];

pub(super) fn mask_numbers(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut edits = Edits::new(text);
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_alphanumeric() {
            at += 1;
            continue;
        }
        let start = without_escape(bytes, at);
        let run = word_end(bytes, start);
        at = match number_end(bytes, start, run) {
            Some(end) => {
                edits.hide_quoted(start..end, json_quote(text, start));
                end
            }
            None => run,
        };
    }
    edits.finish()
}

/// Where a number ends that begins with this run of letters and digits and is one of those that are looked for.
fn number_end(bytes: &[u8], start: usize, run: usize) -> Option<usize> {
    let is_digit = bytes.get(start)?.is_ascii_digit();
    match run - start {
        _ if is_digit && follows_a_point(bytes, start) => None,
        3 if is_digit => ssn_end(bytes, start),
        4 if is_digit => grouped_card_end(bytes, start),
        CARD_DIGITS_MIN..=CARD_DIGITS_MAX if is_digit => {
            (is_card(&bytes[start..run]) && ends_here(bytes, run)).then_some(run)
        }
        4 | IBAN_CHARS_MIN..=IBAN_CHARS_MAX if !is_digit => iban_end(bytes, start),
        _ => None,
    }
}

/// Digits behind a decimal point are a fraction.
fn follows_a_point(bytes: &[u8], start: usize) -> bool {
    matches!(bytes[..start], [.., b'0'..=b'9', b'.'])
}

fn grouped_card_end(bytes: &[u8], start: usize) -> Option<usize> {
    CARD_GROUPS.into_iter().find_map(|groups| {
        let mut digits = Vec::with_capacity(CARD_DIGITS_MAX);
        let end = groups_end(bytes, start, groups, b" -", &mut digits)?;
        (is_card(&digits) && ends_here(bytes, end)).then_some(end)
    })
}

fn ssn_end(bytes: &[u8], start: usize) -> Option<usize> {
    let follows_a_hyphen = start > 0 && bytes[start - 1] == b'-';
    let mut digits = Vec::with_capacity(9);
    let end = groups_end(bytes, start, &SSN_GROUPS, b"-", &mut digits)?;
    let goes_on = bytes.get(end) == Some(&b'-');
    (!follows_a_hyphen && !goes_on && ends_here(bytes, end)).then_some(end)
}

/// Where groups of digits of these lengths end, with one and the same separator between them.
fn groups_end(
    bytes: &[u8],
    start: usize,
    groups: &[usize],
    separators: &[u8],
    digits: &mut Vec<u8>,
) -> Option<usize> {
    let mut at = start;
    let separator = bytes.get(start + groups.first()?)?;
    if !separators.contains(separator) {
        return None;
    }
    for (index, length) in groups.iter().enumerate() {
        if index > 0 {
            if bytes.get(at) != Some(separator) {
                return None;
            }
            at += 1;
        }
        let group = bytes.get(at..at + length)?;
        if !group.iter().all(u8::is_ascii_digit) {
            return None;
        }
        digits.extend_from_slice(group);
        at += length;
    }
    word_ends(bytes, at).then_some(at)
}

fn is_card(digits: &[u8]) -> bool {
    digits.iter().all(u8::is_ascii_digit) && is_issued(digits) && luhn_holds(digits)
}

/// Do the networks issue numbers of this beginning and length? What counts seconds since 1970 in any unit begins otherwise.
fn is_issued(digits: &[u8]) -> bool {
    let first_four = digits
        .iter()
        .take(4)
        .fold(0_u32, |number, digit| number * 10 + u32::from(digit - b'0'));
    let lengths = match first_four {
        4000..=4999 => return matches!(digits.len(), 13 | 16 | 19),
        3400..=3499 | 3700..=3799 => 15..=15,
        5100..=5599 | 2221..=2720 => 16..=16,
        3000..=3099 | 3600..=3699 | 3800..=3999 => 14..=19,
        3528..=3589 => 16..=19,
        5000..=5099 | 5600..=5999 | 6000..=6999 => 13..=19,
        _ => return false,
    };
    lengths.contains(&digits.len())
}

/// With or without a space after every four characters; every length is tried, since only the check digits tell where one ends.
fn iban_end(bytes: &[u8], start: usize) -> Option<usize> {
    let begins = matches!(bytes.get(start..start + 4)?, [a, b, c, d]
        if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() && c.is_ascii_digit() && d.is_ascii_digit());
    if !begins {
        return None;
    }
    let mut upper = Vec::with_capacity(IBAN_CHARS_MAX);
    let mut at = start;
    let spaced = bytes.get(start + 4) == Some(&b' ');
    let mut longest = None;
    while let Some(byte) = bytes.get(at).filter(|_| upper.len() < IBAN_CHARS_MAX) {
        if spaced && *byte == b' ' && upper.len().is_multiple_of(4) && !upper.is_empty() {
            at += 1;
            if !bytes.get(at).is_some_and(u8::is_ascii_alphanumeric) {
                break;
            }
            continue;
        }
        if !byte.is_ascii_alphanumeric() {
            break;
        }
        upper.push(byte.to_ascii_uppercase());
        at += 1;
        if upper.len() >= IBAN_CHARS_MIN && word_ends(bytes, at) && iban_holds(&upper) {
            longest = Some(at);
        }
    }
    longest
}

/// Where the letters and digits end that a number may not be glued to.
fn word_end(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let length = rest.iter().position(|byte| !byte.is_ascii_alphanumeric());
    start + length.unwrap_or(rest.len())
}

fn word_ends(bytes: &[u8], at: usize) -> bool {
    !bytes.get(at).is_some_and(u8::is_ascii_alphanumeric)
}

/// No decimals follow.
fn ends_here(bytes: &[u8], end: usize) -> bool {
    !matches!(bytes.get(end..), Some([b'.', b'0'..=b'9', ..]))
}

/// The quotation mark of the JSON name before a bare number, so that its mask is JSON again.
fn json_quote(text: &str, start: usize) -> &str {
    let before = text[..start].trim_end_matches(' ');
    let Some(name) = before.strip_suffix(':') else {
        return "";
    };
    let Some(unquoted) = name.strip_suffix('"') else {
        return "";
    };
    &name[unquoted.trim_end_matches('\\').len()..]
}
