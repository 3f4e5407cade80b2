//! How a hub is made.

use std::fmt;
use std::sync::{Arc, OnceLock};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::facade::Inner;
use super::metrics::HubMetrics;
use super::place::Places;
use super::registry::Registry;
use super::{History, Hub, HubConfig, Presence};
use crate::Sources;
use crate::bus::Bus;
use crate::metrics::Metrics;

/// Makes a [`Hub`]. Without more it is of this process alone, and its ordered topics cannot be resumed.
#[must_use = "it makes a hub when it is told to"]
pub struct HubBuilder {
    config: HubConfig,
    sources: Sources,
    metrics: HubMetrics,
    bus: Option<Bus>,
    history: Option<Arc<dyn History>>,
    presence: Option<Presence>,
    stop: CancellationToken,
}

impl HubBuilder {
    pub(super) fn new(config: HubConfig, sources: Sources, metrics: &Metrics) -> Self {
        Self {
            config,
            sources,
            metrics: HubMetrics::registered(metrics),
            bus: None,
            history: None,
            presence: None,
            stop: CancellationToken::new(),
        }
    }

    /// Where the events of ordered topics are kept.
    pub fn history(mut self, history: Arc<dyn History>) -> Self {
        self.history = Some(history);
        self
    }

    /// Publishes ordered topics to other instances too. What they publish arrives while [`Hub::relay`] runs.
    pub fn bus(mut self, bus: Bus) -> Self {
        self.bus = Some(bus);
        self
    }

    /// Tells who is connected: each authenticated connection is in the room `connected` of its tenant.
    pub fn presence(mut self, presence: Presence) -> Self {
        self.presence = Some(presence);
        self
    }

    /// Drains when this token is cancelled, as [`Hub::drain`] does.
    pub fn stop(mut self, stop: &CancellationToken) -> Self {
        self.stop = stop.child_token();
        self
    }

    /// The hub.
    pub fn build(self) -> Hub {
        let listener = self.bus.as_ref().map(Bus::listener);
        let interest = listener.as_ref().map(|listener| listener.interest());
        Hub::of(Inner {
            origin: Uuid::from_bytes(self.sources.bytes()),
            registry: Registry::new(interest),
            places: Places::default(),
            closer: OnceLock::new(),
            reads: Semaphore::new(self.config.history_reads_max),
            listener: tokio::sync::Mutex::new(listener),
            config: self.config,
            sources: self.sources,
            metrics: self.metrics,
            bus: self.bus,
            history: self.history,
            presence: self.presence,
            stop: self.stop,
        })
    }
}

impl fmt::Debug for HubBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubBuilder")
            .field("config", &self.config)
            .field("bus", &self.bus)
            .field("has_history", &self.history.is_some())
            .finish_non_exhaustive()
    }
}
