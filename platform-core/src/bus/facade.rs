//! The bus as its users hold it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::{BusBackend, BusCaps, BusError, Lacking, Listener, MemoryBus, NOTICE_BYTES_MAX, Notice, Topic};

/// Tells notices, at most once, to whoever listens. Cheap to clone; see the [module](super).
#[derive(Clone)]
pub struct Bus(Arc<dyn BusBackend>);

impl Bus {
    /// A bus over a backend.
    pub fn new(backend: impl BusBackend) -> Self {
        Self(Arc::new(backend))
    }

    /// A bus within this process.
    pub fn in_process() -> Self {
        Self::new(MemoryBus::default())
    }

    /// What its backend does.
    pub fn caps(&self) -> BusCaps {
        self.0.caps()
    }

    /// The same bus, if it does what is needed: asked at the start, where an error is seen.
    ///
    /// # Errors
    /// [`Lacking`] when the backend does not declare it.
    pub fn require(self, needs: BusCaps) -> Result<Self, Lacking> {
        let has = self.caps();
        let lacks = (needs.is_shared && !has.is_shared) || (needs.is_ordered && !has.is_ordered);
        if lacks {
            return Err(Lacking { needs, has });
        }
        Ok(self)
    }

    /// Tells a notice. That it was sent does not mean that anybody has heard it.
    ///
    /// # Errors
    /// [`BusError::TooLarge`], and nothing was sent; [`BusError::Unavailable`], and whoever relies on the notice looks for itself.
    pub async fn publish(&self, topic: &Topic, body: Bytes) -> Result<(), BusError> {
        if body.len() > NOTICE_BYTES_MAX {
            return Err(BusError::TooLarge(body.len()));
        }
        let topic = topic.clone();
        self.0.publish(Notice { topic, body }).await
    }

    /// Somebody who listens to nothing yet. At most 1,024 notices wait for it; then some are [missed](super::Heard::Missed).
    pub fn listener(&self) -> Listener {
        Listener::new(Arc::clone(&self.0))
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bus").field(&self.caps()).finish()
    }
}
