//! The private half of a key.

use std::fmt::{self, Debug};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use platform_core::Sources;
use platform_crypto::Secret;
use zeroize::Zeroizing;

use super::key::ED25519;
use crate::key::{DerivedKey, derive};
use crate::{InvalidKeyName, KeyName, NoteKeyId, NoteSignature, VerifierKey};

const TEXT_PREFIX: &str = "PRIVATE+KEY+";
const SEED_BYTES: usize = 32;
const KEY_CHARS: usize = 44;

/// Signs notes under a name. Its memory is overwritten when it is dropped, and its `Debug` shows the name and id alone.
///
/// ```
/// use platform_audit::{NoteSigner, SignedNote, Verifiers};
/// use platform_core::Sources;
///
/// let signer = NoteSigner::generate("audit.example.com/acme".parse()?, &Sources::system());
/// let note = SignedNote::sign("all is well\n", &[&signer])?;
/// let verified = note.verify(&Verifiers::from(signer.verifier_key()))?;
/// assert_eq!(verified.text(), "all is well\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct NoteSigner {
    verifier: VerifierKey,
    key: SigningKey,
}

/// A text is not the private half of a key. The error says nothing of what is in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignerKeyError {
    /// The text has another form.
    #[error("a signer key is PRIVATE+KEY+name+id+base64")]
    Malformed,
    /// The name cannot stand in a note.
    #[error(transparent)]
    Name(#[from] InvalidKeyName),
    /// It is a key of another algorithm.
    #[error("the key is not of type Ed25519")]
    UnknownType,
    /// The id is that of another key or name: the text was damaged or put together wrongly.
    #[error("the id does not belong to the key")]
    WrongId,
}

impl NoteSigner {
    /// Makes a new key. Keep its [`to_text`](Self::to_text) where no one who can write the database can read it.
    pub fn generate(name: KeyName, sources: &Sources) -> Self {
        Self::from_seed(name, &Zeroizing::new(sources.bytes()))
    }

    fn from_seed(name: KeyName, seed: &[u8; SEED_BYTES]) -> Self {
        let key = SigningKey::from_bytes(seed);
        Self {
            verifier: VerifierKey::new(name, key.verifying_key()),
            key,
        }
    }

    /// The same key under another name, and so with another id: one key can serve the logs of many tenants, while a checkpoint of
    /// one of them is not accepted for another.
    #[must_use]
    pub fn renamed(&self, name: KeyName) -> Self {
        Self::from_seed(name, self.key.as_bytes())
    }

    /// Reads a key from `PRIVATE+KEY+name+id+base64`.
    ///
    /// # Errors
    /// [`SignerKeyError`] when it is not a key.
    pub fn from_text(text: &Secret<String>) -> Result<Self, SignerKeyError> {
        let rest = text
            .expose()
            .strip_prefix(TEXT_PREFIX)
            .ok_or(SignerKeyError::Malformed)?;
        let mut parts = rest.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(SignerKeyError::Malformed);
        };
        let name: KeyName = name.parse()?;
        let id = NoteKeyId::parse(id).ok_or(SignerKeyError::Malformed)?;
        let key = Zeroizing::new(STANDARD.decode(key).map_err(|_| SignerKeyError::Malformed)?);
        let seed = match key.split_first() {
            Some((&ED25519, seed)) => seed.try_into().map_err(|_| SignerKeyError::Malformed)?,
            Some(_) => return Err(SignerKeyError::UnknownType),
            None => return Err(SignerKeyError::Malformed),
        };
        let signer = Self::from_seed(name, seed);
        if signer.verifier.id() == id {
            Ok(signer)
        } else {
            Err(SignerKeyError::WrongId)
        }
    }

    /// The key as text, for a file or a store of secrets.
    pub fn to_text(&self) -> Secret<String> {
        let mut key = Zeroizing::new([ED25519; 1 + SEED_BYTES]);
        key[1..].copy_from_slice(self.key.as_bytes());
        let mut base64 = Zeroizing::new([0; KEY_CHARS]);
        let written = STANDARD.encode_slice(key.as_slice(), base64.as_mut_slice());
        debug_assert_eq!(written, Ok(KEY_CHARS), "33 bytes are 44 characters");
        let public = format!("{TEXT_PREFIX}{}+{}+", self.verifier.name(), self.verifier.id());
        // Of the full length from the start: a text that grows leaves copies of itself behind.
        let mut text = String::with_capacity(public.len() + KEY_CHARS);
        text.push_str(&public);
        text.extend(base64.iter().copied().map(char::from));
        Secret::new(text)
    }

    /// The name it signs under.
    pub const fn name(&self) -> &KeyName {
        self.verifier.name()
    }

    /// The public half, to be published.
    pub fn verifier_key(&self) -> VerifierKey {
        self.verifier.clone()
    }

    /// A key for another use, from which nobody can tell this one (HKDF-SHA256 with `label`).
    pub(crate) fn derive(&self, label: &[u8]) -> DerivedKey {
        derive(self.key.as_bytes(), label)
    }

    pub(super) fn sign(&self, text: &str) -> NoteSignature {
        NoteSignature::new(
            self.verifier.name().clone(),
            self.verifier.id(),
            self.key.sign(text.as_bytes()).to_bytes().to_vec(),
        )
    }
}

impl Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "NoteSigner({}, key {})",
            self.verifier.name(),
            self.verifier.id()
        )
    }
}
