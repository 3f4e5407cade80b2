//! Named background tasks that are started again when they fail.

use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::BoxError;
use super::backoff::Backoff;
use super::worker_metrics::Restarts;
use crate::{Sources, error_chain};

type Run = dyn Fn(CancellationToken) -> BoxFuture<'static, Result<(), BoxError>> + Send + Sync;

/// A background task of a module.
///
/// The function is called with a token that is cancelled when the worker is to stop; it should then return soon, because the
/// shutdown waits for it. Returning `Ok` ends the worker for good. After an error or a panic it is called again, after a wait that
/// grows with each failure ([`Backoff`]); it is never given up, but while it fails the check `worker:<name>` is degraded and
/// `worker_restarts_total` counts.
///
/// ```
/// use platform_core::runtime::Worker;
/// use std::time::Duration;
///
/// let worker = Worker::new("parcels.expire", |stop| async move {
///     let mut tick = tokio::time::interval(Duration::from_secs(60));
///     while stop.run_until_cancelled(tick.tick()).await.is_some() {
///         // expire what is due
///     }
///     Ok(())
/// });
/// assert_eq!(worker.name(), "parcels.expire");
/// ```
#[derive(Clone)]
pub struct Worker {
    name: Arc<str>,
    run: Arc<Run>,
    backoff: Backoff,
}

impl Worker {
    /// A worker of this name, which must be unique in the process: it labels logs, metrics and health.
    pub fn new<F, Fut>(name: impl Into<Arc<str>>, run: F) -> Self
    where
        F: Fn(CancellationToken) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        Self {
            name: name.into(),
            run: Arc::new(move |stop| run(stop).boxed()),
            backoff: Backoff::default(),
        }
    }

    /// The same worker with other waits between its restarts.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("name", &self.name)
            .field("backoff", &self.backoff)
            .finish_non_exhaustive()
    }
}

/// Why a worker fails at the moment, if it does. Shared by its supervisor and its health check.
#[derive(Debug, Clone, Default)]
pub(super) struct WorkerState(Arc<Mutex<Option<String>>>);

impl WorkerState {
    pub(super) fn failure(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, failure: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }
}

/// A worker with what its supervisor needs.
#[derive(Debug)]
pub(super) struct Supervised {
    pub(super) worker: Worker,
    pub(super) state: WorkerState,
    pub(super) restarts: Restarts,
    pub(super) sources: Sources,
}

impl Supervised {
    pub(super) fn name(&self) -> Arc<str> {
        Arc::clone(&self.worker.name)
    }

    /// Runs the worker until it is done or told to stop. Dropping this future drops the worker's.
    pub(super) async fn supervise(self, stop: CancellationToken) {
        let name = self.worker.name.clone();
        let mut failures: u32 = 0;
        loop {
            let started = Instant::now();
            let Err(failure) = self.run_once(&stop).await else {
                self.state.set(None);
                tracing::debug!(worker.name = %name, "worker {name} is done");
                return;
            };
            if stop.is_cancelled() {
                tracing::warn!(worker.name = %name, error = %failure, "worker {name} failed while it stopped");
                return;
            }
            if started.elapsed() >= self.worker.backoff.steady {
                failures = 0;
            }
            failures = failures.saturating_add(1);
            let wait = self.worker.backoff.wait(failures, &self.sources);
            tracing::error!(
                worker.name = %name, worker.failures = failures, wait_ms = wait.as_millis(), error = %failure,
                "worker {name} failed and is started again"
            );
            self.state.set(Some(failure));
            if stop.run_until_cancelled(sleep(wait)).await.is_none() {
                return;
            }
            self.restarts.count(&name);
        }
    }

    /// One run. A failure that is past is forgotten once the run has been steady.
    async fn run_once(&self, stop: &CancellationToken) -> Result<(), String> {
        let run = Arc::clone(&self.worker.run);
        let token = stop.clone();
        // The call is inside the guarded future: a function may panic before it returns one.
        let guarded = AssertUnwindSafe(async move { run(token).await }).catch_unwind();
        tokio::pin!(guarded);
        let finished = tokio::select! {
            finished = &mut guarded => finished,
            () = sleep(self.worker.backoff.steady) => {
                self.state.set(None);
                guarded.await
            }
        };
        match finished {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error_chain(error.as_ref())),
            Err(panic) => Err(format!("panicked: {}", panic_text(panic.as_ref()))),
        }
    }
}

/// What a panic said, when it said it in text.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&'static str>().copied();
    let formatted = panic.downcast_ref::<String>().map(String::as_str);
    literal.or(formatted).unwrap_or("without a message")
}
