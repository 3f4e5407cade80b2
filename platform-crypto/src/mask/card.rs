//! Payment cards.

use super::digits::{digits, last_chars};

/// Masks a payment card number: `**** **** **** 4242`, 19 characters.
///
/// Shows the last four digits of a number of 12 to 19 digits with a valid check digit (ISO/IEC 7812-1, annex B), written with or
/// without spaces and hyphens. PCI DSS 4.0 (requirement 3.4.1) would allow the first six as well; nobody here needs them.
pub fn mask_card(number: &str) -> String {
    let shown = digits(number, &[' ', '-'])
        .filter(|digits| (12..=19).contains(&digits.len()) && luhn_holds(digits.as_bytes()))
        .and_then(|digits| last_chars(&digits, 4));
    format!("**** **** **** {}", shown.as_deref().unwrap_or("****"))
}

/// Does the last of these ASCII digits fit the others?
pub(crate) fn luhn_holds(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, byte)| {
            let digit = u32::from(byte.saturating_sub(b'0'));
            match at % 2 {
                0 => digit,
                _ if digit > 4 => digit * 2 - 9,
                _ => digit * 2,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}
