//! High-water marks: what was signed, known where whoever can write the database cannot write.

mod journal;
mod line;

use std::collections::HashMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use platform_core::TenantId;
use platform_core::pg::{Db, DbError};

use self::journal::Journal;
use super::lock::NotAlone;
use crate::{LogKey, Refusal, SEQUENCER, TreeHead};

/// The high-water marks of all tenants, in a directory outside the database: how far each tree had grown when it was last signed.
///
/// Before a [`Sequencer`](crate::Sequencer) signs a tree, it compares it with its mark. A tree that is smaller, or that does not begin
/// with what was marked, is not signed: the database was put back to an earlier state, or somebody has rewritten it.
///
/// The directory holds a file `journal`, to which a line is added for each tree that is about to be signed, flushed to the disk once
/// for all of them; it is written anew, beside the old one and then renamed, when it has grown to more than twice what is needed.
/// Each line is authenticated with a key made from the log's: whoever lacks it can neither write a line nor take one out of the
/// middle. What such a person can do is to put back an older copy of the whole file, or cut off its end, and nothing inside the file
/// can show that: **keep the directory where the database's administrators cannot write it**, and not in the database's own backup,
/// which would bring back both together. What was not written to its end when the machine stopped is dropped; nothing was signed
/// because of it.
///
/// Marks that are gone are not begun anew by themselves where anything was signed: [`open_for`](Self::open_for) refuses, and the
/// sequencer signs nothing while its journal is gone.
///
/// Several processes may share a directory, also over a file system that carries `flock`: each locks the directory while it writes
/// and first reads what the others have written. Processes with directories of their own are safe too, each remembering less.
///
/// Every tenant that was ever signed is kept in memory, some 100 bytes each.
///
/// ```
/// use platform_audit::{LogKey, Marks};
/// use platform_core::Sources;
///
/// # let folder = tempfile::tempdir()?;
/// # let directory = folder.path().join("marks");
/// let key = LogKey::generate("audit.example.com", &Sources::system())?;
/// assert!(Marks::open(&directory, &key).is_err());
/// let marks = Marks::open_or_begin(&directory, &key)?;
/// # let _ = marks;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Marks {
    journal: Arc<Mutex<Journal>>,
}

/// What is known of one tenant's tree outside the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The largest tree that was signed, or that was about to be when the process stopped; of size 0 when none was.
    pub head: TreeHead,
    /// The size of the largest checkpoint that the database is known to have stored.
    pub stored: u64,
    /// Why the tenant's tree is not signed until an operator adopts it.
    pub refused: Option<Refusal>,
}

/// The marks cannot be read or written. Nothing is signed as long as this is so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MarksError {
    /// A file or the directory cannot be read or written.
    #[error("the marks cannot be read or written")]
    File(#[source] std::io::Error),
    /// Another process has held the directory's lock for longer than two seconds.
    #[error("another process keeps the marks locked")]
    Locked,
    /// Writing has taken longer than five seconds.
    #[error("writing the marks takes too long")]
    Slow,
    /// The journal was written with another key, or its first line is damaged.
    #[error("the journal of marks was not written with this key")]
    Foreign,
    /// A line of the journal was changed, or is one of another file, or was taken out of its middle, or damaged there. Bring back a copy of the file, as new as there is.
    #[error("the journal of marks is damaged")]
    Damaged,
    /// There is no journal: it is gone since it was opened, or there were never marks in this directory. Bring back a copy of it, as new
    /// as there is.
    #[error("the journal of marks is gone")]
    Missing,
    /// The database cannot be asked whether there are trees.
    #[error("whether there are marks to be missed cannot be told")]
    Db(#[from] DbError),
    /// The journal is older than it was when this process last read it: somebody has put back a copy.
    #[error("the journal of marks was put back to an earlier state")]
    RolledBack,
}

/// A tree that is about to be signed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) tenant: TenantId,
    pub(crate) head: TreeHead,
    /// The mark with which the tree was found to begin.
    pub(crate) verified: TreeHead,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is marked and may be signed.
    Marked,
    /// Another process has marked it meanwhile: it has to be looked at anew.
    Stale,
    /// It is not signed.
    Refused(Refusal),
}

impl Marks {
    /// Opens the marks in a directory. Where there are none, nothing is made.
    ///
    /// Reads the whole journal, and so blocks for a moment: a service does it when it starts.
    ///
    /// # Errors
    /// [`MarksError`]; [`MarksError::Missing`], [`MarksError::Foreign`] and [`MarksError::Damaged`] need somebody to look.
    pub fn open(directory: impl AsRef<Path>, key: &LogKey) -> Result<Self, MarksError> {
        let journal = Journal::open(directory.as_ref(), key.mark_key())?;
        Ok(Self::with(journal))
    }

    /// Opens the marks in a directory, or begins them there when the database has no tree yet: for a service that starts.
    ///
    /// With marks that begin anew nobody can tell a database that was put back from one that was not. So where there are trees, and no
    /// marks, an operator decides: see [`open_or_begin`](Self::open_or_begin).
    ///
    /// # Errors
    /// [`MarksError`] as [`open`](Self::open): [`MarksError::Missing`] when there are trees; [`MarksError::Db`] when the database cannot
    /// be asked.
    pub async fn open_for(db: &Db, directory: impl AsRef<Path>, key: &LogKey) -> Result<Self, MarksError> {
        match Self::open(&directory, key) {
            Err(MarksError::Missing) if !has_trees(db).await? => Self::open_or_begin(directory, key),
            opened => opened,
        }
    }

