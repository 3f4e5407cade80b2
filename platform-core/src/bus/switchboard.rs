//! The listeners of one process.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::{BusError, Heard, Notice, Topic};

/// Notices that wait for a listener.
const WAITING_MAX: usize = 1_024;

/// Topics that are listened to in one process.
const TOPICS_MAX: usize = 100_000;

pub(super) type ListenerId = u64;

/// Who in this process listens to what: a backend hands it what it hears. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Switchboard(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    next_id: ListenerId,
    mouths: HashMap<ListenerId, Mouth>,
    wanted: HashMap<Topic, Vec<ListenerId>>,
}

/// The sending end of a listener's queue.
#[derive(Debug)]
struct Mouth {
    queue: mpsc::Sender<Heard>,
    has_missed: Arc<AtomicBool>,
    topics: HashSet<Topic>,
}

/// The receiving end.
pub(super) struct Ear {
    queue: mpsc::Receiver<Heard>,
    has_missed: Arc<AtomicBool>,
}

impl Switchboard {
    /// Hands a notice to everybody who listens to its topic. Never waits: who has too many waiting misses it, and is told so.
    pub fn deliver(&self, notice: &Notice) {
        let lines = self.lines();
        for id in lines.wanted.get(&notice.topic).into_iter().flatten() {
            if let Some(mouth) = lines.mouths.get(id) {
                mouth.say(Heard::Notice(notice.clone()));
            }
        }
    }

    /// Tells everybody that notices may have been lost.
    pub fn missed(&self) {
        for mouth in self.lines().mouths.values() {
            mouth.say(Heard::Missed);
        }
    }

    /// Does anybody listen to this topic?
    pub fn wants(&self, topic: &Topic) -> bool {
        self.lines().wanted.contains_key(topic)
    }

    /// Every topic that somebody listens to.
    pub fn wanted(&self) -> Vec<Topic> {
        self.lines().wanted.keys().cloned().collect()
    }

    pub(super) fn connect(&self) -> (ListenerId, Ear) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let has_missed = Arc::new(AtomicBool::new(false));
        let mut lines = self.lines();
        lines.next_id += 1;
        let id = lines.next_id;
        let mouth = Mouth {
            queue: sender,
            has_missed: Arc::clone(&has_missed),
            topics: HashSet::new(),
        };
        lines.mouths.insert(id, mouth);
        let ear = Ear {
            queue: receiver,
            has_missed,
        };
        (id, ear)
    }

    /// Forgets a listener, and tells which topics nobody wants any more.
    pub(super) fn disconnect(&self, id: ListenerId) -> Vec<Topic> {
        let mut lines = self.lines();
        let topics = lines.mouths.remove(&id).map(|mouth| mouth.topics);
        let mut unwanted: Vec<Topic> = topics.into_iter().flatten().collect();
        unwanted.retain(|topic| lines.unlist(id, topic));
        unwanted
    }

    /// Tells whether it is the first who wants the topic.
    pub(super) fn add(&self, id: ListenerId, topic: &Topic) -> Result<bool, BusError> {
        let mut lines = self.lines();
        let topics = lines.wanted.len();
        let is_first = match lines.wanted.entry(topic.clone()) {
            Entry::Occupied(listed) if listed.get().contains(&id) => return Ok(false),
            Entry::Occupied(mut listed) => {
                listed.get_mut().push(id);
                false
            }
            Entry::Vacant(_) if topics >= TOPICS_MAX => return Err(BusError::TooManyTopics(topics)),
            Entry::Vacant(place) => {
                place.insert(vec![id]);
                true
            }
        };
        if let Some(mouth) = lines.mouths.get_mut(&id) {
            mouth.topics.insert(topic.clone());
        }
        Ok(is_first)
    }

    /// Tells whether nobody wants the topic any more.
    pub(super) fn remove(&self, id: ListenerId, topic: &Topic) -> bool {
        let mut lines = self.lines();
        if let Some(mouth) = lines.mouths.get_mut(&id) {
            mouth.topics.remove(topic);
        }
        lines.unlist(id, topic)
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn unlist(&mut self, id: ListenerId, topic: &Topic) -> bool {
        let Some(listed) = self.wanted.get_mut(topic) else {
            return false;
        };
        listed.retain(|known| *known != id);
        let is_last = listed.is_empty();
        if is_last {
            self.wanted.remove(topic);
        }
        is_last
    }
}

impl Mouth {
    fn say(&self, heard: Heard) {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(heard) {
            self.has_missed.store(true, Ordering::Release);
        }
    }
}

impl Ear {
    pub(super) async fn next(&mut self) -> Heard {
        // Told before what still waits: whoever reads the state anew now reads what was lost, which is older than now.
        if self.has_missed.swap(false, Ordering::AcqRel) {
            return Heard::Missed;
        }
        match self.queue.recv().await {
            Some(heard) => heard,
            // The sending end is dropped together with the last interest, which the caller holds.
            None => std::future::pending().await,
        }
    }
}
