//! What of a trail is verified, and whom to tell how far it is.

use std::fmt;
use std::time::Duration;

use crate::ResumePoint;

/// How long a position may be in the tree without being signed, unless it is told otherwise: the sequencer signs within a second, or
/// when another process has taken over the lease of one that was killed, after ten seconds.
const SIGNED_WITHIN: Duration = Duration::from_secs(60);

/// How to verify a stored trail: from its beginning and in silence, unless told otherwise.
pub struct VerifyOptions<'a> {
    pub(super) since: Option<ResumePoint>,
    pub(super) signed_within: Duration,
    pub(super) progress: Option<Box<dyn FnMut(Progress) + Send + 'a>>,
}

/// How far a verification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// How many positions were looked at.
    pub done: u64,
    /// How many there were to look at when it began.
    pub total: u64,
}

impl Default for VerifyOptions<'_> {
    fn default() -> Self {
        Self {
            since: None,
            signed_within: SIGNED_WITHIN,
            progress: None,
        }
    }
}

impl<'a> VerifyOptions<'a> {
    /// From the beginning and in silence.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long a position may be in the tree without a signed head that covers it, by the database's clock; 60 s unless it is told
    /// otherwise. One that is there for longer is a [`Finding::Unsigned`](crate::Finding::Unsigned). Give it more where leases are longer.
    #[must_use]
    pub fn signed_within(mut self, bound: Duration) -> Self {
        self.signed_within = bound;
        self
    }

    /// Looks only at what was added since an earlier verification. Whatever is wrong before that is not found.
    #[must_use]
    pub fn since(mut self, point: impl Into<ResumePoint>) -> Self {
        self.since = Some(point.into());
        self
    }

    /// Tells how far it is, a few times for each thousand positions' work; let it do something short.
    #[must_use]
    pub fn progress(mut self, tell: impl FnMut(Progress) + Send + 'a) -> Self {
        self.progress = Some(Box::new(tell));
        self
    }
}

impl fmt::Debug for VerifyOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyOptions")
            .field("since", &self.since.as_ref().map(ResumePoint::head))
            .finish_non_exhaustive()
    }
}
