//! Numbers that a state gives to people.

use super::digits::{digits, last_chars};

/// Masks a United States social security number: `***-**-6789`, 11 characters.
///
/// Shows the last four digits, which is the form people in that country are used to, of nine digits written as `ddd-dd-dddd` or
/// without hyphens. Four of nine is more than the third that every other mask keeps to: use [`mask_generic`](super::mask_generic)
/// where nobody has to recognise the number.
pub fn mask_ssn(number: &str) -> String {
    let number = number.trim();
    let hyphens: Vec<usize> = number.match_indices('-').map(|(at, _)| at).take(3).collect();
    let well_placed = hyphens.is_empty() || hyphens == [3, 6];
    let shown = digits(number, &['-'])
        .filter(|digits| well_placed && digits.len() == 9)
        .and_then(|digits| last_chars(&digits, 4));
    format!("***-**-{}", shown.as_deref().unwrap_or("****"))
}
