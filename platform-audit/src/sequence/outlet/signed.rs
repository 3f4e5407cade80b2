//! Who has signed what stands where checkpoints are published.

use platform_core::TenantId;

use crate::{Checkpoint, CheckpointInvalid, LogKey, NoteUnverified, SignedNote, TreeHead};

/// What a text is that stands for a tenant's checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signed {
    /// The log of the tenant has signed this head.
    ByLog(TreeHead),
    /// It is signed in the name of the tenant's log, by a key that this process does not have.
    ByUnknownKey,
    /// Neither.
    Not,
}

impl Signed {
    pub(super) fn read(note: &str, tenant: TenantId, key: &LogKey) -> Self {
        let origin = key.origin(tenant);
        match Checkpoint::open(note, &origin, &key.verifiers(tenant)) {
            Ok(opened) => return Self::ByLog(*opened.head()),
            Err(CheckpointInvalid::Unverified(NoteUnverified::NoTrustedSignature)) => {}
            Err(_) => return Self::Not,
        }
        match note.parse::<SignedNote>() {
            Ok(note) if note.signatures().iter().any(|one| one.name() == &origin) => Self::ByUnknownKey,
            _ => Self::Not,
        }
    }
}
