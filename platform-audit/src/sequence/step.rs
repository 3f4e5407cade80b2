//! The steps of a round.

use std::fmt;
use std::sync::Arc;

/// A point between two steps of a round at which a process may be killed without harm. Named for tests that do so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RoundStep {
    /// The lease is held and locked; nothing is written.
    Fenced,
    /// Events are numbered, in a transaction that is not committed.
    Appended,
    /// Events are sequenced.
    Committed,
    /// The marks are on the disk; nothing is signed.
    Marked,
    /// Checkpoints are signed, in a transaction that is not committed.
    Signed,
    /// Checkpoints are in the database.
    Stored,
    /// Checkpoints are outside the database, which does not know it.
    Published,
    /// The database knows it.
    Noted,
}

impl RoundStep {
    /// Every step, in the order of a round.
    pub const ALL: [Self; 8] = [
        Self::Fenced,
        Self::Appended,
        Self::Committed,
        Self::Marked,
        Self::Signed,
        Self::Stored,
        Self::Published,
        Self::Noted,
    ];
}

/// Who is told of each step.
#[derive(Clone)]
pub(super) struct Observer(Option<Arc<dyn Fn(RoundStep) + Send + Sync>>);

impl Observer {
    pub(super) const fn nobody() -> Self {
        Self(None)
    }

    pub(super) fn new(observer: impl Fn(RoundStep) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(observer)))
    }

    pub(super) fn at(&self, step: RoundStep) {
        if let Some(observer) = &self.0 {
            observer(step);
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Observer" } else { "nobody" })
    }
}
