//! Who listens, and to what.

use std::fmt;
use std::sync::Arc;

use super::switchboard::{Ear, ListenerId};
use super::{BusBackend, BusError, Heard, Topic};

/// Somebody who listens to topics and hears what is told from then on.
pub struct Listener {
    interest: Interest,
    ear: Ear,
}

/// What a listener listens to: lets others than the one who waits for notices change it. Cheap to clone.
#[derive(Clone)]
pub struct Interest {
    line: Arc<Line>,
}

/// Ends with the last clone, and the listener's topics with it.
struct Line {
    backend: Arc<dyn BusBackend>,
    id: ListenerId,
}

impl Listener {
    pub(super) fn new(backend: Arc<dyn BusBackend>) -> Self {
        let (id, ear) = backend.switchboard().connect();
        let line = Arc::new(Line { backend, id });
        Self {
            interest: Interest { line },
            ear,
        }
    }

    /// As [`Interest::add`].
    ///
    /// # Errors
    /// As there.
    pub async fn add(&self, topic: &Topic) -> Result<(), BusError> {
        self.interest.add(topic).await
    }

    /// As [`Interest::remove`].
    pub fn remove(&self, topic: &Topic) {
        self.interest.remove(topic);
    }

    /// What it listens to, for others to change.
    pub fn interest(&self) -> Interest {
        self.interest.clone()
    }

    /// Waits for what is told next. Cancel-safe; limit the wait where silence means that something is wrong.
    pub async fn next(&mut self) -> Heard {
        self.ear.next().await
    }
}

impl Interest {
    /// Listens to a topic too. When this has returned, what anybody publishes afterwards is heard or told as missed. A future that is
    /// dropped leaves the topic listened to.
    ///
    /// # Errors
    /// [`BusError::TooManyTopics`]; [`BusError::Unavailable`] when the backend is not reached: it is listened to as soon as it is again.
    pub async fn add(&self, topic: &Topic) -> Result<(), BusError> {
        self.begin(topic)?;
        self.settled(topic).await
    }

    /// The first half of [`add`](Self::add), which does not wait.
    pub(crate) fn begin(&self, topic: &Topic) -> Result<(), BusError> {
        let switchboard = self.line.backend.switchboard();
        if switchboard.add(self.line.id, topic)? {
            self.line.backend.changed(topic);
        }
        Ok(())
    }

    /// The second half.
    pub(crate) async fn settled(&self, topic: &Topic) -> Result<(), BusError> {
        self.line.backend.settled(topic).await
    }

    /// Listens to a topic no more.
    pub fn remove(&self, topic: &Topic) {
        if self.line.backend.switchboard().remove(self.line.id, topic) {
            self.line.backend.changed(topic);
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        for topic in self.backend.switchboard().disconnect(self.id) {
            self.backend.changed(&topic);
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interest").finish_non_exhaustive()
    }
}
