//! Working with the files outside the database, which may be on a disk that does not answer.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use platform_core::TenantId;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::timeout;

use super::error::SequencerError;
use super::marks::{Mark, Marks, MarksError};
use super::outlet::{Outlet, OutletError};
use super::sequencer::Sequencer;

/// How long they may take, while a transaction is open.
const FILES_PATIENCE: Duration = Duration::from_secs(5);

/// Threads that may block, one at a time: work that hangs holds up one of them and no more, however long it does.
#[derive(Debug, Clone)]
pub(super) struct OneAtATime(Arc<Semaphore>);

impl OneAtATime {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }

    /// Does the work; `None` when it takes too long, and at once when what took too long before has not come to its end.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Option<T>, JoinError> {
        let Ok(turn) = Arc::clone(&self.0).try_acquire_owned() else {
            return Ok(None);
        };
        let worked = spawn_blocking(move || {
            let worked = work();
            drop(turn);
            worked
        });
        match timeout(FILES_PATIENCE, worked).await {
            Ok(worked) => worked.map(Some),
            Err(_) => Ok(None),
        }
    }
}

impl Sequencer {
    /// Reads what other processes have marked; whether that could be done.
    pub(super) async fn refresh_marks(&self) -> Result<bool, SequencerError> {
        Ok(self.with_marks(Marks::refresh).await?.is_some())
    }

    /// What other processes and this one have marked for these tenants.
    pub(super) async fn newest_marks(
        &self,
        tenants: Vec<TenantId>,
    ) -> Result<Option<HashMap<TenantId, Mark>>, SequencerError> {
        self.with_marks(move |marks| {
            marks.refresh()?;
            Ok(marks.of(&tenants))
        })
        .await
    }

    /// Works with the marks on a thread that may block; `None` when that failed, which is seen in the health.
    pub(super) async fn with_marks<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Marks) -> Result<T, MarksError> + Send + 'static,
    ) -> Result<Option<T>, SequencerError> {
        let marks = self.marks.clone();
        let worked = self.marks_turn.run(move || work(&marks)).await?;
        let worked = worked.unwrap_or(Err(MarksError::Slow));
        self.health.marks(worked.as_ref().err());
        Ok(worked.ok())
    }

    /// The same with the outlet, where there is one.
    pub(super) async fn with_outlet<T: Default + Send + 'static>(
        &self,
        work: impl FnOnce(&Outlet) -> io::Result<T> + Send + 'static,
    ) -> Result<Option<T>, SequencerError> {
        let Some(outlet) = self.outlet.clone() else {
            return Ok(Some(T::default()));
        };
        let worked = match self.outlet_turn.run(move || work(&outlet)).await? {
            Some(worked) => worked.map_err(OutletError::File),
            None => Err(OutletError::Slow),
        };
        self.health.outlet(worked.as_ref().err());
        Ok(worked.ok())
    }

    /// Makes whole what a stop of the machine has left of the published files, once in a process, though nothing is to be published.
    pub(super) async fn recover_outlet(&self) -> Result<(), SequencerError> {
        if self.outlet.as_ref().is_some_and(|outlet| !outlet.is_recovered()) {
            let key = self.key.clone();
            self.with_outlet(move |outlet| outlet.recover(&key)).await?;
        }
        Ok(())
    }

    /// Reads what is published; `None` when there is no outlet, or it takes too long. Only writing shows that it works again.
    pub(super) async fn read_outlet<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Outlet) -> T + Send + 'static,
    ) -> Result<Option<T>, SequencerError> {
        let Some(outlet) = self.outlet.clone() else {
            return Ok(None);
        };
        let found = self.outlet_turn.run(move || read(&outlet)).await?;
        if found.is_none() {
            self.health.outlet(Some(&OutletError::Slow));
        }
        Ok(found)
    }
}
