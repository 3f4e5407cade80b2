//! One question to the database for everybody who wants to know the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::error::Elapsed;

use super::{CredentialKey, Remembered};

/// How long a request waits for what another one is asking already; longer than a database is waited for.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// What a question came to.
pub(super) enum Answer<C> {
    /// There is such a credential.
    Found(Arc<Remembered<C>>),
    /// There was none that could be good, at this turn.
    Nothing { turn: u64 },
    /// Nobody knows: the database failed whoever asked.
    Failed,
}

type Flight<C> = watch::Receiver<Option<Answer<C>>>;

/// Questions that are being asked: no more than requests are being served.
pub(super) struct Flights<C>(Mutex<HashMap<CredentialKey, Flight<C>>>);

/// Who asks.
pub(super) enum Enter<'a, C> {
    /// Whoever came first.
    Lead(Lead<'a, C>),
    /// Everybody else, who is told.
    Follow(Flight<C>),
}

/// The one who asks. Dropped without an answer, such as with a client that went away, it leaves the question to the next.
pub(super) struct Lead<'a, C> {
    flights: &'a Flights<C>,
    key: CredentialKey,
    tell: watch::Sender<Option<Answer<C>>>,
}

impl<C> Flights<C> {
    pub(super) fn enter(&self, key: CredentialKey) -> Enter<'_, C> {
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

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CredentialKey, Flight<C>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Lead<'_, C> {
    /// Tells everybody who waits.
    pub(super) fn answer(self, answer: Answer<C>) {
        self.tell.send_replace(Some(answer));
    }
}

impl<C> Drop for Lead<'_, C> {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
    }
}

/// Waits for the answer; `None` when nobody asks any more.
pub(super) async fn told<C>(mut flight: Flight<C>) -> Result<Option<Answer<C>>, Elapsed> {
    let answered = tokio::time::timeout(WAIT_MAX, flight.wait_for(Option::is_some)).await?;
    Ok(answered.ok().and_then(|answer| Option::clone(&answer)))
}

impl<C> Answer<C> {
    /// The credential, if there is one.
    pub(super) fn found(self) -> Option<Arc<Remembered<C>>> {
        match self {
            Self::Found(known) => Some(known),
            Self::Nothing { .. } | Self::Failed => None,
        }
    }
}

impl<C> Clone for Answer<C> {
    fn clone(&self) -> Self {
        match self {
            Self::Found(known) => Self::Found(Arc::clone(known)),
            Self::Nothing { turn } => Self::Nothing { turn: *turn },
            Self::Failed => Self::Failed,
        }
    }
}

impl<C> Default for Flights<C> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}
