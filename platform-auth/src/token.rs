//! The form of the tokens that are shown to clients, and the token of a session.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform_core::secrecy::{ExposeSecret, SecretString};
use platform_core::uuid::Uuid;
use platform_core::{Sources, TenantId};
use sha2::{Digest, Sha256};

const PREFIX: &str = "pst1_";
const TENANT_AT: usize = 5;
const SECRET_AT: usize = 28;
const CHECKED_BYTES: usize = 71;
const CHECKSUM_AT: usize = 72;
const TOKEN_BYTES: usize = 78;

/// A session token: what a client shows with every call. Only its SHA-256 is stored.
///
/// | offset | length | holds |
/// |---:|---:|---|
/// | 0 | 5 | `pst1_`: the kind and version, for secret scanners |
/// | 5 | 22 | the tenant's id, base64url (RFC 4648, section 5) without padding |
/// | 27 | 1 | `_` |
/// | 28 | 43 | 32 random bytes, base64url without padding |
/// | 71 | 1 | `_` |
/// | 72 | 6 | CRC-32 (ISO-HDLC) of the first 71 bytes, big-endian, base64url without padding |
///
/// The parts are found by their offsets: `_` is a digit of base64url too. The tenant stands in the token, so that it is known before
/// the first query; it is not trusted for more than that, because the hash is looked up within that tenant. The checksum keeps
/// a mistyped or cut token from costing a query; anybody can compute it.
pub struct SessionToken(TokenText);

/// The text of a token of some kind, which its first five characters name.
pub(crate) struct TokenText {
    tenant: TenantId,
    text: SecretString,
}

/// A text is not a session token: wrong length, alphabet, prefix or checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a session token")]
pub struct InvalidToken;

impl SessionToken {
    /// Draws a new token for a session of this tenant.
    pub fn generate(tenant: TenantId, sources: &Sources) -> Self {
        Self(TokenText::generate(PREFIX, tenant, sources))
    }

    /// Reads a token. Says nothing about whether such a session exists.
    ///
    /// # Errors
    /// [`InvalidToken`], whatever is wrong.
    pub fn parse(text: &str) -> Result<Self, InvalidToken> {
        TokenText::parse(PREFIX, text).map(Self)
    }

    /// The tenant whose session it claims to be.
    pub fn tenant(&self) -> TenantId {
        self.0.tenant
    }

    /// The token itself, to be sent to the client once.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What is stored and looked up.
    pub(crate) fn hash(&self) -> [u8; 32] {
        self.0.hash()
    }
}

/// Prints nothing of the token.
impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(****)")
    }
}

impl TokenText {
    /// Draws a token; `prefix` has five characters.
    pub(crate) fn generate(prefix: &str, tenant: TenantId, sources: &Sources) -> Self {
        let secret: [u8; 32] = sources.bytes();
        let mut text = String::with_capacity(TOKEN_BYTES);
        text.push_str(prefix);
        URL_SAFE_NO_PAD.encode_string(tenant.as_uuid().as_bytes(), &mut text);
        text.push('_');
        URL_SAFE_NO_PAD.encode_string(secret, &mut text);
        let checksum = checksum(text.as_bytes());
        text.push('_');
        text.push_str(&checksum);
        Self {
            tenant,
            text: text.into(),
        }
    }

    pub(crate) fn parse(prefix: &str, text: &str) -> Result<Self, InvalidToken> {
        if text.len() != TOKEN_BYTES || !text.is_ascii() || !text.starts_with(prefix) {
            return Err(InvalidToken);
        }
        let part = |from: usize, to: usize| text.get(from..to).ok_or(InvalidToken);
        if part(27, 28)? != "_" || part(CHECKED_BYTES, CHECKSUM_AT)? != "_" {
            return Err(InvalidToken);
        }
        if checksum(part(0, CHECKED_BYTES)?.as_bytes()) != part(CHECKSUM_AT, TOKEN_BYTES)? {
            return Err(InvalidToken);
        }
        let tenant = decode::<16>(part(TENANT_AT, TENANT_AT + 22)?)?;
        decode::<32>(part(SECRET_AT, SECRET_AT + 43)?)?;
        Ok(Self {
            tenant: TenantId::from_stored(Uuid::from_bytes(tenant)),
            text: text.into(),
        })
    }