    /// Opens the marks in a directory, or begins them there, for its owner alone, whatever the database holds: for an operator who
    /// knows that they are lost, and has compared the trails with what was published.
    ///
    /// # Errors
    /// [`MarksError`], but for [`MarksError::Missing`].
    pub fn open_or_begin(directory: impl AsRef<Path>, key: &LogKey) -> Result<Self, MarksError> {
        let journal = Journal::open_or_begin(directory.as_ref(), key.mark_key())?;
        Ok(Self::with(journal))
    }

    fn with(journal: Journal) -> Self {
        Self {
            journal: Arc::new(Mutex::new(journal)),
        }
    }

    /// The mark of a tenant, as it was when the journal was last read.
    pub fn get(&self, tenant: TenantId) -> Option<Mark> {
        self.lock().marks().get(&tenant).copied()
    }

    /// The marks of those of the tenants that have one, as they were when the journal was last read.
    pub(crate) fn of(&self, tenants: &[TenantId]) -> HashMap<TenantId, Mark> {
        let journal = self.lock();
        let marks = tenants
            .iter()
            .filter_map(|tenant| Some((*tenant, *journal.marks().get(tenant)?)));
        marks.collect()
    }

    /// Reads what other processes have written.
    pub(crate) fn refresh(&self) -> Result<(), MarksError> {
        let mut journal = self.lock();
        let _alone = journal.alone()?;
        journal.catch_up()
    }

    /// Marks all of these that are not behind their mark, with one flush.
    pub(crate) fn advance(&self, wanted: &[Wanted]) -> Result<Vec<Verdict>, MarksError> {
        let mut journal = self.lock();
        let _alone = journal.alone()?;
        journal.catch_up()?;
        let mut verdicts = Vec::with_capacity(wanted.len());
        let mut marks = Vec::new();
        for one in wanted {
            let mark = journal.marks().get(&one.tenant).copied().unwrap_or_default();
            let verdict = mark.verdict(one);
            if verdict == Verdict::Marked && mark.head != one.head {
                let head = one.head;
                marks.push((one.tenant, Mark { head, ..mark }));
            }
            verdicts.push(verdict);
        }
        journal.append(&marks, true)?;
        Ok(verdicts)
    }

    /// Notes which checkpoints the database has stored. Not flushed: the next mark's flush takes it along.
    pub(crate) fn note_stored(&self, stored: &[(TenantId, u64)]) -> Result<(), MarksError> {
        self.change(stored, false, |mark, stored| Mark {
            stored: mark.stored.max(stored),
            ..mark
        })
    }

    /// Notes, durably, that trees are not to be signed.
    pub(crate) fn refuse(&self, refused: &[(TenantId, Refusal)]) -> Result<(), MarksError> {
        self.change(refused, true, |mark, refusal| Mark {
            refused: Some(mark.refused.unwrap_or(refusal)),
            ..mark
        })
    }

    /// Puts a mark in the place of whatever is there.
    pub(crate) fn adopt(&self, tenant: TenantId, mark: Mark) -> Result<(), MarksError> {
        self.change(&[(tenant, mark)], true, |_, mark| mark)
    }

    /// Up to `limit` marks in the order of the tenants, of those after `after`.
    pub(crate) fn page(&self, after: Option<TenantId>, limit: usize) -> Vec<(TenantId, Mark)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let journal = self.lock();
        let marks = journal.marks().range((from, Bound::Unbounded)).take(limit);
        marks.map(|(tenant, mark)| (*tenant, *mark)).collect()
    }

    fn change<T: Copy>(
        &self,
        changes: &[(TenantId, T)],
        flush: bool,
        change: impl Fn(Mark, T) -> Mark,
    ) -> Result<(), MarksError> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut journal = self.lock();
        let _alone = journal.alone()?;
        journal.catch_up()?;
        let mut marks = Vec::with_capacity(changes.len());
        for (tenant, value) in changes {
            let before = journal.marks().get(tenant).copied().unwrap_or_default();
            let after = change(before, *value);
            if after != before {
                marks.push((*tenant, after));
            }
        }
        journal.append(&marks, flush)
    }

    fn lock(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether anything may ever have been signed.
async fn has_trees(db: &Db) -> Result<bool, DbError> {
    let mut tx = db.begin_as(&SEQUENCER).await?;
    let has_trees = sqlx::query_scalar(
        "select exists (select from platform_audit.tree where size > 0)
           or exists (select from platform_audit.leaf) or exists (select from platform_audit.checkpoint)",
    )
    .fetch_one(&mut tx)
    .await?;
    tx.rollback().await?;
    Ok(has_trees)
}

impl From<NotAlone> for MarksError {
    fn from(error: NotAlone) -> Self {
        match error {
            NotAlone::Locked => Self::Locked,
            NotAlone::File(source) => Self::File(source),
        }
    }
}

impl Mark {
    fn verdict(&self, wanted: &Wanted) -> Verdict {
        if let Some(refusal) = self.refused {
            Verdict::Refused(refusal)
        } else if self.head.size > wanted.head.size {
            Verdict::Refused(Refusal::TreeShrunk)
        } else if self.head.size == wanted.head.size && self.head.root != wanted.head.root {
            Verdict::Refused(Refusal::TreeForked)
        } else if self.head != wanted.head && self.head != wanted.verified {
            Verdict::Stale
        } else {
            Verdict::Marked
        }
    }
}

impl Default for Mark {
    fn default() -> Self {
        Self {
            head: TreeHead::empty(),
            stored: 0,
            refused: None,
        }
    }
}
