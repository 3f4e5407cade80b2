//! How a passphrase becomes a key, as a string to be stored.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

pub(super) const SALT_BYTES: usize = 16;
pub(super) const CHECK_BYTES: usize = 32;

/// Bounds on what a stored string may ask for: less was never written, more would hold up the start for minutes.
const ITERATIONS_MIN: u32 = 10_000;
const ITERATIONS_MAX: u32 = 10_000_000;

/// Parameters of PBKDF2-HMAC-SHA256 and a check of the key, written `$pbkdf2-sha256$i=600000,l=32$<salt>$<check>` with salt and check in
/// base64 without padding (the PHC string format).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Phc {
    pub(super) iterations: u32,
    pub(super) salt: [u8; SALT_BYTES],
    pub(super) check: [u8; CHECK_BYTES],
}

/// A stored string has another form, another function or parameters out of bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored parameters are not $pbkdf2-sha256$i=<iterations>,l=32$<salt>$<check>")]
pub(super) struct InvalidPhc;

impl FromStr for Phc {
    type Err = InvalidPhc;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut fields = text.split('$');
        let ("", "pbkdf2-sha256", parameters, salt, check, None) = (
            fields.next().ok_or(InvalidPhc)?,
            fields.next().ok_or(InvalidPhc)?,
            fields.next().ok_or(InvalidPhc)?,
            fields.next().ok_or(InvalidPhc)?,
            fields.next().ok_or(InvalidPhc)?,
            fields.next(),
        ) else {
            return Err(InvalidPhc);
        };
        let iterations = parameters
            .strip_prefix("i=")
            .and_then(|rest| rest.strip_suffix(",l=32"))
            .and_then(|digits| digits.parse().ok())
            .filter(|iterations| (ITERATIONS_MIN..=ITERATIONS_MAX).contains(iterations))
            .ok_or(InvalidPhc)?;
        Ok(Self {
            iterations,
            salt: decode(salt)?,
            check: decode(check)?,
        })
    }
}

impl fmt::Display for Phc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let salt = STANDARD_NO_PAD.encode(self.salt);
        let check = STANDARD_NO_PAD.encode(self.check);
        write!(f, "$pbkdf2-sha256$i={},l=32${salt}${check}", self.iterations)
    }
}

fn decode<const N: usize>(text: &str) -> Result<[u8; N], InvalidPhc> {
    let bytes = STANDARD_NO_PAD.decode(text).map_err(|_| InvalidPhc)?;
    bytes.try_into().map_err(|_| InvalidPhc)
}
