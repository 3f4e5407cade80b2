//! A passphrase, and the key that it becomes.

use std::fmt;
use std::sync::Arc;

use pbkdf2::{Algorithm, Params, pbkdf2_hmac_with_params};
use subtle::ConstantTimeEq as _;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use super::error::RootKeyError;
use super::phc::{Phc, SALT_BYTES};
use super::root_key::RootKey;
use super::weak::passphrase_weakness;

/// Iterations of PBKDF2-HMAC-SHA256 for a new key: what OWASP asks for, about 100 ms of one core.
pub const PASSPHRASE_ITERATIONS: u32 = 600_000;

/// A passphrase from which a root key is derived.
///
/// At least fifteen characters and not a common one. It is normalised (Unicode NFKC), so that it may be typed on another keyboard; a line
/// end behind it is not part of it, so that it may come from a file.
///
/// ```
/// use platform_crypto::Passphrase;
///
/// assert!(Passphrase::new("nine lanterns over a quiet harbour\n").is_ok());
/// assert!(Passphrase::new("Password-Password-1").is_err());
/// ```
#[derive(Clone)]
pub struct Passphrase(Arc<Zeroizing<String>>);

impl Passphrase {
    /// Checks and keeps a passphrase.
    ///
    /// # Errors
    /// [`RootKeyError::Weak`] when it is short, common or made of few characters.
    pub fn new(text: &str) -> Result<Self, RootKeyError> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        // Room enough that growing leaves no copy behind, but for characters that decompose into more than four.
        let mut normalised = Zeroizing::new(String::with_capacity(4 * text.len()));
        normalised.extend(text.nfkc());
        match passphrase_weakness(&normalised) {
            Some(weakness) => Err(RootKeyError::Weak(weakness)),
            None => Ok(Self(Arc::new(normalised))),
        }
    }

    /// Derives a new root key. Slow on purpose: not for the asynchronous workers.
    pub(super) fn derive(&self, iterations: u32, salt: [u8; SALT_BYTES]) -> (RootKey, Phc) {
        let mut bytes = Zeroizing::new([0; 32]);
        let params = Params::new(iterations).expect("as many iterations as a passphrase needs are accepted");
        let sha256 = Algorithm::Pbkdf2Sha256;
        pbkdf2_hmac_with_params(self.0.as_bytes(), &salt, sha256, params, bytes.as_mut_slice());
        let key = RootKey::new("passphrase", &bytes);
        let check = key.check();
        (
            key,
            Phc {
                iterations,
                salt,
                check,
            },
        )
    }

    /// The root key that the parameters describe, if this is its passphrase. As slow.
    pub(super) fn verify(&self, phc: &Phc) -> Option<RootKey> {
        let (key, derived) = self.derive(phc.iterations, phc.salt);
        bool::from(derived.check.ct_eq(&phc.check)).then_some(key)
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}
