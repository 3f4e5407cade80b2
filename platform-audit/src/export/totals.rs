//! How much was exported, and its hash.

use sha2::{Digest as _, Sha256};

use super::lines::Why;

/// What has been given out so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Totals {
    pub(crate) events: u64,
    pub(crate) withheld: u64,
    pub(crate) pruned: u64,
    pub(crate) bytes: u64,
    hash: Sha256,
}

impl Totals {
    /// Positions without their event.
    pub(crate) const fn leaves(&self) -> u64 {
        self.withheld.saturating_add(self.pruned)
    }

    pub(crate) fn add_event(&mut self) {
        self.events = self.events.saturating_add(1);
    }

    pub(crate) fn add_leaf(&mut self, why: Why) {
        let count = match why {
            Why::Withheld => &mut self.withheld,
            Why::Pruned => &mut self.pruned,
        };
        *count = count.saturating_add(1);
    }

    pub(crate) fn add_bytes(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(count);
    }

    /// The SHA-256 of every byte so far, in hexadecimal.
    pub(crate) fn sha256(&self) -> String {
        let digest = self.hash.clone().finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
