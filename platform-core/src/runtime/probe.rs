//! Runs checks at most once at a time and remembers the answer for a moment.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use tokio::time::Instant;

use super::check::{Check, CheckResult};

/// How long an answer is used again: a storm of probes makes one round of checks a second.
const FRESH: Duration = Duration::from_secs(1);

/// How long one check may take.
const LIMIT: Duration = Duration::from_secs(1);

/// A group of checks behind a cache.
#[derive(Debug)]
pub(super) struct Probe {
    checks: Vec<Check>,
    last: Mutex<Option<(Instant, Arc<[CheckResult]>)>>,
    /// Held by the one caller who runs the checks. When it is cancelled, the next in the queue takes over.
    turn: tokio::sync::Mutex<()>,
}

impl Probe {
    pub(super) fn new(checks: Vec<Check>) -> Self {
        Self {
            checks,
            last: Mutex::new(None),
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// The answers of all checks, at most a second old.
    pub(super) async fn results(&self) -> Arc<[CheckResult]> {
        if let Some(fresh) = self.fresh() {
            return fresh;
        }
        let _turn = self.turn.lock().await;
        // Whoever waited for the turn finds the answer of the caller before.
        if let Some(fresh) = self.fresh() {
            return fresh;
        }
        let results: Arc<[CheckResult]> = join_all(self.checks.iter().map(|check| check.run(LIMIT)))
            .await
            .into();
        *self.last() = Some((Instant::now(), Arc::clone(&results)));
        results
    }

    fn fresh(&self) -> Option<Arc<[CheckResult]>> {
        let last = self.last();
        let (at, results) = last.as_ref()?;
        (at.elapsed() < FRESH).then(|| Arc::clone(results))
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Option<(Instant, Arc<[CheckResult]>)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
