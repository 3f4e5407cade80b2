//! E-mail addresses.

use std::fmt;

use platform_crypto::Normalizer;

/// The longest address that a mail server has to accept, in bytes (RFC 5321, section 4.5.3.1.3, less the angle brackets).
const ADDRESS_BYTES_MAX: usize = 254;

/// The longest local part, in bytes (RFC 5321, section 4.5.3.1.1).
const LOCAL_BYTES_MAX: usize = 64;

/// An e-mail address: as it was entered, and in the form in which it is unique and looked up, that of [`Normalizer::Email`].
///
/// What is checked is the shape that every deliverable address has; only a message to it can tell whether it works. Folding the case
/// of the local part too is against the letter of RFC 5321 and what every mail provider does: two users whose addresses differ in
/// case, or in characters that look alike, would be a way to impersonate.
///
/// ```
/// use platform_auth::EmailAddress;
///
/// let email = EmailAddress::parse(" Ada@Example.com ")?;
/// assert_eq!(email.as_entered(), "Ada@Example.com");
/// assert_eq!(email.normalized(), "ada@example.com");
/// # Ok::<(), platform_auth::InvalidEmail>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct EmailAddress {
    entered: String,
    normalized: String,
}

/// A text is not an e-mail address of at most 254 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an e-mail address looks like name@example.com and has at most 254 characters")]
pub struct InvalidEmail;

impl EmailAddress {
    /// Checks an address and keeps it without the blanks around it.
    ///
    /// # Errors
    /// [`InvalidEmail`] when it is too long, has no local part or domain, or holds blanks, control characters or a second `@`.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        // Before anything walks over it: the text may be as long as a request body.
        if text.len() > ADDRESS_BYTES_MAX * 2 {
            return Err(InvalidEmail);
        }
        let entered = text.trim();
        let normalized = Normalizer::Email.normalize(entered).map_err(|_| InvalidEmail)?;
        let normalized = normalized.to_string();
        let fits = |address: &str| address.len() <= ADDRESS_BYTES_MAX && well_formed(address);
        if !fits(entered) || !fits(&normalized) {
            return Err(InvalidEmail);
        }
        Ok(Self {
            entered: entered.to_owned(),
            normalized,
        })
    }

    /// The address as it was entered, for display.
    pub fn as_entered(&self) -> &str {
        &self.entered
    }

    /// The address as it is looked up and counted.
    pub fn normalized(&self) -> &str {
        &self.normalized
    }

    /// What stands after the `@`, as it is looked up.
    pub(crate) fn domain(&self) -> &str {
        self.normalized.split_once('@').map_or("", |(_, domain)| domain)
    }
}

/// Masked: an address is personal data and does not reach a log by accident.
impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmailAddress({})", platform_crypto::mask_email(&self.entered))
    }
}

fn well_formed(address: &str) -> bool {
    let Some((local, domain)) = address.split_once('@') else {
        return false;
    };
    let printable = |char: char| !char.is_whitespace() && !char.is_control() && !is_invisible(char);
    let local_holds = (1..=LOCAL_BYTES_MAX).contains(&local.len())
        && local.split('.').all(|atom| !atom.is_empty())
        && local
            .chars()
            .all(|char| printable(char) && !"\"(),:;<>[\\]".contains(char));
    let label_holds = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|char| char.is_alphanumeric() || char == '-')
    };
    local_holds && domain.contains('.') && domain.split('.').all(label_holds)
}

/// Characters that make two different addresses look the same: zero-width ones and those that turn the direction of writing.
fn is_invisible(char: char) -> bool {
    matches!(char, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_unique_without_regard_to_case_and_surrounding_blanks() {
        let entered = EmailAddress::parse("  Ada.Lovelace@EXAMPLE.com\t").unwrap();

        assert_eq!(entered.as_entered(), "Ada.Lovelace@EXAMPLE.com");
        assert_eq!(entered.normalized(), "ada.lovelace@example.com");
    }

    #[test]
    fn what_cannot_be_an_address_is_refused() {
        let long_local = format!("{}@example.com", "a".repeat(65));
        let long_label = format!("a@{}.com", "b".repeat(64));
        let long_whole = format!(
            "a@{}.com",
            [
                "b".repeat(60),
                "c".repeat(60),
                "d".repeat(60),
                "e".repeat(60),
                "f".repeat(60)
            ]
            .join(".")
        );
        let megabyte = format!("{}@example.com", "a".repeat(1 << 20));
        let refused = [
            "",
            " ",
            "@",
            "ada",
            "ada@",
            "@example.com",
            "ada@example",
            "ada@@example.com",
            "a@b@example.com",
            "ada lovelace@example.com",
            "ada@exam ple.com",
            "ada@example..com",
            ".ada@example.com",
            "ada.@example.com",
            "ada@-example.com",
            "ada@example-.com",
            "ada@example.com.",
            "ada\0@example.com",
            "ada\n@example.com",
            "ada@example.com\r\nBcc: all@example.com",
            "\u{202e}ada@example.com",
            "a\u{200b}da@example.com",
            "<ada@example.com>",
            "\"ada\"@example.com",
            "ada@[127.0.0.1]",
            &long_local,
            &long_label,
            &long_whole,
            &megabyte,
        ];

        for text in refused {
            assert_eq!(EmailAddress::parse(text), Err(InvalidEmail), "{text:.80}");
        }
    }

    #[test]
    fn addresses_of_other_scripts_are_taken() {
        for text in [
            "用户@例子.中国",
            "ada+inbox@mail.example.co.uk",
            "o'hara@example.ie",
            "1@1.de",
        ] {
            assert!(EmailAddress::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn debugging_an_address_shows_its_mask() {
        let email = EmailAddress::parse("ada@example.com").unwrap();

        assert_eq!(format!("{email:?}"), "EmailAddress(a***@e***.com)");
    }
}
