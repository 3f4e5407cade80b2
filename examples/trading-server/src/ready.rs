//! What a command works with.

use platform_core::Sources;
use platform_core::pg::Db;
use trading::QuoteBoard;

use crate::compose::Handles;
use crate::config::Settings;
use crate::database::{Database, self_check};
use crate::keyring::{self, Opened};
use crate::mail;
use crate::refusal::Refusal;
use crate::trail::{self, Trail};

/// A database that was checked, with its trail, its keys, and every handle over them.
#[derive(Debug)]
pub struct Ready {
    /// The database.
    pub db: Db,
    /// The audit trail.
    pub trail: Trail,
    /// The keys.
    pub keyring: Opened,
    /// The handles over all of it.
    pub handles: Handles,
}

impl Ready {
    /// Connects to a migrated database, checks it and opens everything.
    ///
    /// # Errors
    /// [`Refusal`] when the database does not keep tenants apart, or the key of the trail or the root key is not its own.
    pub async fn open(database: &Database, settings: &Settings, board: &QuoteBoard) -> Result<Self, Refusal> {
        let db = database.connect(settings, Sources::system()).await?;
        let report = self_check(&db).await?;
        for finding in report
            .findings()
            .iter()
            .filter(|finding| finding.allowed.is_none())
        {
            tracing::warn!(code = finding.code, object = finding.object, "{finding}");
        }
        let trail = trail::open(&db, &settings.audit).await?;
        let keyring = keyring::open(&db, &settings.keys, &trail.log).await?;
        let mail = mail::open(&settings.mail)?;
        let handles = Handles::new(&db, &trail.log, &keyring.keyring, board, (settings, mail));
        Ok(Self {
            db,
            trail,
            keyring,
            handles,
        })
    }

    /// Attests what a short-lived process has recorded, and gives the connections back.
    pub async fn close(self) {
        self.trail.farewell(&self.db).await;
        self.db.close().await;
    }
}
