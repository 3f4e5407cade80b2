//! What a log signs: its name, how many leaves it has, and the root over them.

use crate::{KeyName, MalformedNote, NodeHash, NoteSigner, NoteUnverified, SignedNote, TreeHead, Verifiers};

/// The head of a log at one moment. Only [`open`](Self::open) gives one that a log has signed.
///
/// ```
/// use platform_audit::{Checkpoint, LeafHash, NoteSigner, TreeHead, Verifiers};
/// use platform_core::Sources;
///
/// let signer = NoteSigner::generate("audit.example.com/acme".parse()?, &Sources::system());
/// let head = TreeHead { size: 1, root: LeafHash::of(b"the first event").into() };
/// let note = Checkpoint::new(signer.name().clone(), head).sign(&signer)?.to_string();
///
/// let opened = Checkpoint::open(&note, signer.name(), &Verifiers::from(signer.verifier_key()))?;
/// assert_eq!(opened.head(), &head);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: KeyName,
    head: TreeHead,
    extensions: Vec<String>,
}

/// A checkpoint was not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The key belongs to another log.
    #[error("the key {key} does not sign for {origin}")]
    ForeignKey {
        /// The log.
        origin: KeyName,
        /// The key's name.
        key: KeyName,
    },
    /// An extension line is empty or holds a control character, or the note would be too long.
    #[error(transparent)]
    Note(#[from] MalformedNote),
}

/// A note is not a checkpoint of the wanted log. Nothing in it is to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointInvalid {
    /// The text is not a note.
    #[error(transparent)]
    Malformed(#[from] MalformedNote),
    /// No trusted key has signed it, or a signature is wrong.
    #[error(transparent)]
    Unverified(#[from] NoteUnverified),
    /// The note is signed, but it is no checkpoint.
    #[error("the note is not a checkpoint: origin, size, root and extension lines")]
    NotACheckpoint,
    /// It is the checkpoint of another log.
    #[error("the checkpoint is that of another log than {wanted}")]
    WrongOrigin {
        /// The log that was asked for.
        wanted: KeyName,
    },
    /// Other trusted keys have signed it, but none in the name of the log.
    #[error("no key of {wanted} has signed the checkpoint")]
    NotByTheLog {
        /// The log that was asked for.
        wanted: KeyName,
    },
}

impl Checkpoint {
    /// The checkpoint of the log `origin` with this head.
    pub const fn new(origin: KeyName, head: TreeHead) -> Self {
        Self {
            origin,
            head,
            extensions: Vec::new(),
        }
    }

    /// Adds a line below the root. Monitors cannot check it, so C2SP advises against it.
    #[must_use]
    pub fn extension(mut self, line: impl Into<String>) -> Self {
        self.extensions.push(line.into());
        self
    }

    /// The log's name.
    pub const fn origin(&self) -> &KeyName {
        &self.origin
    }

    /// The size and root.
    pub const fn head(&self) -> &TreeHead {
        &self.head
    }

    /// The lines below the root, without their newlines.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// The text that is signed.
    pub fn to_text(&self) -> String {
        let TreeHead { size, root } = &self.head;
        let mut text = format!("{}\n{size}\n{}\n", self.origin, root.to_base64());
        for line in &self.extensions {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Signs it with the key of the log, which has the log's name.
    ///
    /// Whoever calls this has made sure that every checkpoint the log has signed before is a prefix of this one.
    ///
    /// # Errors
    /// [`CheckpointError`] for the key of another log and for extension lines that cannot be.
    pub fn sign(&self, signer: &NoteSigner) -> Result<SignedNote, CheckpointError> {
        if signer.name() != &self.origin {
            return Err(CheckpointError::ForeignKey {
                origin: self.origin.clone(),
                key: signer.name().clone(),
            });
        }
        let text = self.to_text();
        if parse(&text).as_ref() != Some(self) {
            return Err(MalformedNote::Text.into());
        }
        Ok(SignedNote::sign(&text, &[signer])?)
    }

    /// Reads a checkpoint of the log `origin` that a trusted key of this name has signed.
    ///
    /// Name and keys come from the verifier's own configuration, never from whoever sent the note. A key signs for the log it is
    /// named after and for no other; signatures by unknown keys, such as those of witnesses, are skipped.
    ///
    /// # Errors
    /// [`CheckpointInvalid`]: nothing in the note is to be believed.
    pub fn open(note: &str, origin: &KeyName, verifiers: &Verifiers) -> Result<Self, CheckpointInvalid> {
        Self::of_note(&note.parse()?, origin, verifiers)
    }

    /// The same for a note that is parsed already.
    ///
    /// # Errors
    /// [`CheckpointInvalid`], as for [`open`](Self::open).
    pub fn of_note(
        note: &SignedNote,
        origin: &KeyName,
        verifiers: &Verifiers,
    ) -> Result<Self, CheckpointInvalid> {
        let verified = note.verify(verifiers)?;
        let checkpoint = parse(verified.text()).ok_or(CheckpointInvalid::NotACheckpoint)?;
        if &checkpoint.origin != origin {
            return Err(CheckpointInvalid::WrongOrigin {
                wanted: origin.clone(),
            });
        }
        if !verified.is_signed_by(origin) {
            return Err(CheckpointInvalid::NotByTheLog {
                wanted: origin.clone(),
            });
        }
        Ok(checkpoint)
    }
}

fn parse(text: &str) -> Option<Checkpoint> {
    let mut lines = text.strip_suffix('\n')?.split('\n');
    let origin = lines.next()?.parse().ok()?;
    let size = parse_decimal(lines.next()?)?;
    let root = NodeHash::from_base64(lines.next()?).ok()?;
    let extensions: Vec<String> = lines.map(str::to_owned).collect();
    let no_blank_line = extensions.iter().all(|line| !line.is_empty());
    no_blank_line.then_some(Checkpoint {
        origin,
        head: TreeHead { size, root },
        extensions,
    })
}

/// Reads a number in its one spelling: digits without a sign and without zeros before them.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}
