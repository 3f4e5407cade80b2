//! How a service stops: what it waits for, how long, and how it went.

use std::process::ExitCode;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// The limits of a shutdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShutdownConfig {
    /// How long the instance goes on taking requests after it has become not ready, so that load balancers notice. Default 0.
    pub notice: Duration,
    /// How long requests, streams and workers together may take to finish. Default 20 s.
    pub drain: Duration,
    /// How long each stop hook may take. Default 5 s.
    pub hook: Duration,
}

impl Default for ShutdownConfig {
    fn default() -> Self {
        Self {
            notice: Duration::ZERO,
            drain: Duration::from_secs(20),
            hook: Duration::from_secs(5),
        }
    }
}

/// Tells handlers of long-lived streams that the service stops, cheap to clone.
///
/// An open stream counts as a request in flight: the shutdown waits for it. A WebSocket handler closes with code 1012 (service
/// restart) when it learns of it.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// Completes when the service has stopped accepting connections and drains. Cancel-safe.
    pub async fn stopping(&self) {
        self.0.cancelled().await;
    }

    /// Does the service drain?
    pub fn is_stopping(&self) -> bool {
        self.0.is_cancelled()
    }

    /// The same news as a token.
    pub fn token(&self) -> CancellationToken {
        self.0.child_token()
    }

    pub(super) fn begin(&self) {
        self.0.cancel();
    }
}

/// What a stop signal leaves behind: a way to insist.
///
/// [`Platform::serve`](super::Platform::serve) takes any future as its stop signal. What the future resolves to says whether there
/// can be a second signal, which ends the shutdown at once: `()` has none, [`signals`](super::signals) resolves to the next
/// signal, a [`CancellationToken`] to its cancellation.
pub trait Insist {
    /// Completes when waiting is over.
    fn insisted(self) -> impl Future<Output = ()>;
}

impl Insist for () {
    fn insisted(self) -> impl Future<Output = ()> {
        std::future::pending()
    }
}

impl Insist for CancellationToken {
    fn insisted(self) -> impl Future<Output = ()> {
        self.cancelled_owned()
    }
}

/// How a shutdown went.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "the exit code tells the supervisor of the process how the shutdown went"]
pub enum Outcome {
    /// Every request was answered, every worker returned, every hook ran.
    Clean,
    /// The time was up before these were done; they were abandoned.
    DeadlineExceeded {
        /// Such as `2 connections` or `worker parcels.expire`.
        what: Vec<String>,
    },
    /// A second stop signal came before these were done; they were abandoned.
    Forced {
        /// Such as `2 connections` or `worker parcels.expire`.
        what: Vec<String>,
    },
}

impl Outcome {
    /// 0 for a clean shutdown, 124 (as of `timeout`) after the deadline, 130 (as of an interrupt) when it was forced.
    pub fn code(&self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::DeadlineExceeded { .. } => 124,
            Self::Forced { .. } => 130,
        }
    }

    /// [`Self::code`] as `main` returns it.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }
}
