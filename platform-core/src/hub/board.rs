//! Topics of which only the newest counts.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::mailbox::Mailbox;
use super::registry::ConnectionId;
use super::{Frame, HubError};
use crate::bus::Topic;

/// The newest text under each of a fixed set of keys, for connections that [watch](super::Link::watch) it: the quotes of a market.
///
/// A publisher replaces texts and wakes; it never waits. Nothing is queued for a connection: it remembers what it was told last, so that a
/// slow one gets the newest under each key and not those between, and memory is bounded by the number of keys. What is published at once
/// is written once, and shared by all who watch every key and keep up. A board is of this process: its publisher runs in each.
///
/// ```
/// use platform_core::bus::Topic;
/// use platform_core::hub::{Board, Framing};
///
/// let quotes = Board::new(Topic::public("quotes")?, ["AAPL", "MSFT"], Framing::Array {
///     before: r#"{"type":"quotes","quotes":["#,
///     after: "]}",
/// });
/// quotes.publish([("AAPL", r#"{"bid":"178.50"}"#.to_owned())]);
/// assert_eq!(quotes.newest("AAPL").as_deref(), Some(r#"{"bid":"178.50"}"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Board(Arc<Inner>);

struct Inner {
    topic: Topic,
    framing: Framing,
    keys: Box<[Arc<str>]>,
    places: HashMap<Arc<str>, usize>,
    state: RwLock<State>,
    watchers: Mutex<HashMap<ConnectionId, Arc<Mailbox>>>,
}

/// How texts become messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Each text is a message.
    Each,
    /// Texts that are sent at once are one message, with a comma between them.
    Array {
        /// What the message begins with.
        before: &'static str,
        /// What it ends with.
        after: &'static str,
    },
}

struct State {
    /// Counts what was published; 0 before the first.
    version: u64,
    texts: Vec<Option<Text>>,
    /// What was published last, as it is sent to who watches everything and keeps up.
    last: Arc<[Frame]>,
    /// Texts that were ever published.
    published: u64,
}

#[derive(Clone)]
struct Text {
    frame: Frame,
    version: u64,
    /// How many were published under this key.
    count: u64,
}

/// What one connection was told of a board.
#[derive(Debug)]
pub(super) enum Told {
    /// It watches every key, and was told what was published up to a version: so many texts.
    All { version: u64, published: u64 },
    /// It watches these places, each with the version and the count that it was told last.
    Some(BTreeMap<usize, (u64, u64)>),
}

/// What a connection has not been told yet.
pub(super) struct News {
    pub(super) frames: Arc<[Frame]>,
    /// Texts that were replaced before they were sent.
    pub(super) conflated: u64,
}

impl Board {
    /// A board without a text, under these keys; of a key that is given twice the second is left out.
    pub fn new(topic: Topic, keys: impl IntoIterator<Item = impl AsRef<str>>, framing: Framing) -> Self {
        let mut places = HashMap::new();
        let mut list: Vec<Arc<str>> = Vec::new();
        for key in keys {
            let key: Arc<str> = key.as_ref().into();
            if !places.contains_key(&key) {
                places.insert(Arc::clone(&key), list.len());
                list.push(key);
            }
        }
        let state = State {
            version: 0,
            texts: vec![None; list.len()],
            last: Arc::new([]),
            published: 0,
        };
        Self(Arc::new(Inner {
            topic,
            framing,
            keys: list.into(),
            places,
            state: RwLock::new(state),
            watchers: Mutex::default(),
        }))
    }

    /// Its topic.
    pub fn topic(&self) -> &Topic {
        &self.0.topic
    }

    /// Its keys, in the order in which they were given.
    pub fn keys(&self) -> &[Arc<str>] {
        &self.0.keys
    }

    /// The newest text under a key.
    pub fn newest(&self, key: &str) -> Option<String> {
        let place = *self.0.places.get(key)?;
        let state = self.0.state.read().unwrap_or_else(PoisonError::into_inner);
        let text = state.texts.get(place)?.as_ref()?;
        Some(text.frame.as_str().to_owned())
    }

