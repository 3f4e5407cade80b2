//! What counts as the same value.

use zeroize::Zeroizing;

use super::fold::{collect, compose, fold, single_spaces};

/// How the values of a column are brought into one form before they are compared, for columns whose values cannot be listed.
///
/// A normaliser never changes: its version goes into every tag, and a better rule is a new version with a rotation. What people do
/// not tell apart (case, composed and decomposed letters, full-width forms, blanks around it, invisible characters) is one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Normalizer {
    /// An e-mail address: folded (NFKC, case, invisible characters), without blanks and without the dot after the domain.
    ///
    /// A `+tag` stays, and so do dots: whether they matter is for the provider of the mailbox to say. `bücher.example` and its
    /// `xn--` form are two values.
    Email,
    /// A name or another text: folded, one space between words.
    Text,
    /// An international bank account number: ASCII letters in upper case and digits, nothing between them. Anything else in it is
    /// [`NotIndexable`].
    Iban,
    /// The value as it is, byte for byte: for identifiers that somebody else has normalised.
    Exact,
}

/// How the values of a column are brought into one form whose values can all be listed by whoever holds the key.
///
/// Every one of them can be found by trying, so these make [`BlindIndex::low_entropy`](super::BlindIndex::low_entropy) only, which
/// truncates the tags and asks for a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LowEntropy {
    /// A telephone number: `+` and digits, `00` in front read as `+`, without blanks, hyphens, dots, slashes and brackets. There is no
    /// guess at a missing country code: give numbers in international form.
    Phone,
    /// Digits alone, without blanks, hyphens and dots, 1 to 32 of them: social security and tax numbers, the last four of a card.
    Digits,
    /// A date of ten characters, `2001-02-28`.
    Date,
    /// A code of letters and digits in upper case: countries, currencies, postal codes.
    Code,
    /// A word of a short list, folded: a status, yes and no.
    Word,
}

/// A value has no form under its normaliser: it is empty, or not of the kind it should be. It gets no tag and is never found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value is empty or not of the kind that the index is for")]
pub struct NotIndexable;

impl Normalizer {
    /// Which version of the rule this program applies.
    pub const fn version(self) -> u8 {
        match self {
            Self::Email | Self::Text | Self::Iban | Self::Exact => 1,
        }
    }

    /// The form of a value in which it is compared.
    ///
    /// ```
    /// use platform_crypto::Normalizer;
    ///
    /// let form = Normalizer::Email.normalize(" Ada@EXAMPLE.com")?;
    /// assert_eq!(form.as_str(), "ada@example.com");
    /// # Ok::<(), platform_crypto::NotIndexable>(())
    /// ```
    ///
    /// # Errors
    /// [`NotIndexable`]: store the value without a tag.
    pub fn normalize(self, value: &str) -> Result<Zeroizing<String>, NotIndexable> {
        let form = match self {
            Self::Email => email(value),
            Self::Text => single_spaces(&fold(value)),
            Self::Iban => code(value, 34)?,
            Self::Exact => Zeroizing::new(value.to_owned()),
        };
        not_empty(form)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Text => "text",
            Self::Iban => "iban",
            Self::Exact => "exact",
        }
    }
}

impl LowEntropy {
    /// Which version of the rule this program applies.
    pub const fn version(self) -> u8 {
        match self {
            Self::Phone | Self::Digits | Self::Date | Self::Code | Self::Word => 1,
        }
    }

    /// The form of a value in which it is compared.
    ///
    /// # Errors
    /// [`NotIndexable`]: store the value without a tag.
    pub fn normalize(self, value: &str) -> Result<Zeroizing<String>, NotIndexable> {
        let form = match self {
            Self::Phone => phone(value)?,
            Self::Digits => digits(value, &['-', '.'])?,
            Self::Date => date(value)?,
            Self::Code => code(value, 16)?,
            Self::Word => single_spaces(&fold(value)),
        };
        not_empty(form)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Digits => "digits",
            Self::Date => "date",
            Self::Code => "code",
            Self::Word => "word",
        }
    }
}

fn not_empty(form: Zeroizing<String>) -> Result<Zeroizing<String>, NotIndexable> {
    match form.is_empty() {
        true => Err(NotIndexable),
        false => Ok(form),
    }
}

fn email(value: &str) -> Zeroizing<String> {
    let folded = fold(value);
    let trimmed = folded.trim().trim_end_matches('.');
    Zeroizing::new(trimmed.to_owned())
}

fn code(value: &str, chars_max: usize) -> Result<Zeroizing<String>, NotIndexable> {
    let composed = compose(value);
    let kept = composed
        .chars()
        .filter(|char| !char.is_whitespace() && *char != '-')
        .map(|char| char.to_ascii_uppercase());
    let form = collect(composed.len(), kept);
    let holds = form.bytes().all(|byte| byte.is_ascii_alphanumeric()) && form.len() <= chars_max;
    holds.then_some(form).ok_or(NotIndexable)
}

fn phone(value: &str) -> Result<Zeroizing<String>, NotIndexable> {
    let composed = compose(value);
    let number = composed.trim();
    let international = number.strip_prefix('+').or_else(|| number.strip_prefix("00"));
    let digits = digits(international.unwrap_or(number), &['-', '.', '/', '(', ')'])?;
    let plus = if international.is_some() { "+" } else { "" };
    let mut form = Zeroizing::new(String::with_capacity(digits.len() + 1));
    if !digits.is_empty() {
        form.push_str(plus);
        form.push_str(&digits);
    }
    Ok(form)
}

fn digits(value: &str, separators: &[char]) -> Result<Zeroizing<String>, NotIndexable> {
    let composed = compose(value);
    let kept = composed
        .chars()
        .filter(|char| !char.is_whitespace() && !separators.contains(char));
    let form = collect(composed.len(), kept);
    let holds = form.bytes().all(|byte| byte.is_ascii_digit()) && form.len() <= 32;
    holds.then_some(form).ok_or(NotIndexable)
}

fn date(value: &str) -> Result<Zeroizing<String>, NotIndexable> {
    let composed = compose(value);
    let form = composed.trim();
    let holds = form.len() == 10
        && form.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    match holds {
        true => Ok(Zeroizing::new(form.to_owned())),
        false => Err(NotIndexable),
    }
}
