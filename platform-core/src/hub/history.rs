//! What was told before.

use async_trait::async_trait;

use super::Frame;
use crate::bus::Topic;

/// An event of an ordered topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its number in the topic: one more than that of the event before.
    pub seq: u64,
    /// What is sent of it.
    pub frame: Frame,
}

/// Where the events of ordered topics are kept, such as a table. A connection that resumes, or has missed a notice, reads here what it
/// lacks.
///
/// An event is kept before it is published: after [`Hub::publish`](super::Hub::publish) of number 7, [`after`](Self::after) 6 finds it.
#[async_trait]
pub trait History: Send + Sync + 'static {
    /// The events of a topic with numbers above `after`, in their order and at most `max` of them. None means that there are none yet.
    ///
    /// When the oldest that is kept is more than one above `after`, those between are gone, and the connection is closed: its client
    /// has to read the state anew.
    ///
    /// # Errors
    /// Any; the connection is closed with the advice to resume later.
    async fn after(
        &self,
        topic: &Topic,
        after: u64,
        max: u32,
    ) -> Result<Vec<Recorded>, Box<dyn std::error::Error + Send + Sync>>;
}

/// From where a topic is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// From whatever is published next.
    Now,
    /// From the event after the one with this number; 0 for all of them.
    Seq(u64),
}
