//! How often a key may still seal.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The seals that this process may still make under a key, shared by everybody who holds the key.
///
/// AES-GCM with random nonces is good for 2^32 values under one key. So the uses are counted where all processes see it, in the
/// database, and every process leases a block of them beforehand; what is left of it is counted here, without asking anybody.
///
/// ```
/// use platform_crypto::Budget;
///
/// let budget = Budget::leased(2);
/// budget.add(1);
/// assert_eq!(budget.left(), Some(3));
/// assert_eq!(Budget::unlimited().left(), None);
/// ```
#[derive(Debug, Clone)]
pub struct Budget(Option<Arc<AtomicU64>>);

impl Budget {
    /// A budget of `seals`.
    pub fn leased(seals: u64) -> Self {
        Self(Some(Arc::new(AtomicU64::new(seals))))
    }

    /// No count at all: for a key of few values, such as a data subject's.
    pub const fn unlimited() -> Self {
        Self(None)
    }

    /// Adds a further lease; it serves everybody who holds this budget.
    pub fn add(&self, seals: u64) {
        if let Some(left) = &self.0 {
            left.fetch_add(seals, Ordering::Relaxed);
        }
    }

    /// How many seals are left; `None` without a limit.
    pub fn left(&self) -> Option<u64> {
        self.0.as_ref().map(|left| left.load(Ordering::Relaxed))
    }

    /// Uses one up; `false` when none is left.
    #[must_use]
    pub(super) fn spend(&self) -> bool {
        let Some(left) = &self.0 else { return true };
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_ok()
    }
}
