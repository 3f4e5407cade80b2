//! Where puncturable keys are kept.

use std::fmt::{self, Debug};

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::SegmentId;

/// Where the puncturable keys are kept: outside the database, so that a backup of the database does not hold them.
///
/// What was stored over has to be destroyed as well as the medium can: an erased subject is as erased as the oldest copy of the
/// store that anybody still has. So replicate the store, and keep a backup of it (if any) no longer than an erasure may take.
/// Losing the store makes every field that was sealed under a subject's key unreadable.
#[async_trait]
pub trait ErasureStore: Debug + Send + Sync + 'static {
    /// Reads a segment; nothing when it was never stored.
    ///
    /// # Errors
    /// [`ErasureStoreError::Unavailable`]: ask again later.
    async fn load(&self, id: SegmentId) -> Result<Option<StoredSegment>, ErasureStoreError>;

    /// Writes a segment in place of revision `over` and destroys what was there. When it returns, the new content is durable.
    ///
    /// # Errors
    /// [`ErasureStoreError::Conflict`] when the store holds another revision than `over`: load and try again. After
    /// [`ErasureStoreError::Unavailable`] the outcome is unknown.
    async fn store(&self, id: SegmentId, over: Revision, bytes: &[u8])
    -> Result<Revision, ErasureStoreError>;
}

/// Counts how often a segment was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl Revision {
    /// Nothing was ever stored.
    pub const ABSENT: Self = Self(0);
}

/// A segment as it lies in the store.
pub struct StoredSegment {
    /// How often it was stored.
    pub revision: Revision,
    /// What was stored.
    pub bytes: Zeroizing<Vec<u8>>,
}

impl Debug for StoredSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredSegment({:?}, {} B)", self.revision, self.bytes.len())
    }
}

/// Why a segment could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErasureStoreError {
    /// Somebody else has stored the segment in between. Load it and try again.
    #[error("the erasure key was changed by somebody else")]
    Conflict,
    /// The store cannot be reached or does not work. Try again later.
    #[error("the store of erasure keys is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}