    /// Replaces texts at once and wakes those who watch. Tells how many were taken: a key that the board does not have is left out, and
    /// of two texts under one key the second counts.
    pub fn publish<K: AsRef<str>>(&self, texts: impl IntoIterator<Item = (K, String)>) -> usize {
        let mut news = BTreeMap::new();
        for (key, text) in texts {
            if let Some(place) = self.0.places.get(key.as_ref()) {
                news.insert(*place, Frame::text(text));
            }
        }
        if news.is_empty() {
            return 0;
        }
        let last = self.0.framing.frames(&news.values().collect::<Vec<_>>());
        let taken = news.len();
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        state.replace(news, last);
        drop(state);
        for watcher in self.watchers().values() {
            watcher.board_changed();
        }
        taken
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn place(&self, key: &str) -> Result<usize, HubError> {
        self.0.places.get(key).copied().ok_or(HubError::UnknownKey)
    }

    pub(super) fn enlist(&self, id: ConnectionId, mailbox: &Arc<Mailbox>) {
        self.watchers().insert(id, Arc::clone(mailbox));
    }

    pub(super) fn strike(&self, id: ConnectionId) {
        self.watchers().remove(&id);
    }

    /// What was published since a connection was told last; afterwards it has been told.
    pub(super) fn news(&self, told: &mut Told) -> Option<News> {
        let state = self.0.state.read().unwrap_or_else(PoisonError::into_inner);
        match told {
            Told::All { version, published } => {
                let since = std::mem::replace(version, state.version);
                let had = std::mem::replace(published, state.published);
                state.news_of_all(since, had, self.0.framing)
            }
            Told::Some(places) => state.news_of_some(places, self.0.framing),
        }
    }

    /// Every place, as told to somebody who was told everything up to a version.
    pub(super) fn told_up_to(&self, version: u64) -> BTreeMap<usize, (u64, u64)> {
        let state = self.0.state.read().unwrap_or_else(PoisonError::into_inner);
        let told = |text: &Option<Text>| match text {
            Some(text) if text.version <= version => (text.version, text.count),
            _ => (0, 0),
        };
        state.texts.iter().map(told).enumerate().collect()
    }

    fn watchers(&self) -> MutexGuard<'_, HashMap<ConnectionId, Arc<Mailbox>>> {
        self.0.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn replace(&mut self, news: BTreeMap<usize, Frame>, last: Arc<[Frame]>) {
        self.version = self.version.saturating_add(1);
        self.published = self
            .published
            .saturating_add(u64::try_from(news.len()).unwrap_or(u64::MAX));
        self.last = last;
        let version = self.version;
        for (place, frame) in news {
            if let Some(text) = self.texts.get_mut(place) {
                let count = text.as_ref().map_or(0, |text| text.count).saturating_add(1);
                *text = Some(Text {
                    frame,
                    version,
                    count,
                });
            }
        }
    }

    fn news_of_all(&self, since: u64, had: u64, framing: Framing) -> Option<News> {
        if since == self.version {
            return None;
        }
        // Version 0 has been told of nothing, not even of what is on the board longer.
        if since != 0 && since.saturating_add(1) == self.version {
            return Some(News {
                frames: Arc::clone(&self.last),
                conflated: 0,
            });
        }
        let texts = self.texts.iter().flatten();
        let newer: Vec<&Frame> = texts
            .filter(|text| text.version > since)
            .map(|text| &text.frame)
            .collect();
        let sent = u64::try_from(newer.len()).unwrap_or(u64::MAX);
        let conflated = match since {
            0 => 0,
            _ => self.published.saturating_sub(had).saturating_sub(sent),
        };
        let frames = framing.frames(&newer);
        Some(News { frames, conflated })
    }

    fn news_of_some(&self, places: &mut BTreeMap<usize, (u64, u64)>, framing: Framing) -> Option<News> {
        let mut newer = Vec::new();
        let mut conflated = 0_u64;
        for (place, (version, count)) in places {
            if let Some(Some(text)) = self.texts.get(*place)
                && text.version > *version
            {
                if *version != 0 {
                    let replaced = text.count.saturating_sub(*count).saturating_sub(1);
                    conflated = conflated.saturating_add(replaced);
                }
                (*version, *count) = (text.version, text.count);
                newer.push(&text.frame);
            }
        }
        if newer.is_empty() {
            return None;
        }
        let frames = framing.frames(&newer);
        Some(News { frames, conflated })
    }
}

impl Framing {
    fn frames(self, texts: &[&Frame]) -> Arc<[Frame]> {
        let Self::Array { before, after } = self else {
            return texts.iter().map(|text| (*text).clone()).collect();
        };
        if texts.is_empty() {
            return Arc::new([]);
        }
        let size: usize = texts.iter().map(|text| text.size_bytes() + 1).sum();
        let mut joined = String::with_capacity(before.len() + size + after.len());
        joined.push_str(before);
        for (number, text) in texts.iter().enumerate() {
            if number > 0 {
                joined.push(',');
            }
            joined.push_str(text.as_str());
        }
        joined.push_str(after);
        Arc::new([Frame::text(joined)])
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board")
            .field("topic", &self.0.topic)
            .finish_non_exhaustive()
    }
}
