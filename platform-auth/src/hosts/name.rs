//! The form of a host name.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The longest name, in bytes (RFC 1035, section 2.3.4, less the root).
const NAME_BYTES_MAX: usize = 253;

/// A host name that can stand for a tenant: at least two labels of letters, digits and inner hyphens (RFC 1123, section 2.1), in lower case,
/// those of other scripts in the form of RFC 5891 for the DNS (`xn--…`), at most 253 bytes. No address, no port, no wildcard, no dot at
/// the end.
///
/// ```
/// use platform_auth::HostName;
///
/// let host: HostName = "App.Bücher.example".parse()?;
/// assert_eq!(host.as_str(), "app.xn--bcher-kva.example");
/// assert!("192.0.2.1".parse::<HostName>().is_err());
/// # Ok::<(), platform_auth::InvalidHostName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(String);

/// A text is no host name that could stand for a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a host name looks like app.example.com, has at most 253 characters and no port")]
pub struct InvalidHostName;

impl HostName {
    /// The name as the DNS has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name that was checked before it was stored.
    pub(super) fn from_stored(text: String) -> Self {
        Self(text)
    }
}

impl FromStr for HostName {
    type Err = InvalidHostName;

    fn from_str(text: &str) -> Result<Self, InvalidHostName> {
        // Before anything walks over it: the text may be as long as a request body. A character of another script takes up to four bytes.
        if text.len() > NAME_BYTES_MAX * 4 {
            return Err(InvalidHostName);
        }
        let name = idna::domain_to_ascii_strict(text).map_err(|_| InvalidHostName)?;
        let label_holds = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        let last = name.rsplit('.').next().unwrap_or_default();
        // What ends in a number is an address to a browser, however it is written (WHATWG URL, section 3.5).
        let is_address = name.parse::<IpAddr>().is_ok()
            || last.bytes().all(|byte| byte.is_ascii_digit())
            || last.starts_with("0x");
        let holds = name.len() <= NAME_BYTES_MAX && name.contains('.') && name.split('.').all(label_holds);
        match holds && !is_address {
            true => Ok(Self(name)),
            false => Err(InvalidHostName),
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Result<String, InvalidHostName> {
        text.parse::<HostName>().map(|host| host.to_string())
    }

    #[test]
    fn a_name_is_kept_in_one_form() {
        for (text, kept) in [
            ("app.example.com", "app.example.com"),
            ("APP.Example.COM", "app.example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example", "xn--bcher-kva.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("a-b.c1.example", "a-b.c1.example"),
        ] {
            assert_eq!(parsed(text).as_deref(), Ok(kept), "{text}");
        }
    }

    #[test]
    fn what_is_no_host_name_is_refused() {
        let long_label = format!("{}.example.com", "a".repeat(64));
        let long = format!("{}.example.com", ["abcdefghi"; 26].join("."));
        let megabyte = "a.".repeat(1 << 19);
        for text in [
            "",
            ".",
            "localhost",
            "example.com.",
            ".example.com",
            "a..example.com",
            "-a.example.com",
            "a-.example.com",
            "*.example.com",
            "a_b.example.com",
            "a b.example.com",
            "example.com:443",
            "https://example.com",
            "example.com/",
            "user@example.com",
            "192.0.2.1",
            "192.0.2",
            "1.2.3.0x4",
            "[2001:db8::1]",
            "2001:db8::1",
            "xn--a.example",
            "exa\0mple.com",
            "example.com\r\nx",
            &long_label,
            &long,
            &megabyte,
        ] {
            assert_eq!(parsed(text), Err(InvalidHostName), "{text:.80}");
        }
    }

    proptest! {
        #[test]
        fn what_is_kept_is_kept_as_it_is(text in any::<String>()) {
            if let Ok(kept) = parsed(&text) {
                prop_assert_eq!(parsed(&kept), Ok(kept.clone()));
                prop_assert!(kept.len() <= 253 && kept.is_ascii() && kept == kept.to_lowercase());
            }
        }

        #[test]
        fn a_name_of_plain_labels_is_taken(text in "[a-z][a-z0-9]{0,20}(\\.[a-z][a-z0-9]{0,20}){1,4}") {
            prop_assert_eq!(parsed(&text), Ok(text.clone()));
        }
    }
}
