//! What is told.

use bytes::Bytes;

use super::Topic;

/// The largest body of a notice: 64 KiB.
pub const NOTICE_BYTES_MAX: usize = 64 * 1024;

/// Something that was told at most once. It may have been lost on its way to somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What it is about.
    pub topic: Topic,
    /// What it says; shared by all who hear it.
    pub body: Bytes,
}

/// What a listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A notice.
    Notice(Notice),
    /// Notices may have been lost: the listener was too slow, or the way to it was interrupted. Whoever relies on them reads the state
    /// anew.
    Missed,
}
