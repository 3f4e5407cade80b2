//! Who waits for whom inside one process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use platform_core::pg::{TenantTx, TxEnd};
use tokio::sync::{Notify, watch};

/// Connects whoever records events, the sequencer, and whoever waits for the sequencer. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Signals(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Events that were committed here since the last round began.
    committed: AtomicU32,
    /// From so many on the sequencer is woken; nobody listens as long as it is the largest number.
    wake_at: AtomicU32,
    wake: Notify,
    /// Sent whenever an event may have reached another state.
    moved: watch::Sender<()>,
}

impl Default for Signals {
    fn default() -> Self {
        Self(Arc::new(Inner {
            committed: AtomicU32::new(0),
            wake_at: AtomicU32::new(u32::MAX),
            wake: Notify::new(),
            moved: watch::Sender::new(()),
        }))
    }
}

impl Signals {
    /// Events were inserted; they count if the transaction commits. Costs next to nothing.
    pub(crate) fn recorded(&self, tx: &mut TenantTx, events: u64) {
        let signals = self.clone();
        tx.on_end(move |end| {
            if end != TxEnd::RolledBack {
                signals.committed(u32::try_from(events).unwrap_or(u32::MAX));
            }
        });
    }

    fn committed(&self, events: u32) {
        let before = self.0.committed.fetch_add(events, Ordering::Relaxed);
        let wake_at = self.0.wake_at.load(Ordering::Relaxed);
        if before < wake_at && before.saturating_add(events) >= wake_at {
            self.0.wake.notify_one();
        }
    }

    /// Begins to count anew.
    pub(super) fn begin_round(&self, wake_at: u32) {
        self.0.wake_at.store(wake_at, Ordering::Relaxed);
        self.0.committed.store(0, Ordering::Relaxed);
    }

    /// Ready when there is enough for a round.
    pub(super) async fn enough(&self) {
        self.0.wake.notified().await;
    }

    /// An event may have reached another state.
    pub(super) fn moved(&self) {
        self.0.moved.send_replace(());
    }

    /// Tells of [`moved`](Self::moved) from now on.
    pub(super) fn movements(&self) -> watch::Receiver<()> {
        self.0.moved.subscribe()
    }
}
