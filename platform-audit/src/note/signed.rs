//! Text with signatures below it.

use std::fmt::{self, Display};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{KeyName, NoteKeyId, NoteSigner, Verifiers};

/// The longest note that is read or made. 16 of the largest signatures there are, 5 kB each, fit twice.
pub const NOTE_BYTES_MAX: usize = 256 * 1024;

/// The most signatures that a note carries.
pub const SIGNATURES_MAX: usize = 64;

const LINE_PREFIX: &str = "\u{2014} ";
const ID_BYTES: usize = 4;

/// A note that was read or signed, whose signatures nobody has checked yet: its text is to be had from [`verify`](Self::verify).
///
/// Its `Display` is the note itself, byte for byte as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature of a note, of whatever algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: KeyName,
    id: NoteKeyId,
    bytes: Vec<u8>,
}

/// A text is not a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedNote {
    /// It is longer than [`NOTE_BYTES_MAX`].
    #[error("a note has at most {NOTE_BYTES_MAX} bytes")]
    TooLong,
    /// The text is empty, does not end with a newline, or holds a control character.
    #[error("the text of a note ends with a newline and has no other control character")]
    Text,
    /// There is no blank line with signatures below it.
    #[error("a note has signatures below its last blank line")]
    Unsigned,
    /// A line among the signatures is none.
    #[error("a signature line is a dash, a key name and base64")]
    SignatureLine,
    /// There are more than [`SIGNATURES_MAX`] signatures.
    #[error("a note has at most {SIGNATURES_MAX} signatures")]
    TooManySignatures,
}

/// A note is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteUnverified {
    /// No trusted key has signed it.
    #[error("no trusted key has signed the note")]
    NoTrustedSignature,
    /// A signature that names a trusted key is not by that key: the note was changed, or the signature forged.
    #[error("the signature by {name} is wrong")]
    WrongSignature {
        /// The key that is named.
        name: KeyName,
    },
}

/// The text of a note together with the trusted keys that have signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedNote<'a> {
    text: &'a str,
    signers: Vec<&'a KeyName>,
}

impl SignedNote {
    /// Signs a text with every one of the keys.
    ///
    /// # Errors
    /// [`MalformedNote`] when the text cannot be that of a note, or there are no keys or too many.
    pub fn sign(text: &str, signers: &[&NoteSigner]) -> Result<Self, MalformedNote> {
        check_text(text)?;
        let note = Self {
            text: text.to_owned(),
            signatures: signers.iter().map(|signer| signer.sign(text)).collect(),
        };
        note.check_size()
    }

    /// Adds a signature that somebody else made of this note's text: a witness, or the next key of the log.
    ///
    /// # Errors
    /// [`MalformedNote`] when there are too many.
    pub fn with_signature(mut self, signature: NoteSignature) -> Result<Self, MalformedNote> {
        self.signatures.push(signature);
        self.check_size()
    }

    /// The signatures in order, checked or not.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Checks every signature that names a trusted key, and skips the others.
    ///
    /// # Errors
    /// [`NoteUnverified`] when one of them is wrong, or there is none.
    pub fn verify(&self, verifiers: &Verifiers) -> Result<VerifiedNote<'_>, NoteUnverified> {
        let mut signers = Vec::new();
        for signature in &self.signatures {
            let Some(key) = verifiers.find(signature.name.as_str(), signature.id) else {
                continue;
            };
            if !key.verifies(&self.text, &signature.bytes) {
                return Err(NoteUnverified::WrongSignature {
                    name: signature.name.clone(),
                });
            }
            signers.push(&signature.name);
        }
        if signers.is_empty() {
            return Err(NoteUnverified::NoTrustedSignature);
        }
        Ok(VerifiedNote {
            text: &self.text,
            signers,
        })
    }

    fn check_size(self) -> Result<Self, MalformedNote> {
        if self.signatures.is_empty() {
            return Err(MalformedNote::Unsigned);
        }
        if self.signatures.len() > SIGNATURES_MAX {
            return Err(MalformedNote::TooManySignatures);
        }
        if self.to_string().len() > NOTE_BYTES_MAX {
            return Err(MalformedNote::TooLong);
        }
        Ok(self)
    }
}

impl FromStr for SignedNote {
    type Err = MalformedNote;

    fn from_str(note: &str) -> Result<Self, Self::Err> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(MalformedNote::TooLong);
        }
        let blank = note.rfind("\n\n").ok_or(MalformedNote::Unsigned)?;
        let (text, below) = note.split_at(blank + 1);
        check_text(text)?;
        let lines = below
            .strip_prefix('\n')
            .and_then(|lines| lines.strip_suffix('\n'))
            .ok_or(MalformedNote::Unsigned)?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == SIGNATURES_MAX {
                return Err(MalformedNote::TooManySignatures);
            }
            signatures.push(line.parse()?);
        }
        Ok(Self {
            text: text.to_owned(),
            signatures,
        })
    }
}

impl Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

impl NoteSignature {
    pub(super) const fn new(name: KeyName, id: NoteKeyId, bytes: Vec<u8>) -> Self {
        Self { name, id, bytes }
    }

    /// The name of the key that it claims to be by.
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// The id of that key.
    pub const fn id(&self) -> NoteKeyId {
        self.id
    }
}

impl FromStr for NoteSignature {
    type Err = MalformedNote;

    /// Reads a signature line without its newline.
    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let (name, base64) = line
            .strip_prefix(LINE_PREFIX)
            .and_then(|line| line.split_once(' '))
            .ok_or(MalformedNote::SignatureLine)?;
        let name = name.parse().map_err(|_| MalformedNote::SignatureLine)?;
        let bytes = STANDARD
            .decode(base64)
            .map_err(|_| MalformedNote::SignatureLine)?;
        match bytes.split_first_chunk::<ID_BYTES>() {
            Some((id, signature)) if !signature.is_empty() => {
                Ok(Self::new(name, NoteKeyId::from_bytes(*id), signature.to_vec()))
            }
            _ => Err(MalformedNote::SignatureLine),
        }
    }
}

impl Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.id.as_bytes().as_slice(), &self.bytes].concat();
        write!(f, "{LINE_PREFIX}{} {}", self.name, STANDARD.encode(bytes))
    }
}

impl<'a> VerifiedNote<'a> {
    /// What was signed, the last newline included.
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// Whether a trusted key of this name has signed it.
    pub fn is_signed_by(&self, name: &KeyName) -> bool {
        self.signers.contains(&name)
    }
}

fn check_text(text: &str) -> Result<(), MalformedNote> {
    let control = |c: char| c < ' ' && c != '\n';
    if text.ends_with('\n') && !text.contains(control) {
        Ok(())
    } else {
        Err(MalformedNote::Text)
    }
}
