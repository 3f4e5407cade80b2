//! Presence within one process.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::{PresenceBackend, PresenceError, Present};
use crate::bus::Topic;
use crate::{Sources, Timestamp};

/// Keeps presence in this process. Clones share it.
#[derive(Debug, Clone)]
pub struct MemoryPresence {
    sources: Sources,
    rooms: Arc<Mutex<Rooms>>,
}

/// Who is in each room, and until when.
type Rooms = HashMap<Topic, BTreeMap<Present, Timestamp>>;

impl MemoryPresence {
    /// Nobody is present.
    pub fn new(sources: &Sources) -> Self {
        Self {
            sources: sources.clone(),
            rooms: Arc::default(),
        }
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl PresenceBackend for MemoryPresence {
    async fn renew(&self, present: &[(Topic, Present)], lease: Duration) -> Result<(), PresenceError> {
        let until = self.sources.now() + lease;
        let mut rooms = self.rooms();
        for (room, who) in present {
            rooms.entry(room.clone()).or_default().insert(who.clone(), until);
        }
        Ok(())
    }

    async fn remove(&self, gone: &[(Topic, Present)]) -> Result<(), PresenceError> {
        let mut rooms = self.rooms();
        for (room, present) in gone {
            if let Some(who) = rooms.get_mut(room) {
                who.remove(present);
                if who.is_empty() {
                    rooms.remove(room);
                }
            }
        }
        Ok(())
    }

    async fn list(&self, room: &Topic, max: usize) -> Result<Vec<Present>, PresenceError> {
        let now = self.sources.now();
        let mut rooms = self.rooms();
        let Some(who) = rooms.get_mut(room) else {
            return Ok(Vec::new());
        };
        who.retain(|_, until| now < *until);
        Ok(who.keys().take(max).cloned().collect())
    }
}
