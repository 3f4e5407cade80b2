//! The hub as a service holds it.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::response::Response;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::connection::Connection;
use super::metrics::HubMetrics;
use super::place::{Place, Places};
use super::registry::Registry;
use super::socket::Socket;
use super::{
    CloseReason, Frame, Handshake, History, HubBuilder, HubConfig, HubError, Identity, Link, Opening,
    Presence, Protocol, relay,
};
use crate::bus::{Bus, BusError, Listener, Topic};
use crate::metrics::Metrics;
use crate::{RequestMeta, Sources};

/// Holds WebSockets and sends them what they follow. Cheap to clone; see the [module](super).
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) config: HubConfig,
    pub(super) sources: Sources,
    pub(super) metrics: HubMetrics,
    pub(super) registry: Registry,
    pub(super) places: Places,
    pub(super) history: Option<Arc<dyn History>>,
    pub(super) presence: Option<Presence>,
    pub(super) bus: Option<Bus>,
    /// Names this instance, so that it leaves out its own notices.
    pub(super) origin: Uuid,
    pub(super) listener: tokio::sync::Mutex<Option<Listener>>,
    /// Reads of history at a time.
    pub(super) reads: Semaphore,
    pub(super) stop: CancellationToken,
    /// The task that ends every connection when the service stops, from the first connection on.
    pub(super) closer: OnceLock<AbortHandle>,
}

/// How a drain went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "it tells whether somebody is still connected"]
pub struct Drained {
    /// Connections that are still open.
    pub left: usize,
}

impl Hub {
    /// Begins to make a hub. Its metrics are registered at once: one hub for each registry.
    pub fn builder(config: HubConfig, sources: Sources, metrics: &Metrics) -> HubBuilder {
        HubBuilder::new(config, sources, metrics)
    }

    pub(super) fn of(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Opens a WebSocket, on which this protocol is spoken.
    ///
    /// # Errors
    /// [`HubError::Draining`] and those for which [`HubConfig`] has no place, which a handler answers before anything is upgraded: 503
    /// where the service is full, 429 where this address or principal has all that it may have.
    pub fn accept(
        &self,
        handshake: Handshake,
        protocol: Arc<dyn Protocol>,
        opening: Opening,
    ) -> Result<Response, HubError> {
        let (meta, identity) = opening.lasting();
        // Given back also when the client never finishes the handshake.
        let place = self.place(&meta, identity);
        let place = place.inspect_err(|error| self.inner.metrics.refused(*error))?;
        let codec = self.inner.config.codec();
        let (answer, upgrade) = handshake.accept();
        // On the heap, and gone before the connection begins: there are many of them, and each is to be no larger than it is.
        let opening = Box::pin(async move {
            let socket = Socket::new(upgrade.await.ok()?, codec).await;
            Some(Box::new(Connection::new(
                socket,
                Link::new(place, meta),
                protocol,
            )))
        });
        tokio::spawn(async move {
            let opened = opening.await;
            // A client that never finishes the handshake has none.
            if let Some(mut connection) = opened {
                connection.run().await;
            }
        });
        Ok(answer)
    }

    fn place(&self, meta: &RequestMeta, identity: Option<Identity>) -> Result<Place, HubError> {
        if self.is_draining() {
            return Err(HubError::Draining);
        }
        self.inner.closer.get_or_init(|| self.close_when_it_stops());
        Place::take(&self.inner, meta.source_address, identity.map(Arc::new))
    }

    /// One task for all connections, which have nothing to look at then but their mailboxes.
    fn close_when_it_stops(&self) -> AbortHandle {
        let (stop, inner) = (self.inner.stop.clone(), Arc::downgrade(&self.inner));
        let closing = async move {
            stop.cancelled().await;
            if let Some(inner) = inner.upgrade() {
                inner.registry.end_all(CloseReason::Restart);
            }
        };
        tokio::spawn(closing).abort_handle()
    }

    /// Sends the event with this number to everybody who follows an ordered topic, here and at other instances.
    ///
    /// Numbers of a topic begin at 1 and have no gaps. With a [`History`] events may be published in any order by anybody, each after it
    /// was kept there; without, in their order.
    ///
    /// # Errors
    /// [`BusError`] when it was sent here, but perhaps not to other instances: their clients get it with the next event, or when they
    /// resume.
    pub async fn publish(&self, topic: &Topic, seq: u64, frame: &Frame) -> Result<(), BusError> {
        self.inner.registry.deliver(topic, seq, frame);
        match &self.inner.bus {
            Some(bus) => {
                bus.publish(topic, relay::notice(self.inner.origin, seq, frame))
                    .await
            }
            None => Ok(()),
        }
    }

    /// Has everybody who follows an ordered topic here read up to the event with this number, which is kept in its [`History`]. For whoever
    /// learns that there is something new, and not what.
    pub fn announce(&self, topic: &Topic, seq: u64) {
        self.inner.registry.announce(topic, seq);
    }

    /// The ordered topics that anybody follows here, in no order.
    pub fn topics(&self) -> Vec<Topic> {
        self.inner.registry.topics()
    }

    /// Sends on what other instances publish, until it is told to stop. To be run once, as a worker; without a bus it only waits.
    pub async fn relay(&self, stop: CancellationToken) {
        relay::run(&self.inner, stop).await;
    }

    /// Ends the connections of those of whom this is true, such as of a session that was just revoked.
    pub fn end(&self, reason: CloseReason, of: impl Fn(&Identity) -> bool) {
        for (identity, mailbox) in self.inner.registry.authenticated() {
            if of(&identity) {
                mailbox.close(reason);
            }
        }
    }

    /// How many are connected.
    pub fn connections(&self) -> usize {
        *self.inner.registry.open().borrow()
    }

    /// Does it accept nobody any more? A readiness check asks.
    pub fn is_draining(&self) -> bool {
        self.inner.stop.is_cancelled()
    }

    /// Accepts nobody any more, closes every connection (1012) with the advice to connect again after a while, each another, and waits
    /// until they are gone or the time is up.
    pub async fn drain(&self, within: Duration) -> Drained {
        let mut open = self.inner.registry.open();
        self.inner.stop.cancel();
        self.inner.registry.end_all(CloseReason::Restart);
        // The sender lives as long as this hub, so that waiting ends with nobody connected or with the time.
        let _ = timeout(within, open.wait_for(|open| *open == 0)).await;
        let left = *open.borrow();
        Drained { left }
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }
}

impl Inner {
    /// What a client is told when the service stops: to wait, and no two of them equally long.
    pub(super) fn retry_advice(&self) -> String {
        let most = u64::try_from(self.config.retry_max.as_millis()).unwrap_or(u64::MAX);
        let drawn = u64::from_be_bytes(self.sources.bytes());
        format!("retry_ms={}", drawn % most.saturating_add(1).max(1))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(closer) = self.closer.get() {
            closer.abort();
        }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("config", &self.inner.config)
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}
