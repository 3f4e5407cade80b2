//! What the log signs of an archived month.

use serde::{Deserialize, Serialize};

use crate::export::sign_manifest;
use crate::{KeyName, MANIFEST_FORMAT, NoteSigner, SignedNote, Verifiers};

/// The longest manifest that is read.
pub(super) const MANIFEST_BYTES_MAX: u64 = 64 * 1024;

/// What the log signs of a month: which positions are in which file, and what the file is.
///
/// As a signed note its text has three lines: the name of the format, the name of the log, and this in canonical JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ArchiveManifest {
    /// The month, `2026-11`.
    pub month: String,
    /// The file beside the manifest.
    pub file: String,
    /// The format of what is in it, once it is unpacked.
    pub format: String,
    /// The first position.
    pub first_seq: u64,
    /// The last.
    pub last_seq: u64,
    /// Events in it.
    pub events: u64,
    /// Positions without an event, because it was pruned before.
    pub leaves: u64,
    /// The size of the checkpoint in it, whose root the positions lead to.
    pub checkpoint_size: u64,
    /// SHA-256 over the unpacked lines without the last, in hexadecimal; the last line says the same.
    pub sha256: String,
    /// The length of the file in bytes.
    pub packed_bytes: u64,
    /// SHA-256 over the file, in hexadecimal.
    pub packed_sha256: String,
}

/// A text is not a manifest that the log has signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the manifest is not one that the log has signed")]
pub struct ArchiveManifestInvalid;

impl ArchiveManifest {
    /// Reads a manifest of the log `origin` that a trusted key of this name has signed. Both come from the reader's own configuration.
    ///
    /// # Errors
    /// [`ArchiveManifestInvalid`]: nothing in it is to be believed.
    pub fn open(note: &str, origin: &KeyName, verifiers: &Verifiers) -> Result<Self, ArchiveManifestInvalid> {
        let note: SignedNote = note.parse().map_err(|_| ArchiveManifestInvalid)?;
        let verified = note.verify(verifiers).map_err(|_| ArchiveManifestInvalid)?;
        let text = verified.text();
        let signed_by_log = verified.is_signed_by(origin);
        let json = text
            .strip_prefix(MANIFEST_FORMAT)
            .and_then(|rest| rest.strip_prefix('\n'))
            .and_then(|rest| rest.strip_prefix(origin.as_str()))
            .and_then(|rest| rest.strip_prefix('\n'))
            .and_then(|rest| rest.strip_suffix('\n'));
        match json {
            Some(json) if signed_by_log => serde_json::from_str(json).map_err(|_| ArchiveManifestInvalid),
            _ => Err(ArchiveManifestInvalid),
        }
    }

    pub(super) fn sign(&self, signer: &NoteSigner) -> Option<SignedNote> {
        sign_manifest(self, signer).ok()
    }
}
