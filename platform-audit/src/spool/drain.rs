//! Bringing events from the spool into the trail.

use std::io;

use platform_core::pg::{Db, DbError};
use platform_core::{RequestContext, error_chain};

use super::{Patience, Spool, SpoolError};
use crate::record::Draft;
use crate::{AuditError, AuditLog, AuditRound, Entry};

/// Files that one round looks at.
const FILES_MAX: usize = 10_000;

impl Spool {
    /// Records what waits, of each tenant the oldest first, unless another process is doing so. A tenant whose event the database refuses is
    /// left alone for a while, so that the others do not wait for it, and is gone on with behind that event; stops where the database
    /// cannot be had.
    pub(crate) async fn drain(
        &self,
        log: &AuditLog,
        db: &Db,
        patience: &mut Patience,
        round: &mut AuditRound,
    ) -> Result<(), SpoolError> {
        self.note_state().await?;
        let drained = self.drain_files(log, db, patience, round).await;
        self.note_state().await?;
        drained
    }

    /// For whoever asks how much there is, and must not wait for a disk.
    async fn note_state(&self) -> Result<(), SpoolError> {
        self.blocking(|spool| {
            spool.look();
            Ok(())
        })
        .await
    }

    async fn drain_files(
        &self,
        log: &AuditLog,
        db: &Db,
        patience: &mut Patience,
        round: &mut AuditRound,
    ) -> Result<(), SpoolError> {
        let (_lock, names) = match self.blocking(Self::begin_draining).await? {
            Some(begun) => begun,
            None => return Ok(()),
        };
        patience.begin();
        let count = names.len();
        for (at, name) in names.into_iter().enumerate() {
            let (entry, name) = self
                .blocking(move |spool| Ok((spool.open_file(&name)?, name)))
                .await?;
            let recorded = match entry {
                File::Event(entry) if patience.is_left_alone(entry.tenant) => Recorded::NotNow,
                File::Event(entry) => self.try_to_record(log, db, (&name, *entry), patience).await,
                File::Gone => continue,
                File::Damaged => Recorded::Never,
            };
            match recorded {
                Recorded::Yes => {
                    self.blocking(move |spool| spool.0.directory.remove(&name))
                        .await?;
                    round.drained += 1;
                }
                Recorded::Never => {
                    tracing::error!(spool.file = %name, "a file of the audit spool cannot be recorded and was set aside");
                    self.blocking(move |spool| spool.0.directory.set_aside(&name))
                        .await?;
                    round.set_aside += 1;
                }
                Recorded::NotNow => round.kept += 1,
                Recorded::Unavailable => {
                    round.kept += count - at;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn try_to_record(
        &self,
        log: &AuditLog,
        db: &Db,
        (name, entry): (&str, Entry),
        patience: &mut Patience,
    ) -> Recorded {
        let tenant = entry.tenant;
        match self.record(log, db, entry).await {
            Ok(recorded) => {
                patience.recorded(tenant);
                recorded
            }
            Err(AuditError::Db(DbError::Unavailable(_))) => Recorded::Unavailable,
            Err(AuditError::Db(error)) if error.is_unavailable() => {
                self.0.turns.in_vain(name);
                match patience.was_busy(tenant) {
                    true => Recorded::Unavailable,
                    false => Recorded::NotNow,
                }
            }
            Err(_) => {
                self.0.turns.in_vain(name);
                patience.failed(tenant);
                Recorded::NotNow
            }
        }
    }

    fn begin_draining(&self) -> Result<Option<(std::fs::File, Vec<String>)>, SpoolError> {
        let directory = &self.0.directory;
        let Some(lock) = directory.lock_draining()? else {
            return Ok(None);
        };
        directory.tidy().map_err(|source| directory.failed(source))?;
        let mut names = self.0.turns.order(directory.names()?);
        names.truncate(FILES_MAX);
        Ok(Some((lock, names)))
    }

    fn open_file(&self, name: &str) -> Result<File, SpoolError> {
        let Some(bytes) = self.0.directory.read(name)? else {
            return Ok(File::Gone);
        };
        let entry = self.0.cipher.open(name, &bytes);
        Ok(entry.map_or(File::Damaged, |entry| File::Event(Box::new(entry))))
    }

    async fn record(&self, log: &AuditLog, db: &Db, entry: Entry) -> Result<Recorded, AuditError> {
        let ctx = RequestContext::system(entry.tenant, "record refusals", &self.0.sources);
        let id = entry.id;
        let error = match log.insert_alone(db, &ctx, Draft::kept(entry)).await {
            Ok(_) => return Ok(Recorded::Yes),
            Err(AuditError::Db(DbError::Unavailable(error))) => {
                return Err(DbError::Unavailable(error).into());
            }
            Err(error) => error,
        };
        tracing::error!(
            tenant.id = %ctx.tenant(), event.id = %id, error = %error_chain(&error),
            "a refusal of the audit spool could not be recorded"
        );
        match error {
            AuditError::IdTaken { .. } | AuditError::Invalid(_) => Ok(Recorded::Never),
            error => Err(error),
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, SpoolError> + Send + 'static,
    ) -> Result<T, SpoolError> {
        let spool = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&spool)).await;
        done.unwrap_or_else(|_| Err(self.0.directory.failed(io::ErrorKind::Interrupted.into())))
    }
}

enum File {
    Event(Box<Entry>),
    /// Somebody else has taken it.
    Gone,
    Damaged,
}

enum Recorded {
    Yes,
    /// What is in it can never be recorded.
    Never,
    /// The database refused; it is tried again.
    NotNow,
    Unavailable,
}
