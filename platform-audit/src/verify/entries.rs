//! Verifying bare entries.

use super::feed::Feed;
use super::head::HeadRefused;
use super::position::Position;
use super::verifier::Verifier;
use crate::{Report, TreeHead};

/// Checks entries in the order of their positions, as an export has them, against the heads of opened checkpoints in the order of
/// their sizes.
///
/// ```
/// use platform_audit::{CompactRange, LeafHash, verify_entries};
///
/// let entries = (0..1_000_u64).map(|seq| (seq, seq.to_string()));
/// let mut signed = CompactRange::new();
/// signed.extend(entries.clone().map(|(_, entry)| LeafHash::of(entry.as_bytes())))?;
/// let report = verify_entries(entries, [signed.head()])?;
/// assert!(report.is_clean());
/// assert_eq!(report.proven, Some(signed.head()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`HeadRefused`] when the heads are not in order.
pub fn verify_entries<B: AsRef<[u8]>>(
    entries: impl IntoIterator<Item = (u64, B)>,
    heads: impl IntoIterator<Item = TreeHead>,
) -> Result<Report, HeadRefused> {
    let mut verifier = Verifier::new();
    let mut heads = Feed::new(heads);
    for (seq, entry) in entries {
        heads.position(&mut verifier, &Position::new(seq).entry(entry.as_ref()))?;
    }
    if let Some(behind) = heads.rest(&mut verifier)? {
        verifier.head(behind)?;
    }
    Ok(verifier.finish())
}
