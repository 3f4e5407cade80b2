//! The manifest of an export, which the log has signed and keeps.

use std::io::{self, Read};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::lines::hex;
use super::manifest::FORMAT as EXPORT_FORMAT;
use crate::{CanonicalJson, KeyName, MalformedNote, NoteUnverified, SignedNote, Trust};

const FORMAT: &str = "platform-audit-manifest@v1";

/// What a log has signed about a finished export, of whatever format.
///
/// ```
/// use platform_audit::{ExportManifest, ExportManifestInvalid, NoteSigner, SignedNote, Trust};
/// use platform_core::Sources;
///
/// let signer = NoteSigner::generate("audit.example.com/audit/acme".parse()?, &Sources::system());
/// let sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
/// let json = format!(r#"{{"checkpoint_size":7,"events":1,"filter":{{}},"format":"platform-audit-csv@v1","sha256":"{sha256}"}}"#);
/// let text = format!("platform-audit-manifest@v1\n{}\n{json}\n", signer.name());
/// let note = SignedNote::sign(&text, &[&signer])?.to_string();
///
/// let trust = Trust::new(signer.name().clone(), signer.verifier_key());
/// let manifest = ExportManifest::open(&note, &trust)?;
/// manifest.check(&b"hello"[..])?;
/// assert_eq!(manifest.events, 1);
/// assert!(matches!(manifest.check(&b"hell"[..]), Err(ExportManifestInvalid::AnotherFile)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ExportManifest {
    /// The format of the file.
    pub format: String,
    /// How many events are in it.
    pub events: u64,
    /// The size of the checkpoint up to which it was exported.
    pub checkpoint_size: u64,
    /// The SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// The id of the export, where it is said; so with all that follow.
    pub export_id: Option<String>,
    /// `whole` for every position from `first_seq` on up to the checkpoint, `selected` for single events, `subject` for those about a
    /// person.
    pub selection: Option<String>,
    /// The first position of a whole export.
    pub first_seq: Option<u64>,
    /// How many events the file shows as their hash alone.
    pub withheld: Option<u64>,
    /// How many positions of deleted events are in it.
    pub pruned: Option<u64>,
    /// How long the file is.
    pub bytes: Option<u64>,
    /// Which events were asked for, and whatever else it says: canonical JSON.
    #[serde(skip)]
    pub json: String,
}

/// What an export itself says, and what was counted in it.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) export_id: &'a str,
    pub(super) selection: &'static str,
    pub(super) first_seq: u64,
    pub(super) checkpoint_size: u64,
    pub(super) events: u64,
    pub(super) withheld: u64,
    pub(super) pruned: u64,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// A file is not the one that the log has given out, or nobody can say that it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportManifestInvalid {
    /// The text is not a note.
    #[error(transparent)]
    Malformed(#[from] MalformedNote),
    /// No trusted key has signed it, or a signature is wrong.
    #[error(transparent)]
    Unverified(#[from] NoteUnverified),
    /// The note is signed, but it is not the manifest of an export, or one of an unknown version.
    #[error("the note is not the manifest of an export")]
    NotAManifest,
    /// It is the manifest of an export of another log, or the log itself has not signed it.
    #[error("the manifest is not one of {wanted}")]
    WrongOrigin {
        /// The log that is trusted.
        wanted: KeyName,
    },
    /// The file cannot be read.
    #[error("the exported file cannot be read")]
    Read(#[source] io::Error),
    /// The file is not the one that the manifest is about: it was changed, or is another.
    #[error("the file is not the one of the manifest")]
    AnotherFile,
}

impl ExportManifest {
    /// Reads a manifest that the trusted log has signed.
    ///
    /// # Errors
    /// [`ExportManifestInvalid`]: nothing in it is to be believed.
    pub fn open(note: &str, trust: &Trust) -> Result<Self, ExportManifestInvalid> {
        let note: SignedNote = note.parse()?;
        let verified = note.verify(&trust.verifiers)?;
        let lines: Vec<&str> = verified.text().split_terminator('\n').collect();
        let [FORMAT, origin, json] = lines[..] else {
            return Err(ExportManifestInvalid::NotAManifest);
        };
        if origin != trust.origin.as_str() || !verified.is_signed_by(&trust.origin) {
            return Err(ExportManifestInvalid::WrongOrigin {
                wanted: trust.origin.clone(),
            });
        }
        let canonical = CanonicalJson::parse(json).map_err(|_| ExportManifestInvalid::NotAManifest)?;
        let manifest: Self = serde_json::from_str(json).map_err(|_| ExportManifestInvalid::NotAManifest)?;
        if canonical.as_str() != json {
            return Err(ExportManifestInvalid::NotAManifest);
        }
        Ok(Self {
            json: json.to_owned(),
            ..manifest
        })
    }

    /// What in a file is not as it was signed.
    pub(super) fn contradicted_by(&self, found: &Found<'_>) -> Vec<&'static str> {
        let number = |said: Option<u64>, found: u64| said.is_none_or(|said| said == found);
        let text = |said: Option<&str>, found: &str| said.is_none_or(|said| said == found);
        // Of a person's events every one has its own proof, as in any selection.
        let selection = self.selection.as_deref().filter(|said| *said != "subject");
        let holds = [
            ("format", self.format == EXPORT_FORMAT),
            ("export_id", text(self.export_id.as_deref(), found.export_id)),
            ("selection", text(selection, found.selection)),
            ("first_seq", number(self.first_seq, found.first_seq)),
            ("checkpoint_size", self.checkpoint_size == found.checkpoint_size),
            ("events", self.events == found.events),
            ("withheld", number(self.withheld, found.withheld)),
            ("pruned", number(self.pruned, found.pruned)),
            ("bytes", number(self.bytes, found.bytes)),
            ("sha256", self.sha256 == found.sha256),
        ];
        let wrong = holds.into_iter().filter(|(_, holds)| !holds);
        wrong.map(|(member, _)| member).collect()
    }

    /// Checks that these are the bytes of the exported file.
    ///
    /// # Errors
    /// [`ExportManifestInvalid::AnotherFile`] when they are not, [`ExportManifestInvalid::Read`] when they cannot be read.
    pub fn check(&self, mut file: impl Read) -> Result<(), ExportManifestInvalid> {
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => hasher.update(&buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ExportManifestInvalid::Read(error)),
            }
        }
        if hex(&hasher.finalize()) == self.sha256 {
            Ok(())
        } else {
            Err(ExportManifestInvalid::AnotherFile)
        }
    }
}
