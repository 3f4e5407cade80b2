//! Who signs a note: names, key ids, and the public half of a key.

use std::fmt::{self, Debug, Display};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

/// The longest name of a key.
pub const KEY_NAME_BYTES_MAX: usize = 256;

/// The type byte of Ed25519 in keys and key ids.
pub(super) const ED25519: u8 = 0x01;

/// The name of a key, and so of the log that signs with it: a URL without its scheme, such as `audit.example.com/018f2b6e`.
///
/// It is 1 to 256 bytes of UTF-8 without white space, control characters and `+`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

/// A name that cannot stand in a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key name has 1 to {KEY_NAME_BYTES_MAX} bytes without white space, control characters and '+'")]
pub struct InvalidKeyName;

impl KeyName {
    /// The name as it stands in a note.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = InvalidKeyName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let refused = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if name.is_empty() || name.len() > KEY_NAME_BYTES_MAX || name.contains(refused) {
            return Err(InvalidKeyName);
        }
        Ok(Self(name.to_owned()))
    }
}

impl Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Four bytes that tell keys of one name apart. Not a commitment: anybody can make a key with a wanted id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoteKeyId([u8; 4]);

impl NoteKeyId {
    pub(super) const fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    pub(super) const fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }

    pub(super) fn of(name: &KeyName, public_key: &[u8; 32]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(name.as_str());
        hasher.update([b'\n', ED25519]);
        hasher.update(public_key);
        let [a, b, c, d, ..]: [u8; 32] = hasher.finalize().into();
        Self([a, b, c, d])
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let id = Self(u32::from_str_radix(text, 16).ok()?.to_be_bytes());
        (id.to_string() == text).then_some(id)
    }
}

impl Display for NoteKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Debug for NoteKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteKeyId({self})")
    }
}

/// The public half of a key, as a verifier is configured with it: `name+id+base64`.
///
/// ```
/// use platform_audit::VerifierKey;
///
/// let key: VerifierKey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".parse()?;
/// assert_eq!(key.name().as_str(), "example.com/foo");
/// # Ok::<(), platform_audit::VerifierKeyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: KeyName,
    id: NoteKeyId,
    key: VerifyingKey,
}

/// A text is not the public half of a key that can be used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifierKeyError {
    /// The text has another form.
    #[error("a verifier key is name+id+base64, the id 8 hexadecimal digits")]
    Malformed,
    /// The name cannot stand in a note.
    #[error(transparent)]
    Name(#[from] InvalidKeyName),
    /// It is a key of another algorithm.
    #[error("the key is of type {0:#04x}, not Ed25519")]
    UnknownType(u8),
    /// The id is that of another key or name: the text was damaged or put together wrongly.
    #[error("the id does not belong to the key")]
    WrongId,
    /// The bytes are no point of the curve, or one for which signatures prove nothing.
    #[error("the key is not a sound Ed25519 key")]
    Unsound,
}

impl VerifierKey {
    pub(super) fn new(name: KeyName, key: VerifyingKey) -> Self {
        let id = NoteKeyId::of(&name, key.as_bytes());
        Self { name, id, key }
    }

    /// Its name.
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// Its id.
    pub const fn id(&self) -> NoteKeyId {
        self.id
    }

    /// RFC 8032, section 5.1.7, without the points of small order that it leaves open.
    pub(super) fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(text.as_bytes(), &signature).is_ok())
    }
}

impl FromStr for VerifierKey {
    type Err = VerifierKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(VerifierKeyError::Malformed);
        };
        let name: KeyName = name.parse()?;
        let id = NoteKeyId::parse(id).ok_or(VerifierKeyError::Malformed)?;
        let key = STANDARD.decode(key).map_err(|_| VerifierKeyError::Malformed)?;
        let bytes = match key.split_first() {
            Some((&ED25519, bytes)) => bytes.try_into().map_err(|_| VerifierKeyError::Malformed)?,
            Some((&other, _)) => return Err(VerifierKeyError::UnknownType(other)),
            None => return Err(VerifierKeyError::Malformed),
        };
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| VerifierKeyError::Unsound)?;
        if key.is_weak() {
            return Err(VerifierKeyError::Unsound);
        }
        let found = Self::new(name, key);
        if found.id == id {
            Ok(found)
        } else {
            Err(VerifierKeyError::WrongId)
        }
    }
}

impl Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![ED25519];
        key.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, self.id, STANDARD.encode(key))
    }
}

/// The keys that a verifier trusts. No two have the same name and id.
#[derive(Debug, Clone, Default)]
pub struct Verifiers {
    keys: Vec<VerifierKey>,
}

/// Two trusted keys have the same name and id, so that a signature does not say which of them made it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("two verifier keys are both named {name} with id {id}")]
pub struct DuplicateKey {
    /// Their name.
    pub name: KeyName,
    /// Their id.
    pub id: NoteKeyId,
}

impl Verifiers {
    /// The keys, as they were given.
    pub fn keys(&self) -> &[VerifierKey] {
        &self.keys
    }

    /// Trusts these keys.
    ///
    /// # Errors
    /// [`DuplicateKey`] when two are named alike.
    pub fn new(keys: impl IntoIterator<Item = VerifierKey>) -> Result<Self, DuplicateKey> {
        let mut trusted = Self::default();
        for key in keys {
            if trusted.find(key.name.as_str(), key.id).is_some() {
                return Err(DuplicateKey {
                    name: key.name,
                    id: key.id,
                });
            }
            trusted.keys.push(key);
        }
        Ok(trusted)
    }

    pub(super) fn find(&self, name: &str, id: NoteKeyId) -> Option<&VerifierKey> {
        self.keys
            .iter()
            .find(|key| key.id == id && key.name.as_str() == name)
    }
}

impl From<VerifierKey> for Verifiers {
    fn from(key: VerifierKey) -> Self {
        Self { keys: vec![key] }
    }
}
