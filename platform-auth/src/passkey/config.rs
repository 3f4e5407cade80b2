//! For which names passkeys are registered, and from which pages they are used.

use std::time::Duration;

use webauthn_rs::prelude::{Url, Webauthn, WebauthnBuilder};

use crate::{ThrottleConfig, ThrottleLimit};

/// A service has so many pages of its own at most.
const ORIGINS_MAX: usize = 16;

/// How long a browser waits for its user, and a challenge is good.
pub(crate) const GOOD_FOR: Duration = Duration::from_secs(5 * 60);

/// Passkeys, and where they are good.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PasskeyConfig {
    pub(super) webauthn: Webauthn,
    /// How many challenges somebody may ask for: each user, or each address within a tenant (30 at once, then one in 10 seconds), and
    /// each address altogether (100 at once, then one in 2 seconds).
    pub throttle: ThrottleConfig,
}

/// Passkeys cannot be set up so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPasskeyConfig {
    /// The relying-party id is no name of a host, such as `example.com` or `localhost`, in lower case.
    #[error("the relying-party id is a host name in lower case, such as example.com or localhost")]
    RelyingParty,
    /// There is no origin, or there are more than 16.
    #[error("there are 1 to 16 origins")]
    Origins,
    /// An origin is none, or none that browsers have passkeys for.
    #[error("an origin is https://host[:port], or http://localhost[:port], and nothing more")]
    Origin,
    /// An origin is neither at the relying-party id nor below it; no browser would use a passkey there.
    #[error("the host of an origin is the relying-party id or a name below it")]
    OtherHost,
}

impl PasskeyConfig {
    /// Passkeys for `rp_id`, which never changes: a passkey is good for one relying-party id, and another makes all of them worthless.
    /// They are used on pages of exactly these origins, not on pages below or above them.
    ///
    /// ```
    /// use platform_auth::{InvalidPasskeyConfig, PasskeyConfig};
    ///
    /// let config = PasskeyConfig::new("example.com", ["https://app.example.com"])?;
    /// assert!(format!("{config:?}").contains("app.example.com"));
    ///
    /// let other = PasskeyConfig::new("example.com", ["https://badexample.com"]);
    /// assert_eq!(other.unwrap_err(), InvalidPasskeyConfig::OtherHost);
    /// # Ok::<(), InvalidPasskeyConfig>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidPasskeyConfig`]. That a relying-party id is no public suffix, such as `co.uk`, is for the browser to see.
    pub fn new<O: AsRef<str>>(
        rp_id: &str,
        origins: impl IntoIterator<Item = O>,
    ) -> Result<Self, InvalidPasskeyConfig> {
        if !is_host(rp_id) {
            return Err(InvalidPasskeyConfig::RelyingParty);
        }
        let mut urls = Vec::new();
        for origin in origins {
            urls.push(origin_of(origin.as_ref(), rp_id)?);
        }
        let Some((first, others)) = urls.split_first().filter(|_| urls.len() <= ORIGINS_MAX) else {
            return Err(InvalidPasskeyConfig::Origins);
        };
        let builder = WebauthnBuilder::new(rp_id, first).map_err(|_| InvalidPasskeyConfig::OtherHost)?;
        let builder = others
            .iter()
            .fold(builder, WebauthnBuilder::append_allowed_origin);
        let webauthn = builder.timeout(GOOD_FOR).build();
        Ok(Self {
            webauthn: webauthn.map_err(|_| InvalidPasskeyConfig::OtherHost)?,
            throttle: ThrottleConfig {
                account: ThrottleLimit {
                    burst: 30,
                    recovery: Duration::from_secs(10),
                },
                address: ThrottleLimit {
                    burst: 100,
                    recovery: Duration::from_secs(2),
                },
                ..ThrottleConfig::default()
            },
        })
    }
}

