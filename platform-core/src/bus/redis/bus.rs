//! Notices by Redis pub/sub.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use redis::aio::MultiplexedConnection;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::super::{BusBackend, BusCaps, BusError, Notice, Switchboard, Topic};
use super::handle::unavailable;
use super::{Redis, connection};

/// Carries notices between all processes at one Redis, by its pub/sub.
///
/// It connects again for as long as it lives, with a wait that grows to [`RedisConfig::retry_max`](super::RedisConfig::retry_max); then
/// every topic is subscribed again, and after that everybody who listens is told that notices may have been missed. While it is not
/// connected, publishing fails at once. Its task ends with the last clone.
#[derive(Debug, Clone)]
pub struct RedisBus {
    shared: Arc<Shared>,
    _task: Arc<Task>,
}

/// What the bus and the task behind it share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) redis: Redis,
    pub(super) switchboard: Switchboard,
    /// The connection, while there is one.
    pub(super) connection: watch::Sender<Option<Connected>>,
    subscriptions: Mutex<Subscriptions>,
    /// There is something to bring in line.
    pub(super) work: Notify,
    /// Counts how often subscriptions have changed.
    pub(super) settled: watch::Sender<u64>,
}

#[derive(Clone)]
pub(super) struct Connected(pub(super) MultiplexedConnection);

#[derive(Debug, Default)]
struct Subscriptions {
    /// Subscribed to at the present connection.
    in_force: HashSet<Topic>,
    /// May differ from what the switchboard wants.
    unsettled: HashSet<Topic>,
}

#[derive(Debug)]
struct Task(AbortHandle);

impl RedisBus {
    /// Begins to connect, in a task of its own. It must be called within a Tokio runtime.
    pub fn start(redis: &Redis) -> Self {
        let shared = Arc::new(Shared {
            redis: redis.clone(),
            switchboard: Switchboard::default(),
            connection: watch::Sender::new(None),
            subscriptions: Mutex::default(),
            work: Notify::new(),
            settled: watch::Sender::new(0),
        });
        let task = tokio::spawn(connection::keep(Arc::clone(&shared)));
        Self {
            shared,
            _task: Arc::new(Task(task.abort_handle())),
        }
    }

    /// Is Redis reached at this moment? For a health check.
    pub fn is_connected(&self) -> bool {
        self.shared.connection.borrow().is_some()
    }

    /// Waits until Redis is reached, as long as a connection and an answer may take.
    ///
    /// # Errors
    /// [`BusError::Unavailable`].
    pub async fn connected(&self) -> Result<(), BusError> {
        self.shared.connected().await.map(drop)
    }
}

#[async_trait]
impl BusBackend for RedisBus {
    fn caps(&self) -> BusCaps {
        BusCaps {
            is_shared: true,
            is_ordered: true,
        }
    }

    fn switchboard(&self) -> &Switchboard {
        &self.shared.switchboard
    }

    async fn publish(&self, notice: Notice) -> Result<(), BusError> {
        let connected = self.shared.connection.borrow().clone();
        let Some(Connected(mut connection)) = connected else {
            return Err(unavailable(NotConnected));
        };
        let mut command = redis::cmd("PUBLISH");
        command
            .arg(self.shared.channel(&notice.topic))
            .arg(&notice.body[..]);
        let heard: Result<(), _> = command.query_async(&mut connection).await;
        heard.map_err(unavailable)
    }

    fn changed(&self, topic: &Topic) {
        self.shared.subscriptions().unsettled.insert(topic.clone());
        self.shared.work.notify_one();
    }

    async fn settled(&self, topic: &Topic) -> Result<(), BusError> {
        let mut settled = self.shared.settled.subscribe();
        let in_force = async {
            while self.shared.subscriptions().in_force.contains(topic) != self.shared.switchboard.wants(topic)
            {
                settled.changed().await.map_err(unavailable)?;
            }
            Ok(())
        };
        timeout(self.shared.patience(), in_force)
            .await
            .map_err(unavailable)?
    }
}

impl Shared {
    pub(super) fn channel(&self, topic: &Topic) -> String {
        self.redis.key("bus", topic)
    }

    /// The topic of a channel.
    pub(super) fn topic(&self, channel: &str) -> Option<Topic> {
        let rest = channel.strip_prefix(&self.redis.config.prefix)?;
        Topic::read(rest.strip_prefix(":bus:")?)
    }

    pub(super) async fn connected(&self) -> Result<Connected, BusError> {
        let mut connection = self.connection.subscribe();
        let found = timeout(self.patience(), connection.wait_for(Option::is_some)).await;
        let found = found.map_err(unavailable)?.map_err(unavailable)?.clone();
        found.ok_or_else(|| unavailable(NotConnected))
    }

    /// Nothing is in force any more; all that is wanted is to be subscribed to.
    pub(super) fn lost(&self) {
        let mut subscriptions = self.subscriptions();
        subscriptions.in_force.clear();
        subscriptions.unsettled = self.switchboard.wanted().into_iter().collect();
    }

    /// What is to be subscribed to, and what to be unsubscribed from.
    pub(super) fn unsettled(&self) -> (Vec<Topic>, Vec<Topic>) {
        let mut subscriptions = self.subscriptions();
        let unsettled = std::mem::take(&mut subscriptions.unsettled);
        let differs = |topic: &Topic| self.switchboard.wants(topic) != subscriptions.in_force.contains(topic);
        unsettled
            .into_iter()
            .filter(differs)
            .partition(|topic| self.switchboard.wants(topic))
    }

    /// These are in force, or not any more.
    pub(super) fn settle(&self, topics: &[Topic], in_force: bool) {
        let mut subscriptions = self.subscriptions();
        for topic in topics {
            if in_force {
                subscriptions.in_force.insert(topic.clone());
            } else {
                subscriptions.in_force.remove(topic);
            }
        }
        drop(subscriptions);
        self.settled.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn patience(&self) -> std::time::Duration {
        self.redis.config.connect_timeout + self.redis.config.response_timeout
    }

    fn subscriptions(&self) -> MutexGuard<'_, Subscriptions> {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl std::fmt::Debug for Connected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connected")
    }
}

/// There is no connection at this moment.
#[derive(Debug, thiserror::Error)]
#[error("there is no connection to Redis at this moment")]
struct NotConnected;
