//! Health checks and their results.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde::Serialize;
use tokio::time::{Instant, timeout};

use super::worker::panic_text;

type Run = dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync;

/// A question about something the service depends on.
///
/// While a *critical* check fails the instance is not ready and its health is `down`; while a *soft* one fails it stays ready and
/// its health is `degraded`. A check has one second; one that takes longer or panics has failed. The message of a failure is
/// shown only to callers with [`HEALTH`](super::HEALTH), and should still hold no secret.
///
/// ```
/// use platform_core::runtime::Check;
///
/// let check = Check::critical("database", || async { Ok(()) });
/// assert_eq!(check.name(), "database");
/// ```
#[derive(Clone)]
pub struct Check {
    name: Arc<str>,
    critical: bool,
    run: Arc<Run>,
}

impl Check {
    /// A check without which no request can be answered.
    pub fn critical<F, Fut>(name: impl Into<Arc<str>>, run: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self {
            name: name.into(),
            critical: true,
            run: Arc::new(move || run().boxed()),
        }
    }

    /// A check of something the service can do without for a while.
    pub fn soft<F, Fut>(name: impl Into<Arc<str>>, run: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self {
            critical: false,
            ..Self::critical(name, run)
        }
    }

    /// Its name, unique in the process.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Is the service not ready while it fails?
    pub fn is_critical(&self) -> bool {
        self.critical
    }

    pub(super) async fn run(&self, limit: Duration) -> CheckResult {
        let started = Instant::now();
        let run = Arc::clone(&self.run);
        let guarded = AssertUnwindSafe(async move { run().await }).catch_unwind();
        let message = match timeout(limit, guarded).await {
            Ok(Ok(Ok(()))) => None,
            Ok(Ok(Err(message))) => Some(message),
            Ok(Err(panic)) => Some(format!("panicked: {}", panic_text(panic.as_ref()))),
            Err(_) => Some(format!("no answer within {} ms", limit.as_millis())),
        };
        CheckResult {
            name: Arc::clone(&self.name),
            critical: self.critical,
            ok: message.is_none(),
            message,
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("name", &self.name)
            .field("critical", &self.critical)
            .finish_non_exhaustive()
    }
}

/// The answer of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckResult {
    /// The check's name.
    pub name: Arc<str>,
    /// Is the service not ready while it fails?
    pub critical: bool,
    /// Did it succeed?
    pub ok: bool,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How long it took.
    pub duration_ms: u64,
}
