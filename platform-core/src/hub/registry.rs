//! Who is connected, and who follows what.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::watch;

use super::mailbox::Mailbox;
use super::{CloseReason, Frame, Identity};
use crate::bus::{Interest, Topic};

pub(super) type ConnectionId = u64;

/// Who is connected, and who follows what. Neither a publisher nor a connection waits for longer than a lookup takes.
#[derive(Debug)]
pub(super) struct Registry {
    connected: Mutex<Connected>,
    /// How many are connected, for whoever waits until nobody is.
    open: watch::Sender<usize>,
    followers: RwLock<HashMap<Topic, HashMap<ConnectionId, Arc<Mailbox>>>>,
    interest: Option<Interest>,
}

#[derive(Debug, Default)]
struct Connected {
    next_id: ConnectionId,
    entries: HashMap<ConnectionId, Entry>,
    /// Why everybody's connection ends, if it does.
    ending: Option<CloseReason>,
}

#[derive(Debug)]
struct Entry {
    mailbox: Arc<Mailbox>,
    identity: Option<Arc<Identity>>,
}

impl Registry {
    pub(super) fn new(interest: Option<Interest>) -> Self {
        Self {
            connected: Mutex::default(),
            open: watch::Sender::new(0),
            followers: RwLock::default(),
            interest,
        }
    }

    /// A connection is open, of somebody who has authenticated or not.
    pub(super) fn enter(&self, mailbox: &Arc<Mailbox>, identity: Option<Arc<Identity>>) -> ConnectionId {
        let mut connected = self.connected();
        connected.next_id += 1;
        let id = connected.next_id;
        let entry = Entry {
            mailbox: Arc::clone(mailbox),
            identity,
        };
        connected.entries.insert(id, entry);
        // Under the lock: nobody comes between those who are told and those who find it out.
        if let Some(reason) = connected.ending {
            mailbox.close(reason);
        }
        self.open.send_replace(connected.entries.len());
        id
    }

    /// Somebody has authenticated on a connection: from now on it is judged.
    pub(super) fn admit(&self, id: ConnectionId, identity: &Arc<Identity>) {
        if let Some(entry) = self.connected().entries.get_mut(&id) {
            entry.identity = Some(Arc::clone(identity));
        }
    }

    pub(super) fn leave(&self, id: ConnectionId) {
        let mut connected = self.connected();
        if connected.entries.remove(&id).is_some() {
            self.open.send_replace(connected.entries.len());
        }
    }

    /// Ends every connection, those too that come now.
    pub(super) fn end_all(&self, reason: CloseReason) {
        let mut connected = self.connected();
        connected.ending = Some(reason);
        for entry in connected.entries.values() {
            entry.mailbox.close(reason);
        }
    }

    /// How many are connected, as it changes.
    pub(super) fn open(&self) -> watch::Receiver<usize> {
        self.open.subscribe()
    }

    /// Those who have authenticated, each with its mailbox.
    pub(super) fn authenticated(&self) -> Vec<(Arc<Identity>, Arc<Mailbox>)> {
        let connected = self.connected();
        let known = |entry: &Entry| Some((entry.identity.clone()?, Arc::clone(&entry.mailbox)));
        connected.entries.values().filter_map(known).collect()
    }

    /// One more connection follows a topic.
    pub(super) fn follow(&self, topic: &Topic, id: ConnectionId, mailbox: &Arc<Mailbox>) {
        let mut followers = self.followers_mut();
        let of_topic = followers.entry(topic.clone()).or_default();
        let is_first = of_topic.is_empty();
        of_topic.insert(id, Arc::clone(mailbox));
        // Under the lock, so that the last to leave and the first to come are in one order here and on the bus.
        if is_first
            && let Some(interest) = &self.interest
            && let Err(error) = interest.begin(topic)
        {
            tracing::warn!(error = %error, "a topic is told within this process only");
        }
    }

    pub(super) fn unfollow(&self, topic: &Topic, id: ConnectionId) {
        let mut followers = self.followers_mut();
        let Some(of_topic) = followers.get_mut(topic) else {
            return;
        };
        of_topic.remove(&id);
        if of_topic.is_empty() {
            followers.remove(topic);
            if let Some(interest) = &self.interest {
                interest.remove(topic);
            }
        }
    }

    /// Waits until what other instances publish on a topic is heard here.
    pub(super) async fn settled(&self, topic: &Topic) {
        if let Some(interest) = &self.interest
            && let Err(error) = interest.settled(topic).await
        {
            // When the bus is reached again it says that something was missed, and all is read anew.
            tracing::warn!(error = %error, "a topic is followed while the bus is not reached");
        }
    }

    pub(super) fn deliver(&self, topic: &Topic, seq: u64, frame: &Frame) {
        for mailbox in self.followers().get(topic).into_iter().flat_map(HashMap::values) {
            mailbox.deliver(topic, seq, frame);
        }
    }

    pub(super) fn announce(&self, topic: &Topic, seq: u64) {
        for mailbox in self.followers().get(topic).into_iter().flat_map(HashMap::values) {
            mailbox.announce(topic, seq);
        }
    }

    /// The topics that anybody follows.
    pub(super) fn topics(&self) -> Vec<Topic> {
        self.followers().keys().cloned().collect()
    }

    /// What others have published may have been lost: everybody reads.
    pub(super) fn missed(&self) {
        for mailbox in self.followers().values().flat_map(HashMap::values) {
            mailbox.missed();
        }
    }

    fn connected(&self) -> MutexGuard<'_, Connected> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn followers(&self) -> RwLockReadGuard<'_, HashMap<Topic, HashMap<ConnectionId, Arc<Mailbox>>>> {
        self.followers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn followers_mut(&self) -> RwLockWriteGuard<'_, HashMap<Topic, HashMap<ConnectionId, Arc<Mailbox>>>> {
        self.followers.write().unwrap_or_else(PoisonError::into_inner)
    }
}
