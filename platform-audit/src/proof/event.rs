//! Checking a proof of an event.

use crate::{
    Checkpoint, CheckpointInvalid, KeyName, LeafHash, MalformedProof, ProofBundle, ProofInvalid, Verifiers,
    verify_inclusion,
};

/// An event is in the log: where, and in which of its states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The index of its leaf, which is its sequence number.
    pub index: u64,
    /// The checkpoint that covers it.
    pub checkpoint: Checkpoint,
}

/// It is not proven that the event is in the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The text is not a proof.
    #[error(transparent)]
    Malformed(#[from] MalformedProof),
    /// The checkpoint is not one of this log.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointInvalid),
    /// The checkpoint is good, and the event is not what stands at this index of it.
    #[error(transparent)]
    Inclusion(#[from] ProofInvalid),
}

/// Checks offline that an event is in the log `origin`, from its canonical bytes and the text of its proof.
///
/// Name and keys come from the verifier's own configuration. The bytes are hashed as they are: read what they say with
/// [`Entry::from_bytes`](crate::Entry::from_bytes).
///
/// ```
/// use platform_audit::{
///     Checkpoint, InclusionProof, LeafHash, Leaves, NoteSigner, ProofBundle, ProofPlan, TreeHead, Verifiers, verify_event,
/// };
/// use platform_core::Sources;
///
/// let signer = NoteSigner::generate("audit.example.com/acme".parse()?, &Sources::system());
/// let leaf = LeafHash::of(b"an event");
/// let head = TreeHead { size: 1, root: leaf.into() };
/// let bundle = ProofBundle {
///     index: 0,
///     proof: InclusionProof { hashes: ProofPlan::inclusion(0, 1)?.hashes(&Leaves(&[leaf]))? },
///     checkpoint: Checkpoint::new(signer.name().clone(), head).sign(&signer)?,
///     extra: None,
/// };
/// let trusted = Verifiers::from(signer.verifier_key());
/// let verified = verify_event(b"an event", &bundle.to_string(), signer.name(), &trusted)?;
/// assert_eq!(verified.index, 0);
/// assert!(verify_event(b"another", &bundle.to_string(), signer.name(), &trusted).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`ProofError`]: it is not proven.
pub fn verify_event(
    entry: &[u8],
    proof: &str,
    origin: &KeyName,
    verifiers: &Verifiers,
) -> Result<Verified, ProofError> {
    let bundle: ProofBundle = proof.parse()?;
    let checkpoint = Checkpoint::of_note(&bundle.checkpoint, origin, verifiers)?;
    verify_inclusion(
        LeafHash::of(entry),
        bundle.index,
        checkpoint.head(),
        &bundle.proof,
    )?;
    Ok(Verified {
        index: bundle.index,
        checkpoint,
    })
}
