//! Numbers as people write them.

/// Longer than any number that is masked.
const DIGITS_MAX: usize = 20;

/// The ASCII digits of a number, or nothing when it holds anything but digits and the given separators.
pub(super) fn digits(number: &str, separators: &[char]) -> Option<String> {
    let mut digits = String::new();
    for char in number.trim().chars() {
        match char {
            '0'..='9' if digits.len() < DIGITS_MAX => digits.push(char),
            _ if separators.contains(&char) => {}
            _ => return None,
        }
    }
    Some(digits)
}

/// The last characters of a text that has as many.
pub(super) fn last_chars(text: &str, count: usize) -> Option<String> {
    let skipped = text.chars().count().checked_sub(count)?;
    Some(text.chars().skip(skipped).collect())
}
