//! Where refusals wait while the database cannot be had.

mod append;
mod cipher;
mod directory;
mod drain;
mod patience;
mod share;
mod turns;

use std::fmt::{self, Debug};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use platform_core::Sources;

use crate::LogKey;
use cipher::SpoolCipher;
use directory::Directory;
pub(crate) use patience::Patience;
use turns::Turns;

/// A directory that holds events until the database can be had again. Cheap to clone.
///
/// Each event is a file, encrypted with a key made from the log's (AES-256-GCM, bound to its name) and on the disk before
/// [`AuditLog::record_refusal`](crate::AuditLog::record_refusal) answers; a crash at any time loses none of them. The
/// [worker](crate::AuditLog::worker) brings them into the trail, of each tenant the oldest first, each at least once and recorded once; a
/// tenant whose events the database refuses waits five seconds, then twice as long each time, up to five minutes, and the others do not wait
/// for it. What was refused is tried again behind what was not, so that one event that the database never takes does not keep the tenant's
/// others. A file that cannot be read is set aside as `<name>.damaged`, and counts until somebody takes it away.
///
/// A tenant has no more files and bytes in it than are still free: half of the bounds while it is alone, and what it causes does not fill
/// the spool for the others.
///
/// Several processes may share a directory that is on a disk of their machine. Each looks once a second how much there is, so that
/// together they may go a little past the bounds.
///
/// ```
/// use platform_audit::{AuditLog, LogKey, Spool};
/// use platform_core::Sources;
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("spool");
/// let sources = Sources::system();
/// let key = LogKey::generate("audit.example.com", &sources)?;
/// let spool = Spool::open(&path, &key, &sources)?;
/// assert_eq!(spool.state()?.waiting, 0);
/// let audit = AuditLog::new(sources).sealed_by(&key).spool(spool);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Spool(Arc<Inner>);

struct Inner {
    directory: Directory,
    cipher: SpoolCipher,
    sources: Sources,
    turns: Turns,
    seen: Mutex<Option<SpoolState>>,
}

/// How much a spool holds at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolBounds {
    /// Files, those that were set aside included.
    pub files_max: u64,
    /// Their bytes in all.
    pub bytes_max: u64,
}

impl Default for SpoolBounds {
    /// 10,000 files of 64 MiB in all.
    fn default() -> Self {
        Self {
            files_max: 10_000,
            bytes_max: 64 << 20,
        }
    }
}

/// What a spool holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolState {
    /// Events that wait.
    pub waiting: u64,
    /// Files that were set aside.
    pub damaged: u64,
    /// The bytes of all files.
    pub bytes: u64,
}

/// The spool does not take an event, or cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// It holds as much as it may. Bring the database back, or look at what was set aside.
    #[error("the spool is full")]
    Full,
    /// It holds as much of the tenant as is still free for all others together. Bring the database back, or look why it refuses what is the
    /// tenant's.
    #[error("the spool holds as much of the tenant as it may")]
    TenantFull,
    /// Others than its owner may write to the directory.
    #[error("the spool {} has mode {mode:o}: others than its owner can change it", path.display())]
    Exposed {
        /// The directory.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The directory cannot be read or written.
    #[error("the spool {} cannot be read or written", path.display())]
    File {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Spool {
    /// Opens a directory, which is made with mode 0700 when it is missing; its parent must be there.
    ///
    /// # Errors
    /// [`SpoolError`] when it cannot be used.
    pub fn open(path: impl AsRef<Path>, key: &LogKey, sources: &Sources) -> Result<Self, SpoolError> {
        Self::open_bounded(path, key, sources, SpoolBounds::default())
    }

    /// As [`open`](Self::open), with bounds of the caller's.
    ///
    /// # Errors
    /// [`SpoolError`] when it cannot be used.
    pub fn open_bounded(
        path: impl AsRef<Path>,
        key: &LogKey,
        sources: &Sources,
        bounds: SpoolBounds,
    ) -> Result<Self, SpoolError> {
        let directory = Directory::open(path.as_ref(), bounds)?;
        Ok(Self(Arc::new(Inner {
            directory,
            cipher: SpoolCipher::new(&key.spool_keys()),
            sources: sources.clone(),
            turns: Turns::default(),
            seen: Mutex::default(),
        })))
    }

    /// What it holds, read from the disk.
    ///
    /// # Errors
    /// [`SpoolError::File`].
    pub fn state(&self) -> Result<SpoolState, SpoolError> {
        self.0.directory.state()
    }

    /// What it held when that was last [looked at](Self::look); `None` when it could not be read then, or nobody has looked.
    #[cfg(feature = "http")]
    pub(crate) fn seen(&self) -> Option<SpoolState> {
        *self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads from the disk what it holds, blocking the thread.
    pub(crate) fn look(&self) {
        let state = self.state().ok();
        *self.0.seen.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Spool").field(&self.0.directory.path()).finish()
    }
}
