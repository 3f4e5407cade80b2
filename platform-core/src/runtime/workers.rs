//! Starts the workers of all modules and stops them in reverse.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::worker::Supervised;

/// The running workers, grouped by module in dependency order. Dropping them aborts what still runs.
#[derive(Debug)]
pub(super) struct Workers(Vec<Group>);

#[derive(Debug)]
struct Group {
    stop: CancellationToken,
    running: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    name: Arc<str>,
    task: AbortOnDropHandle<()>,
}

impl Workers {
    pub(super) fn start(groups: Vec<Vec<Supervised>>) -> Self {
        Self(groups.into_iter().map(Group::start).collect())
    }

    /// Tells the workers of the last module to stop, waits for them, and so on to the first. At the deadline the rest is told
    /// too, and nobody is waited for any more.
    pub(super) async fn stop(&mut self, deadline: Instant) {
        for group in self.0.iter_mut().rev() {
            group.stop.cancel();
            for running in &mut group.running {
                // The supervisor catches the worker's panics; an error here is the time being up.
                let _ = timeout_at(deadline, &mut running.task).await;
            }
        }
    }

    /// Drops what the workers that have not returned were at.
    pub(super) fn abort(&self) {
        for running in self.0.iter().flat_map(|group| &group.running) {
            running.task.abort();
        }
    }

    /// The workers that have not returned.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = &str> {
        let running = self.0.iter().flat_map(|group| &group.running);
        running
            .filter(|running| !running.task.is_finished())
            .map(|running| &*running.name)
    }
}

impl Group {
    fn start(workers: Vec<Supervised>) -> Self {
        let stop = CancellationToken::new();
        let start = |supervised: Supervised| Running {
            name: supervised.name(),
            task: AbortOnDropHandle::new(tokio::spawn(supervised.supervise(stop.clone()))),
        };
        let running = workers.into_iter().map(start).collect();
        Self { stop, running }
    }
}
