//! One function for each kind of value.

/// Top-level domains that so many addresses share that showing one tells nothing about a person. All have three letters, which keeps
/// the width of the mask.
const SHOWN_TOP_LEVELS: [&str; 5] = ["com", "org", "net", "edu", "gov"];

/// A part of an e-mail address shows its first character only when that is at most a third of it.
const EMAIL_PART_CHARS_MIN: usize = 3;

/// Masks an e-mail address: `a***@e***.com`, 13 characters.
///
/// Shows the first character of the local part and of the domain, and the top-level domain if it is one of the most common. A part
/// that is shorter than three characters, or does not begin with a letter or digit, shows nothing.
///
/// ```
/// use platform_crypto::mask_email;
///
/// assert_eq!(mask_email("grace.hopper@navy.mil"), "g***@n***.***");
/// assert_eq!(mask_email("al@example.com"), "****@e***.com");
/// ```
pub fn mask_email(address: &str) -> String {
    let Some((local, domain)) = address.trim().rsplit_once('@') else {
        return "****@****.***".to_owned();
    };
    let (name, top_level) = domain.rsplit_once('.').unwrap_or((domain, ""));
    let local = first_shown(local);
    let name = first_shown(name);
    let top_level = SHOWN_TOP_LEVELS
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(top_level))
        .unwrap_or("***");
    format!("{local}***@{name}***.{top_level}")
}

/// Masks a payment card number: `**** **** **** 4242`, 19 characters.
///
/// Shows the last four digits of a number of 12 to 19 digits with a valid check digit (ISO/IEC 7812-1, annex B), written with or
/// without spaces and hyphens. PCI DSS 4.0 (requirement 3.4.1) would allow the first six as well; nobody here needs them.
pub fn mask_card(number: &str) -> String {
    let shown = digits(number, &[' ', '-'])
        .filter(|digits| (12..=19).contains(&digits.len()) && luhn_holds(digits))
        .and_then(|digits| last_chars(&digits, 4));
    format!("**** **** **** {}", shown.as_deref().unwrap_or("****"))
}

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

/// Masks an international bank account number: `GB** **** 5678`, 14 characters.
///
/// Shows the country and the last four characters of an account number whose check digits hold (ISO 13616-1), written with or
/// without spaces.
pub fn mask_iban(number: &str) -> String {
    let compact: Vec<char> = number.chars().filter(|char| *char != ' ').take(35).collect();
    let upper: String = compact.iter().map(char::to_ascii_uppercase).collect();
    if !iban_holds(&upper) {
        return "**** **** ****".to_owned();
    }
    let country: String = upper.chars().take(2).collect();
    let tail = last_chars(&upper, 4).unwrap_or_default();
    format!("{country}** **** {tail}")
}

/// Masks a United States social security number: `***-**-6789`, 11 characters.
///
/// Shows the last four digits, which is the form people in that country are used to, of nine digits written as `ddd-dd-dddd` or without
/// hyphens. Four of nine is more than the other masks show: use [`mask_generic`] where nobody has to recognise the number.
pub fn mask_ssn(number: &str) -> String {
    let number = number.trim();
    let hyphens: Vec<usize> = number.match_indices('-').map(|(at, _)| at).collect();
    let well_placed = hyphens.is_empty() || hyphens == [3, 6];
    let shown = digits(number, &['-'])
        .filter(|digits| well_placed && digits.len() == 9)
        .and_then(|digits| last_chars(&digits, 4));
    format!("***-**-{}", shown.as_deref().unwrap_or("****"))
}

/// Masks a value of any kind whole: `****`.
pub fn mask_generic(_value: &str) -> String {
    "****".to_owned()
}

/// The first character where the part is long enough to show it, and harmless to print.
fn first_shown(part: &str) -> char {
    let long_enough = part.chars().nth(EMAIL_PART_CHARS_MIN - 1).is_some();
    match part.chars().next() {
        Some(first) if long_enough && first.is_alphanumeric() => first,
        _ => '*',
    }
}

/// The ASCII digits of a number, or nothing when it holds anything but digits and the given separators.
fn digits(number: &str, separators: &[char]) -> Option<String> {
    let mut digits = String::new();
    for char in number.trim().chars() {
        match char {
            '0'..='9' if digits.len() < 20 => digits.push(char),
            _ if separators.contains(&char) => {}
            _ => return None,
        }
    }
    Some(digits)
}

fn last_chars(text: &str, count: usize) -> Option<String> {
    let skipped = text.chars().count().checked_sub(count)?;
    Some(text.chars().skip(skipped).collect())
}

fn luhn_holds(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
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

/// ISO/IEC 7064 MOD 97-10 over the number with its first four characters moved to the end, letters counting from 10.
fn iban_holds(upper: &str) -> bool {
    let bytes = upper.as_bytes();
    let formed = (15..=34).contains(&bytes.len())
        && bytes.iter().all(u8::is_ascii_alphanumeric)
        && bytes.iter().take(2).all(u8::is_ascii_uppercase)
        && bytes.iter().skip(2).take(2).all(u8::is_ascii_digit);
    if !formed {
        return false;
    }
    let rotated = bytes.iter().skip(4).chain(bytes.iter().take(4));
    let remainder = rotated.fold(0_u32, |remainder, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        _ => (remainder * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    remainder == 1
}
