//! A lease, and what proves it.

use std::fmt;

use tokio::time::Instant;

use super::LeaseName;
use crate::Timestamp;

/// Which holder of a name this is: grows with every holder and is never given twice, also after a release and a restart.
///
/// Store it beside what is written outside the lease's database, and refuse a smaller one there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FenceToken(i64);

impl FenceToken {
    /// The token of this number. For backends.
    pub fn new(number: i64) -> Self {
        Self(number)
    }

    /// The number, 1 or more.
    pub fn as_i64(self) -> i64 {
        self.0
    }
}

impl fmt::Display for FenceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The right to do what a name stands for, until it ends.
///
/// Having one proves nothing by itself: it may be over. A [`Guard`](super::Guard) knows by this process's clock, and
/// [`fence_in`](super::fence_in) by the database's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What is leased.
    pub name: LeaseName,
    /// Which holder this is.
    pub token: FenceToken,
    /// When it ends by the backend's clock, for people to read.
    pub expires_at: Timestamp,
    /// When it ends by this process's monotonic clock: never later than by the backend's. A backend measures it from before it asked.
    pub valid_until: Instant,
}

/// What became of a lease that was to be renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a lease may be lost"]
pub enum Renewed {
    /// It lasts longer now.
    Held(Lease),
    /// It was over, whether or not somebody else has it. Stop.
    Lost,
}