    pub(crate) fn tenant(&self) -> TenantId {
        self.tenant
    }

    pub(crate) fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.expose().as_bytes()).into()
    }
}

fn checksum(checked: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(crc32fast::hash(checked).to_be_bytes())
}

/// Decodes exactly `N` bytes; base64 with set bits past the end is not canonical and refused.
fn decode<const N: usize>(text: &str) -> Result<[u8; N], InvalidToken> {
    // The decoder asks for room in steps of three bytes.
    let mut buffer = [0; 33];
    let length = URL_SAFE_NO_PAD
        .decode_slice(text, &mut buffer)
        .map_err(|_| InvalidToken)?;
    buffer
        .get(..length)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(InvalidToken)
}

#[cfg(test)]
mod tests {
    use platform_core::{OsRandom, SystemClock};
    use proptest::prelude::*;

    use super::*;

    fn token() -> SessionToken {
        let sources = Sources::new(SystemClock, OsRandom);
        SessionToken::generate(TenantId::generate(&sources), &sources)
    }

    #[test]
    fn a_token_is_read_back_with_its_tenant() {
        let token = token();

        let read = SessionToken::parse(token.expose()).unwrap();

        assert_eq!(token.expose().len(), TOKEN_BYTES);
        assert_eq!(read.tenant(), token.tenant());
        assert_eq!(read.hash(), token.hash());
    }

    #[test]
    fn a_token_with_any_one_character_changed_is_refused() {
        let token = token();

        for at in 0..TOKEN_BYTES {
            for other in ["A", "_", "-", "=", "+", "/", ".", "~", " "] {
                let mut mutated = token.expose().to_owned();
                mutated.replace_range(at..=at, other);
                if mutated != token.expose() {
                    assert!(SessionToken::parse(&mutated).is_err(), "{other} at {at}");
                }
            }
        }
    }

    #[test]
    fn a_token_that_is_cut_lengthened_or_reordered_is_refused() {
        let token = token();
        let text = token.expose();

        for length in 0..TOKEN_BYTES {
            assert!(SessionToken::parse(&text[..length]).is_err(), "{length}");
        }
        for mutated in [
            format!("{text}="),
            format!(" {text}"),
            format!("{text}\n"),
            text.to_uppercase(),
            text.repeat(2),
        ] {
            assert!(SessionToken::parse(&mutated).is_err(), "{mutated}");
        }
    }

    #[test]
    fn a_non_canonical_end_with_a_right_checksum_is_refused() {
        let sources = Sources::system();
        let nil = TenantId::from_stored(Uuid::nil());
        let token = SessionToken::generate(nil, &sources);

        let mut body = token.expose()[..CHECKED_BYTES].to_owned();
        body.replace_range(26..27, "B");
        let forged = format!("{body}_{}", checksum(body.as_bytes()));

        assert!(SessionToken::parse(&forged).is_err());
    }

    #[test]
    fn debugging_a_token_prints_nothing_of_it() {
        assert_eq!(format!("{:?}", token()), "SessionToken(****)");
    }

    proptest! {
        #[test]
        fn reading_any_text_never_panics(text in any::<String>()) {
            prop_assert!(SessionToken::parse(&text).is_err());
        }

        #[test]
        fn reading_any_text_of_the_right_length_never_panics(text in r"pst1_[A-Za-z0-9_-]{22}_[A-Za-z0-9_-]{43}_[A-Za-z0-9_-]{6}|\PC{78}") {
            if let Ok(token) = SessionToken::parse(&text) {
                prop_assert_eq!(token.expose(), text);
            }
        }
    }
}
