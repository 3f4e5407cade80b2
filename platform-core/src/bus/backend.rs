//! What carries notices.

use async_trait::async_trait;

use super::{BusError, Notice, Switchboard, Topic};

/// What a backend does, as it declares itself. The conformance suite holds it to that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BusCaps {
    /// Notices reach other processes.
    pub is_shared: bool,
    /// Notices of one publisher on one topic are heard in their order.
    pub is_ordered: bool,
}

/// A consumer needs of a bus what its backend does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bus is {has:?}, and {needs:?} is needed")]
pub struct Lacking {
    /// What was asked for.
    pub needs: BusCaps,
    /// What the backend declares.
    pub has: BusCaps,
}

/// Carries notices between the listeners of its [`Switchboard`] and, if it is shared, those of other processes.
///
/// Nothing it carries is kept: a notice reaches who listens at that moment. When notices may have been lost on the way, it says so with
/// [`Switchboard::missed`].
#[async_trait]
pub trait BusBackend: Send + Sync + 'static {
    /// What it does.
    fn caps(&self) -> BusCaps;

    /// The listeners of this process, to whom it delivers.
    fn switchboard(&self) -> &Switchboard;

    /// Sends a notice, without waiting for anybody to hear it.
    async fn publish(&self, notice: Notice) -> Result<(), BusError>;

    /// The switchboard has begun or ceased to want a topic. Returns at once.
    fn changed(&self, topic: &Topic);

    /// Waits, within a limit, until what the switchboard wants of this topic is in force: a notice that anybody publishes afterwards is
    /// delivered, or told as missed.
    async fn settled(&self, topic: &Topic) -> Result<(), BusError>;
}
