//! A breaker that many calls share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::metrics::gauge::Gauge;
use tokio::time::Instant;

use super::breaker::{Admitted, Breaker, BreakerState, Refused};
use super::{BreakerConfig, FaultKind};

/// A breaker that many calls share, and its metric. Measures time with the monotonic clock.
#[derive(Debug, Clone)]
pub(super) struct Circuit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: &'static str,
    breaker: Mutex<Breaker>,
    beginning: Instant,
    gauge: Gauge,
}

/// A call that was let through. Dropped without an answer it was given up.
#[derive(Debug)]
pub(super) struct Passage {
    circuit: Circuit,
    admitted: Option<Admitted>,
}

impl Circuit {
    pub(super) fn new(name: &'static str, config: BreakerConfig, gauge: Gauge) -> Self {
        gauge.set(BreakerState::Closed.as_i64());
        Self(Arc::new(Inner {
            name,
            breaker: Mutex::new(Breaker::new(config)),
            beginning: Instant::now(),
            gauge,
        }))
    }

    pub(super) fn state(&self) -> BreakerState {
        self.lock().state()
    }

    pub(super) fn admit(&self) -> Result<Passage, Refused> {
        let admitted = self.change(|breaker| breaker.admit(self.0.beginning.elapsed()))?;
        Ok(Passage {
            circuit: self.clone(),
            admitted: Some(admitted),
        })
    }

    /// Changes the breaker and tells of its state when that has changed. The metric is set under the lock, so that it follows.
    fn change<T>(&self, change: impl FnOnce(&mut Breaker) -> T) -> T {
        let mut breaker = self.lock();
        let before = breaker.state();
        let changed = change(&mut breaker);
        let after = breaker.state();
        if before != after {
            self.0.gauge.set(after.as_i64());
            let name = self.0.name;
            match after {
                BreakerState::Open => {
                    tracing::warn!(
                        dependency.name = name,
                        "calls to {name} fail, so that none is made"
                    );
                }
                BreakerState::HalfOpen => {
                    tracing::info!(dependency.name = name, "calls to {name} are tried again");
                }
                BreakerState::Closed => {
                    tracing::info!(dependency.name = name, "calls to {name} succeed again");
                }
            }
        }
        changed
    }

    fn lock(&self) -> MutexGuard<'_, Breaker> {
        self.0.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Passage {
    /// The call was answered, or failed.
    pub(super) fn answered(mut self, failure: Option<FaultKind>) {
        let failed = matches!(failure, Some(FaultKind::Transient | FaultKind::Lasting));
        if let Some(admitted) = self.admitted.take() {
            let at = self.circuit.0.beginning.elapsed();
            self.circuit
                .change(|breaker| breaker.answer(admitted, at, failed));
        }
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        if let Some(admitted) = self.admitted.take() {
            self.circuit.change(|breaker| breaker.abandon(admitted));
        }
    }
}
