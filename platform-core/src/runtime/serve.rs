//! Runs a platform: starts workers and listener, waits for the stop signal, and stops in two phases.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::DropGuard;
use tokio_util::task::AbortOnDropHandle;

use super::connections::Connections;
use super::health::Health;
use super::hook::Hook;
use super::platform::Platform;
use super::shutdown::{Insist, Outcome, Shutdown, ShutdownConfig};
use super::workers::Workers;
use crate::error_chain;

/// The bound of a `drain` that is beyond what the clock can count to.
const LONGEST_DRAIN: Duration = Duration::from_secs(24 * 60 * 60);

impl Platform {
    /// Starts the workers in dependency order, becomes ready, and answers requests until `stop` resolves. Then:
    ///
    /// 1. `/readyz` answers 503; for `notice` requests are still taken.
    /// 2. The listener closes; [`Shutdown`] tells streams; requests in flight finish while the workers are told to stop, those of
    ///    the module that depends on most first. All of it within `drain`.
    /// 3. The stop hooks run, also after the deadline, each within `hook`.
    ///
    /// A second stop signal ([`Insist`]) ends this at once. The database is left open for the caller to close. Dropping the future
    /// ends everything without waiting.
    pub async fn serve<S: Insist>(
        self,
        listener: TcpListener,
        config: ShutdownConfig,
        stop: impl Future<Output = S>,
    ) -> Outcome {
        let mut service = Service::start(self, listener, config);
        let second = stop.await;
        tracing::info!("stopping");
        let outcome = tokio::select! {
            biased;
            () = second.insisted() => None,
            outcome = service.stop() => Some(outcome),
        };
        let outcome = outcome.unwrap_or_else(|| Outcome::Forced {
            what: service.unfinished(),
        });
        match &outcome {
            Outcome::Clean => tracing::info!("stopped"),
            Outcome::DeadlineExceeded { what } => {
                tracing::error!(unfinished = ?what, "stopped at the deadline; some work was abandoned");
            }
            Outcome::Forced { what } => {
                tracing::warn!(unfinished = ?what, "stopped at once; some work was abandoned");
            }
        }
        outcome
    }
}

/// What runs. Dropping it aborts the tasks and cuts the connections.
struct Service {
    health: Health,
    shutdown: Shutdown,
    config: ShutdownConfig,
    connections: Connections,
    workers: Workers,
    /// The hooks that have not finished.
    hooks: VecDeque<Hook>,
    accepting: AbortOnDropHandle<()>,
    _heart: AbortOnDropHandle<()>,
    _cut: DropGuard,
}

impl Service {
    fn start(platform: Platform, listener: TcpListener, config: ShutdownConfig) -> Self {
        let health = platform.health;
        let heart = AbortOnDropHandle::new(tokio::spawn(health.clone().keep_beating()));
        let workers = Workers::start(platform.workers);
        let connections = Connections::new(platform.limits);
        let cut = connections.kill_on_drop();
        let accepting = connections.clone().accept(listener, platform.router);
        health.set_started();
        Self {
            health,
            shutdown: platform.shutdown,
            config,
            connections,
            workers,
            hooks: platform.hooks.into(),
            accepting: AbortOnDropHandle::new(tokio::spawn(accepting)),
            _heart: heart,
            _cut: cut,
        }
    }

    async fn stop(&mut self) -> Outcome {
        self.health.set_draining();
        sleep(self.config.notice).await;
        self.connections.stop();
        // Ends as soon as the loop sees the token; an error would be a panic of its own.
        let _ = (&mut self.accepting).await;
        self.shutdown.begin();
        let now = Instant::now();
        let deadline = now.checked_add(self.config.drain).unwrap_or(now + LONGEST_DRAIN);
        let (drained, ()) = tokio::join!(
            timeout_at(deadline, self.connections.drained()),
            self.workers.stop(deadline),
        );
        let mut what: Vec<String> = Vec::new();
        if drained.is_err() {
            what.extend(connections(self.connections.count()));
        }
        what.extend(self.workers.unfinished().map(worker));
        // What is abandoned must not work on while the hooks put things away.
        self.connections.kill();
        self.workers.abort();
        what.extend(self.run_hooks().await);
        if what.is_empty() {
            Outcome::Clean
        } else {
            Outcome::DeadlineExceeded { what }
        }
    }

    /// Runs the hooks one after the other and names those that took too long.
    async fn run_hooks(&mut self) -> Vec<String> {
        let mut late = Vec::new();
        while let Some(hook) = self.hooks.front() {
            let name = hook.name();
            match timeout(self.config.hook, hook.run()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    let error = error_chain(error.as_ref());
                    tracing::error!(hook.name = name, error, "stop hook {name} failed");
                }
                Err(_) => late.push(format!("hook {name}")),
            }
            self.hooks.pop_front();
        }
        late
    }

    fn unfinished(&self) -> Vec<String> {
        let hooks = self.hooks.iter().map(|hook| format!("hook {}", hook.name()));
        connections(self.connections.count())
            .into_iter()
            .chain(self.workers.unfinished().map(worker))
            .chain(hooks)
            .collect()
    }
}

fn connections(count: usize) -> Option<String> {
    match count {
        0 => None,
        1 => Some("1 connection".to_owned()),
        more => Some(format!("{more} connections")),
    }
}

fn worker(name: &str) -> String {
    format!("worker {name}")
}
