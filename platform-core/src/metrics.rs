//! Metrics with bounded labels.
//!
//! A component makes its counters, registers them once and keeps the handles; whoever runs the service answers
//! [`Metrics::encode`] to the scraper. A label takes few values by construction: route templates instead of paths, and
//! [`Bounded`] for anything that grows with the number of customers.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::encoding::text;
use prometheus_client::registry::{Metric, Registry};

pub use prometheus_client;

/// The metrics of a service, cheap to clone.
///
/// ```
/// use platform_core::metrics::{Metrics, prometheus_client::metrics::counter::Counter};
///
/// let metrics = Metrics::new();
/// let accepted: Counter = Counter::default();
/// metrics.register("parcels_accepted", "Parcels that were accepted", accepted.clone());
///
/// accepted.inc();
/// assert!(metrics.encode().contains("parcels_accepted_total 1"));
/// ```
#[derive(Clone, Default)]
pub struct Metrics(Arc<Mutex<Named>>);

#[derive(Default)]
struct Named {
    registry: Registry,
    names: HashSet<String>,
}

impl Metrics {
    /// No metrics yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a metric; the caller keeps a clone of it. A counter's name is given without `_total`, which is added when it is
    /// read. The help text is given without its full stop.
    ///
    /// A name is taken once: a second metric of that name is not exported, and a warning says so, because a scraper refuses
    /// the whole page when a name is there twice.
    pub fn register(&self, name: &str, help: &str, metric: impl Metric) {
        let mut named = self.lock();
        if named.names.insert(name.to_owned()) {
            named.registry.register(name, help, metric);
        } else {
            tracing::warn!(metric = name, "a metric named {name} is registered already");
        }
    }

    /// Every metric in the text format of OpenMetrics 1.0, served as [`Metrics::CONTENT_TYPE`].
    pub fn encode(&self) -> String {
        let mut page = String::new();
        if text::encode(&mut page, &self.lock().registry).is_err() {
            tracing::error!("the metrics cannot be written");
        }
        page
    }

    /// The media type of [`Metrics::encode`].
    pub const CONTENT_TYPE: &'static str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    fn lock(&self) -> MutexGuard<'_, Named> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// Keeps the values of a label few: the first `size` values are themselves, every later one is `other`.
///
/// A value that was let in stays, so that no series ever changes its meaning.
///
/// ```
/// use platform_core::metrics::Bounded;
///
/// let tenants = Bounded::new(2);
/// assert_eq!(&*tenants.label("acme"), "acme");
/// assert_eq!(&*tenants.label("globex"), "globex");
/// assert_eq!(&*tenants.label("initech"), "other");
/// assert_eq!(&*tenants.label("acme"), "acme");
/// ```
#[derive(Debug, Clone)]
pub struct Bounded {
    size: usize,
    seen: Arc<Mutex<HashSet<Arc<str>>>>,
    other: Arc<str>,
}

impl Bounded {
    /// A label that takes `size` values and `other`.
    pub fn new(size: usize) -> Self {
        Self {
            size,
            seen: Arc::default(),
            other: Arc::from("other"),
        }
    }

    /// The value itself while there is room, or else `other`.
    pub fn label(&self, value: &str) -> Arc<str> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = seen.get(value) {
            return Arc::clone(known);
        }
        if seen.len() >= self.size {
            return Arc::clone(&self.other);
        }
        let value: Arc<str> = Arc::from(value);
        seen.insert(Arc::clone(&value));
        value
    }
}
