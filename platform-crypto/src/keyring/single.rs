//! One does it for all who wait.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Mutex, MutexGuard};

use super::KeyError;

/// Something that one caller does at a time, for all who want it done.
#[derive(Debug, Default)]
pub(crate) struct Single {
    runs: AtomicU64,
    last: Mutex<Option<Failure>>,
}

#[derive(Debug)]
struct Failure {
    run: u64,
    error: KeyError,
}

/// The turn to do it. Dropped without an end, it goes to the next who waits.
pub(crate) struct Turn<'a> {
    runs: &'a AtomicU64,
    last: MutexGuard<'a, Option<Failure>>,
}

/// What a caller finds that has waited.
pub(crate) enum Waited<'a, T> {
    /// Somebody else has done it.
    Done(T),
    /// Somebody else has tried.
    Failed(KeyError),
    /// Nobody has.
    Turn(Turn<'a>),
}

impl Single {
    /// Waits for the turn; `done` says whether it is needed any more. Who has waited while somebody else failed is told the same and
    /// does not try again at once: a thousand who wait for a database that is gone wait once, not a thousand times.
    pub(crate) async fn wait<T>(&self, done: impl Fn() -> Option<T>) -> Waited<'_, T> {
        let before = self.runs.load(Ordering::Acquire);
        let last = self.last.lock().await;
        if let Some(done) = done() {
            return Waited::Done(done);
        }
        match &*last {
            Some(failed) if failed.run > before => Waited::Failed(failed.error.clone()),
            _ => Waited::Turn(self.turn(last)),
        }
    }

    /// The turn, unless somebody has it.
    pub(crate) fn try_turn(&self) -> Option<Turn<'_>> {
        self.last.try_lock().ok().map(|last| self.turn(last))
    }

    fn turn<'a>(&'a self, last: MutexGuard<'a, Option<Failure>>) -> Turn<'a> {
        Turn {
            runs: &self.runs,
            last,
        }
    }
}

impl Turn<'_> {
    /// Tells those who wait how it went.
    pub(crate) fn end<T>(mut self, result: &Result<T, KeyError>) {
        let run = self.runs.fetch_add(1, Ordering::AcqRel) + 1;
        *self.last = result.as_ref().err().map(|error| Failure {
            run,
            error: error.clone(),
        });
    }
}
