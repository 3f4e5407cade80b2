//! Telephone numbers.

use super::digits::{digits, last_chars};

/// Masks a telephone number: `+** *** *** **89`, 16 characters.
///
/// Shows the last two digits of a number of 7 to 15 digits (the longest that ITU-T E.164 allows), written with or without a leading
/// plus sign, spaces, hyphens, dots, slashes and brackets.
pub fn mask_phone(number: &str) -> String {
    let number = number.trim();
    let shown = digits(
        number.strip_prefix('+').unwrap_or(number),
        &[' ', '-', '.', '/', '(', ')'],
    )
    .filter(|digits| (7..=15).contains(&digits.len()))
    .and_then(|digits| last_chars(&digits, 2));
    format!("+** *** *** **{}", shown.as_deref().unwrap_or("**"))
}