/// A name of labels as DNS has them, that no browser takes for an address.
fn is_host(name: &str) -> bool {
    let is_label = |label: &str| {
        let letters = label
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        (1..=63).contains(&label.len()) && letters && !label.starts_with('-') && !label.ends_with('-')
    };
    let top = name.rsplit('.').next().unwrap_or_default();
    let is_dotted = name == "localhost" || name.contains('.');
    is_dotted
        && name.len() <= 253
        && name.split('.').all(is_label)
        && !top.bytes().all(|b| b.is_ascii_digit())
}

fn origin_of(text: &str, rp_id: &str) -> Result<Url, InvalidPasskeyConfig> {
    let url = Url::parse(text).map_err(|_| InvalidPasskeyConfig::Origin)?;
    let host = url.domain().ok_or(InvalidPasskeyConfig::Origin)?;
    // Browsers have passkeys in secure contexts alone (Secure Contexts, section 3.1).
    let is_local = host == "localhost" || host.ends_with(".localhost");
    let is_secure = url.scheme() == "https" || (url.scheme() == "http" && is_local);
    if !is_secure || url.origin().ascii_serialization() != text {
        return Err(InvalidPasskeyConfig::Origin);
    }
    match host.strip_suffix(rp_id) {
        Some(below) if below.is_empty() || below.ends_with('.') => Ok(url),
        _ => Err(InvalidPasskeyConfig::OtherHost),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_at_the_relying_party_or_below_it() {
        for (rp_id, origin) in [
            ("example.com", "https://example.com"),
            ("example.com", "https://a.b.example.com:8443"),
            ("localhost", "http://localhost:8080"),
            ("localhost", "https://localhost"),
        ] {
            assert!(PasskeyConfig::new(rp_id, [origin]).is_ok(), "{rp_id} {origin}");
        }
        for (rp_id, origin, error) in [
            (
                "example.com",
                "https://badexample.com",
                InvalidPasskeyConfig::OtherHost,
            ),
            (
                "app.example.com",
                "https://example.com",
                InvalidPasskeyConfig::OtherHost,
            ),
            (
                "example.com",
                "https://example.com.evil.org",
                InvalidPasskeyConfig::OtherHost,
            ),
            ("example.com", "http://example.com", InvalidPasskeyConfig::Origin),
            (
                "example.com",
                "https://example.com/",
                InvalidPasskeyConfig::Origin,
            ),
            (
                "example.com",
                "https://example.com/login",
                InvalidPasskeyConfig::Origin,
            ),
            (
                "example.com",
                "https://user@example.com",
                InvalidPasskeyConfig::Origin,
            ),
            ("example.com", "https://EXAMPLE.com", InvalidPasskeyConfig::Origin),
            ("example.com", "https://127.0.0.1", InvalidPasskeyConfig::Origin),
            ("example.com", "example.com", InvalidPasskeyConfig::Origin),
            ("com", "https://example.com", InvalidPasskeyConfig::RelyingParty),
            (
                "127.0.0.1",
                "https://127.0.0.1",
                InvalidPasskeyConfig::RelyingParty,
            ),
            (
                "Example.com",
                "https://example.com",
                InvalidPasskeyConfig::RelyingParty,
            ),
            ("", "https://example.com", InvalidPasskeyConfig::RelyingParty),
            (
                ".example.com",
                "https://example.com",
                InvalidPasskeyConfig::RelyingParty,
            ),
        ] {
            let refused = PasskeyConfig::new(rp_id, [origin]).unwrap_err();
            assert_eq!(refused, error, "{rp_id} {origin}");
        }
    }

    #[test]
    fn there_is_an_origin_and_there_are_not_many() {
        let none: [&str; 0] = [];
        let many = (0..17).map(|at| format!("https://a{at}.example.com"));

        assert_eq!(
            PasskeyConfig::new("example.com", none).unwrap_err(),
            InvalidPasskeyConfig::Origins
        );
        assert_eq!(
            PasskeyConfig::new("example.com", many).unwrap_err(),
            InvalidPasskeyConfig::Origins
        );
    }
}
