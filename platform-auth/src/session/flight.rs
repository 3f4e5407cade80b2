//! One question to the database for everybody who wants to know the same.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::cache::Key;
use super::find::Outcome;

/// Questions that are being asked: no more than requests are being served.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<Key, watch::Receiver<Option<Outcome>>>>);

/// Who asks.
pub(super) enum Enter<'a> {
    /// Whoever came first.
    Lead(Lead<'a>),
    /// Everybody else, who is told.
    Follow(watch::Receiver<Option<Outcome>>),
}

/// The one who asks. Dropped without an answer, such as with a client that went away, it leaves the question to the next.
pub(super) struct Lead<'a> {
    flights: &'a Flights,
    key: Key,
    tell: watch::Sender<Option<Outcome>>,
}

impl Flights {
    pub(super) fn enter(&self, key: Key) -> Enter<'_> {
        let mut flights = self.lock();
        if let Some(flight) = flights.get(&key) {
            return Enter::Follow(flight.clone());
        }
        let (tell, hear) = watch::channel(None);
        flights.insert(key, hear);
        Enter::Lead(Lead {
            flights: self,
            key,
            tell,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, watch::Receiver<Option<Outcome>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lead<'_> {
    /// Tells everybody who waits.
    pub(super) fn answer(self, outcome: Outcome) {
        self.tell.send_replace(Some(outcome));
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
    }
}

/// Waits for the answer, no longer than whoever asks waits for the database; `None` when nobody asks any more.
pub(super) async fn told(mut flight: watch::Receiver<Option<Outcome>>) -> Option<Outcome> {
    let outcome = flight.wait_for(Option::is_some).await.ok()?;
    outcome.clone()
}
