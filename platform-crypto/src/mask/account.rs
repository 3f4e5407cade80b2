//! Bank accounts.

use super::digits::last_chars;

/// The shortest account number (Norway's) and the longest that the standard allows.
pub(crate) const IBAN_CHARS_MIN: usize = 15;
pub(crate) const IBAN_CHARS_MAX: usize = 34;

/// Masks an international bank account number: `GB** **** 5678`, 14 characters.
///
/// Shows the country and the last four characters of an account number whose check digits hold (ISO 13616-1), written with or
/// without spaces; the last three where the country's numbers are so short that four more than the country were above a third.
pub fn mask_iban(number: &str) -> String {
    let compact: Vec<char> = number
        .chars()
        .filter(|char| *char != ' ')
        .take(IBAN_CHARS_MAX + 1)
        .collect();
    let upper: String = compact.iter().map(char::to_ascii_uppercase).collect();
    if !iban_holds(upper.as_bytes()) {
        return "**** **** ****".to_owned();
    }
    let country: String = upper.chars().take(2).collect();
    let shown = (upper.len() / 3).saturating_sub(2).min(4);
    let tail = last_chars(&upper, shown).unwrap_or_default();
    format!("{country}** **** {tail:*>4}")
}

/// ISO/IEC 7064 MOD 97-10 over the number with its first four characters moved to the end, letters counting from 10. Letters are
/// upper case.
pub(crate) fn iban_holds(upper: &[u8]) -> bool {
    let formed = (IBAN_CHARS_MIN..=IBAN_CHARS_MAX).contains(&upper.len())
        && upper
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && upper.iter().take(2).all(u8::is_ascii_uppercase)
        && upper.iter().skip(2).take(2).all(u8::is_ascii_digit);
    if !formed {
        return false;
    }
    let rotated = upper.iter().skip(4).chain(upper.iter().take(4));
    let remainder = rotated.fold(0_u32, |remainder, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        _ => (remainder * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    remainder == 1
}
