//! Who is told how a transaction ended.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TxEnd {
    /// Its changes are durable.
    Committed,
    /// Nothing of it happened: it was rolled back or dropped, a statement had failed, or the database refused the commit.
    RolledBack,
    /// The connection broke while it was being committed: either may have happened.
    Unknown,
}

impl TxEnd {
    fn of(committed: &Result<(), sqlx::Error>) -> Self {
        match committed {
            Ok(()) => Self::Committed,
            Err(sqlx::Error::Database(cause)) => match cause.try_downcast_ref::<PgDatabaseError>() {
                // The server goes on after an error, so that it has rolled back. What is worse than an error ends the connection.
                Some(cause) if cause.severity() == PgSeverity::Error => Self::RolledBack,
                _ => Self::Unknown,
            },
            Err(_) => Self::Unknown,
        }
    }
}

type Notify = Box<dyn FnOnce(TxEnd) + Send>;

/// The callbacks of a transaction. Whatever becomes of it, each is called once: at the latest when this is dropped.
pub(super) struct Ending {
    callbacks: Vec<Notify>,
    /// What is true when nobody learns more.
    known: TxEnd,
}

impl Ending {
    /// Of a transaction that is open: left alone it is rolled back.
    pub(super) fn new() -> Self {
        Self {
            callbacks: Vec::new(),
            known: TxEnd::RolledBack,
        }
    }

    pub(super) fn add(&mut self, notify: impl FnOnce(TxEnd) + Send + 'static) {
        self.callbacks.push(Box::new(notify));
    }

    /// From now on COMMIT may have been sent.
    pub(super) fn committing(&mut self) {
        self.known = TxEnd::Unknown;
    }

    /// The server's answer to COMMIT. The callbacks hear of it when this is dropped.
    pub(super) fn answered(&mut self, committed: &Result<(), sqlx::Error>) {
        self.known = TxEnd::of(committed);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        for notify in self.callbacks.drain(..) {
            let end = self.known;
            // Whoever waits for the commit has to hear of it, whatever a callback does.
            if catch_unwind(AssertUnwindSafe(|| notify(end))).is_err() {
                tracing::error!(
                    "a callback at the end of a transaction panicked; the transaction is not affected"
                );
            }
        }
    }
}
