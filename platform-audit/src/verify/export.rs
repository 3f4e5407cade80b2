//! Verifying what an export holds.

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
    let mut heads = heads.into_iter().peekable();
    for (seq, entry) in entries {
        let position = Position::new(seq).entry(entry.as_ref());
        // Behind a gap the position goes first: it says that heads of the gap need not be waited for.
        let behind_gap = seq > verifier.next_seq();
        if behind_gap {
            verifier.position(&position);
        }
        while let Some(head) = heads.next_if(|head| head.size <= seq) {
            verifier.head(head)?;
        }
        if !behind_gap {
            verifier.position(&position);
        }
    }
    // Of those behind the end, the largest says how much is missing.
    let mut last = None;
    for head in heads {
        if head.size <= verifier.next_seq() {
            verifier.head(head)?;
        } else {
            last = Some(head);
        }
    }
    if let Some(head) = last {
        verifier.head(head)?;
    }
    Ok(verifier.finish())
}
