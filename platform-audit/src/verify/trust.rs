//! What a verification takes for granted.

use crate::{Checkpoint, CheckpointInvalid, KeyName, TreeHead, Verifiers};

/// The name of the log, the keys that sign for it, and heads of it that are known from elsewhere.
///
/// All of it comes from the verifier's own configuration, never from the database or the export that is to be verified.
///
/// ```
/// use platform_audit::{Checkpoint, LeafHash, NoteSigner, TreeHead, Trust};
/// use platform_core::Sources;
///
/// let signer = NoteSigner::generate("audit.example.com/acme".parse()?, &Sources::system());
/// let head = TreeHead { size: 1, root: LeafHash::of(b"the first event").into() };
/// let published = Checkpoint::new(signer.name().clone(), head).sign(&signer)?.to_string();
///
/// let trust = Trust::new(signer.name().clone(), signer.verifier_key()).witness(&published)?;
/// assert_eq!(trust.witnessed, [head]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Trust {
    /// The log.
    pub origin: KeyName,
    /// The keys of the log, and of witnesses if there are any.
    pub verifiers: Verifiers,
    /// Heads of opened checkpoints that were kept where nobody who can write the database can write, in any order.
    pub witnessed: Vec<TreeHead>,
}

impl Trust {
    /// Trusts these keys to sign for the log of this name.
    pub fn new(origin: KeyName, verifiers: impl Into<Verifiers>) -> Self {
        Self {
            origin,
            verifiers: verifiers.into(),
            witnessed: Vec::new(),
        }
    }

    /// Adds a checkpoint that was published or that a witness has kept.
    ///
    /// # Errors
    /// [`CheckpointInvalid`] when it is not one of this log.
    pub fn witness(mut self, note: &str) -> Result<Self, CheckpointInvalid> {
        let head = *self.open(note)?.head();
        self.witnessed.push(head);
        Ok(self)
    }

    pub(crate) fn open(&self, note: &str) -> Result<Checkpoint, CheckpointInvalid> {
        Checkpoint::open(note, &self.origin, &self.verifiers)
    }

    /// The heads from outside whose sizes are in a range, smallest first.
    pub(crate) fn witnessed_within(&self, from: u64, to: u64) -> Vec<TreeHead> {
        let within = |head: &&TreeHead| (from..=to).contains(&head.size);
        let mut heads: Vec<TreeHead> = self.witnessed.iter().filter(within).copied().collect();
        heads.sort_by_key(|head| head.size);
        heads
    }
}
