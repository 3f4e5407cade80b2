//! Giving much out at once: to how many, and for how long.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::stream;
use platform_core::http::Problem;
use platform_core::{TenantId, error_chain};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use super::exports::exports_busy;
use crate::{RunningExport, RunningReport};

/// How many one process gives out at once, and how many of these to one tenant.
const PLACES: usize = 8;
const PLACES_OF_TENANT: usize = 2;

/// How much is given out at once, for which a client has the time below.
const PART_BYTES_MAX: usize = 64 << 10;

/// How long a client may take no part, before what it asked for is broken off.
const STALLED_AFTER: Duration = Duration::from_secs(60);

/// How long it may take in all: whoever takes a part every minute has its place no longer.
const GIVEN_FOR: Duration = Duration::from_secs(60 * 60);

/// How long a process that ends waits for exports that are on their way.
const FAREWELL: Duration = Duration::from_secs(5);

/// The places of a process, and the tasks that hold them. Cheap to clone.
#[derive(Clone)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    taken: Arc<Mutex<HashMap<TenantId, usize>>>,
    tasks: TaskTracker,
}

/// A place; free again when it is dropped.
pub(super) struct Place {
    _of_all: OwnedSemaphorePermit,
    places: Places,
    tenant: TenantId,
}

/// What is given out chunk by chunk.
pub(super) trait Chunks: Send + 'static {
    /// The next one, empty where nothing is to be told yet, or why there is none.
    fn step(&mut self) -> impl Future<Output = Result<Option<Vec<u8>>, impl Error + Send + 'static>> + Send;

    /// Records that it did not come to its end.
    fn break_off(self, reason: &'static str) -> impl Future<Output = ()> + Send;
}

impl Places {
    pub(super) fn new() -> Self {
        Self {
            all: Arc::new(Semaphore::new(PLACES)),
            taken: Arc::default(),
            tasks: TaskTracker::new(),
        }
    }

    /// A place for a tenant.
    pub(super) fn take(&self, tenant: TenantId) -> Result<Place, Problem> {
        let of_all = Arc::clone(&self.all).try_acquire_owned();
        let of_all = of_all.map_err(|_| exports_busy())?;
        let mut taken = self.taken();
        let of_tenant = taken.entry(tenant).or_default();
        if *of_tenant >= PLACES_OF_TENANT {
            return Err(exports_busy());
        }
        *of_tenant += 1;
        drop(taken);
        Ok(Place {
            _of_all: of_all,
            places: self.clone(),
            tenant,
        })
    }

    /// Waits a moment for exports that are on their way, so that their end is recorded.
    pub(super) async fn farewell(&self) {
        self.tasks.close();
        if timeout(FAREWELL, self.tasks.wait()).await.is_err() {
            tracing::warn!("the end of the process breaks exports off, which is not recorded");
        }
        self.tasks.reopen();
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<TenantId, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        if let Some(count) = taken.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.tenant);
            }
        }
    }
}

/// Gives chunks to a client as it takes them, a part of 64 KiB ahead. A task of its own goes on when the client does not: it records that
/// the client is gone, has taken nothing for a minute or is not done within an hour, and gives the place back.
pub(super) fn given_out(export: impl Chunks, place: Place) -> Body {
    let (sender, receiver) = mpsc::channel(1);
    let tasks = place.places.tasks.clone();
    tasks.spawn(give_out(export, sender, place));
    let chunks = stream::try_unfold(receiver, async |mut receiver| match receiver.recv().await {
        Some(Some(chunk)) => Ok(Some((chunk, receiver))),
        Some(None) => Ok(None),
        // The client is not to take what it has for the whole.
        None => Err(io::Error::other("the export was broken off")),
    });
    Body::from_stream(chunks)
}

async fn give_out(mut export: impl Chunks, sender: mpsc::Sender<Option<Bytes>>, _place: Place) {
    let end = Instant::now() + GIVEN_FOR;
    loop {
        // Also where nothing is sent for long, because nothing of a long trail is wanted.
        if sender.is_closed() {
            return export.break_off("abandoned").await;
        }
        if Instant::now() >= end {
            return export.break_off("too_long").await;
        }
        let mut chunk = match export.step().await {
            Ok(Some(chunk)) => Bytes::from(chunk),
            // What comes to its end is recorded by then.
            Ok(None) => return timeout(STALLED_AFTER, sender.send(None)).await.map_or((), drop),
            Err(error) => {
                tracing::error!(error = error_chain(&error), "an export was broken off: {error}");
                return;
            }
        };
        while !chunk.is_empty() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return export.break_off("too_long").await;
            }
            let part = chunk.split_to(chunk.len().min(PART_BYTES_MAX));
            match timeout(left.min(STALLED_AFTER), sender.send(Some(part))).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return export.break_off("abandoned").await,
                Err(_) if Instant::now() >= end => return export.break_off("too_long").await,
                Err(_) => return export.break_off("stalled").await,
            }
        }
    }
}

impl Chunks for RunningExport {
    async fn step(&mut self) -> Result<Option<Vec<u8>>, impl Error + Send + 'static> {
        Self::step(self).await
    }

    async fn break_off(self, reason: &'static str) {
        Self::break_off(self, reason).await;
    }
}

#[cfg(feature = "keys")]
impl Chunks for crate::SubjectExport {
    async fn step(&mut self) -> Result<Option<Vec<u8>>, impl Error + Send + 'static> {
        Self::next(self).await
    }

    async fn break_off(self, reason: &'static str) {
        Self::break_off(self, reason).await;
    }
}

/// That it was asked for is all that is recorded of it.
impl Chunks for RunningReport {
    async fn step(&mut self) -> Result<Option<Vec<u8>>, impl Error + Send + 'static> {
        Self::step(self).await
    }

    async fn break_off(self, reason: &'static str) {
        tracing::info!(reason, "a report was broken off");
    }
}
