//! Is the process alive, is it ready, and how is it?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::check::{Check, CheckResult};
use super::probe::Probe;

/// How often the heartbeat is written.
const BEAT: Duration = Duration::from_secs(1);

/// How old a heartbeat may be before the process counts as stuck.
const STUCK: Duration = Duration::from_secs(5);

/// How the service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// Everything works.
    Ok,
    /// A soft check fails.
    Degraded,
    /// A critical check fails.
    Down,
}

/// The state of the service with every check, for callers who may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthReport {
    /// The worst of the checks.
    pub status: HealthStatus,
    /// The checks, critical ones first.
    pub checks: Vec<CheckResult>,
}

/// Why an instance takes no requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// It has not finished starting.
    #[error("starting")]
    Starting,
    /// It is about to stop.
    #[error("draining")]
    Draining,
    /// A critical check fails.
    #[error("a critical check fails")]
    Failing,
}

/// The health of one process, cheap to clone.
///
/// A [`Platform`](super::Platform) makes and drives its own; a service with another server uses the methods itself.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// use platform_core::runtime::{Check, Health, NotReady};
///
/// let health = Health::new(vec![Check::critical("database", || async { Ok(()) })]);
/// assert_eq!(health.ready().await, Err(NotReady::Starting));
///
/// health.set_started();
/// assert_eq!(health.ready().await, Ok(()));
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct Health(Arc<State>);

#[derive(Debug)]
struct State {
    critical: Probe,
    soft: Probe,
    started: AtomicBool,
    draining: AtomicBool,
    origin: Instant,
    /// Milliseconds from `origin` to the last beat; `NEVER` before the first.
    beat_ms: AtomicU64,
}

const NEVER: u64 = u64::MAX;

impl Health {
    /// The health of a process with these checks, which is starting.
    pub fn new(checks: Vec<Check>) -> Self {
        let (critical, soft) = checks.into_iter().partition(Check::is_critical);
        Self(Arc::new(State {
            critical: Probe::new(critical),
            soft: Probe::new(soft),
            started: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            origin: Instant::now(),
            beat_ms: AtomicU64::new(NEVER),
        }))
    }

    /// Does the runtime still run its tasks? Asks nobody: false when the heartbeat is more than 5 s old.
    ///
    /// A process whose heartbeat has not begun is alive: it is starting.
    pub fn is_alive(&self) -> bool {
        let beat_ms = self.0.beat_ms.load(Ordering::Relaxed);
        beat_ms == NEVER || self.0.origin.elapsed() < Duration::from_millis(beat_ms).saturating_add(STUCK)
    }

    /// May requests be sent here?
    ///
    /// # Errors
    /// [`NotReady`] says why not. Draining is seen at once, a failing check within a second.
    pub async fn ready(&self) -> Result<(), NotReady> {
        self.takes_requests()?;
        let results = self.0.critical.results().await;
        // The checks may have taken a while: a shutdown that began meanwhile counts.
        self.takes_requests()?;
        if results.iter().all(|result| result.ok) {
            return Ok(());
        }
        Err(NotReady::Failing)
    }

    /// The state of every check, at most a second old.
    pub async fn report(&self) -> HealthReport {
        let (critical, soft) = tokio::join!(self.0.critical.results(), self.0.soft.results());
        let status = if critical.iter().any(|result| !result.ok) {
            HealthStatus::Down
        } else if soft.iter().any(|result| !result.ok) {
            HealthStatus::Degraded
        } else {
            HealthStatus::Ok
        };
        let checks = critical.iter().chain(soft.iter()).cloned().collect();
        HealthReport { status, checks }
    }

    /// Everything that must run does: from now on the checks decide. [`Platform::serve`](super::Platform::serve) calls it.
    pub fn set_started(&self) {
        self.0.started.store(true, Ordering::Release);
    }

    /// The process is about to stop: from now on it is not ready. [`Platform::serve`](super::Platform::serve) calls it.
    pub fn set_draining(&self) {
        self.0.draining.store(true, Ordering::Release);
    }

    /// Writes the heartbeat once a second until it is dropped. [`Platform::serve`](super::Platform::serve) runs it.
    pub async fn keep_beating(self) {
        let mut ticks = interval(BEAT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let elapsed_ms = u64::try_from(self.0.origin.elapsed().as_millis()).unwrap_or(NEVER);
            self.0.beat_ms.store(elapsed_ms, Ordering::Relaxed);
        }
    }

    fn takes_requests(&self) -> Result<(), NotReady> {
        if self.0.draining.load(Ordering::Acquire) {
            return Err(NotReady::Draining);
        }
        if !self.0.started.load(Ordering::Acquire) {
            return Err(NotReady::Starting);
        }
        Ok(())
    }
}
