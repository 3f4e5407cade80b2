//! The files of a spool.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::share::Counted;
use super::{SpoolBounds, SpoolError, SpoolState};
use crate::ENTRY_BYTES_MAX;

/// A file that is whole.
const WHOLE: &str = "event";
/// A file that is being written, and locked by whoever does.
const UNFINISHED: &str = "new";
/// A file that was set aside.
const DAMAGED: &str = "damaged";
/// Held by whoever brings the events into the trail.
const DRAINING: &str = "draining.lock";

/// More than any event with nonce and tag.
const FILE_BYTES_MAX: u64 = 1 + 12 + 16 + ENTRY_BYTES_MAX as u64;

/// How long a count of the files is good, that other processes add to.
const COUNTED_FOR: Duration = Duration::from_secs(1);

/// How often a file is begun anew that another process has tidied away.
const WRITE_TRIES: u32 = 3;

pub(super) struct Directory {
    path: PathBuf,
    bounds: SpoolBounds,
    counted: Mutex<Option<Counted>>,
}

impl Directory {
    pub(super) fn open(path: &Path, bounds: SpoolBounds) -> Result<Self, SpoolError> {
        let directory = Self {
            path: path.to_owned(),
            bounds,
            counted: Mutex::new(None),
        };
        directory.make().map_err(|source| directory.failed(source))?;
        let mode = fs::metadata(path)
            .map_err(|source| directory.failed(source))?
            .permissions()
            .mode()
            & 0o7777;
        if mode & 0o022 != 0 {
            return Err(SpoolError::Exposed {
                path: path.to_owned(),
                mode,
            });
        }
        directory.tidy().map_err(|source| directory.failed(source))?;
        Ok(directory)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn failed(&self, source: io::Error) -> SpoolError {
        SpoolError::File {
            path: self.path.clone(),
            source,
        }
    }

    pub(super) fn state(&self) -> Result<SpoolState, SpoolError> {
        let mut state = SpoolState::default();
        let counting = self.each(|path, bytes| {
            state.waiting += u64::from(is(path, WHOLE));
            state.damaged += u64::from(is(path, DAMAGED));
            state.bytes += bytes;
            Ok(())
        });
        counting.map_err(|source| self.failed(source))?;
        Ok(state)
    }

    /// Puts a file there, whole and on the disk, or nothing at all.
    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), SpoolError> {
        self.reserve(name, u64::try_from(bytes.len()).unwrap_or(u64::MAX))?;
        self.write(name, bytes).map_err(|source| self.failed(source))
    }

    /// The names of whole files.
    pub(super) fn names(&self) -> Result<Vec<String>, SpoolError> {
        let mut names = Vec::new();
        let listing = self.each(|path, _| {
            if is(path, WHOLE)
                && let Some(name) = path.file_stem().and_then(OsStr::to_str)
            {
                names.push(name.to_owned());
            }
            Ok(())
        });
        listing.map_err(|source| self.failed(source))?;
        Ok(names)
    }

    /// The bytes of a whole file; `None` when somebody else has taken it.
    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, SpoolError> {
        let read = || -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            // One byte more than there can be says that it is too long.
            let file = File::open(self.file(name, WHOLE))?;
            file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        match read() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Takes a file away whose event is in the trail. Should it come back after a crash, the event is found there.
    pub(super) fn remove(&self, name: &str) -> Result<(), SpoolError> {
        self.gone(fs::remove_file(self.file(name, WHOLE)))
    }

    /// Sets a file aside.
    pub(super) fn set_aside(&self, name: &str) -> Result<(), SpoolError> {
        self.gone(fs::rename(self.file(name, WHOLE), self.file(name, DAMAGED)))
    }

    /// The right to bring events into the trail, for as long as the file is held; `None` while another process has it.
    pub(super) fn lock_draining(&self) -> Result<Option<File>, SpoolError> {
        let lock = || {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(self.path.join(DRAINING))?;
            match file.try_lock() {
                Ok(()) => Ok(Some(file)),
                Err(TryLockError::WouldBlock) => Ok(None),
                Err(TryLockError::Error(error)) => Err(error),
            }
        };
        lock().map_err(|source| self.failed(source))
    }

    /// Removes what processes have left that died while they wrote.
    pub(super) fn tidy(&self) -> io::Result<()> {
        self.each(|path, _| {
            if is(path, UNFINISHED)
                && let Ok(file) = File::open(path)
                // Whoever writes it holds the lock.
                && file.try_lock().is_ok()
            {
                match fs::remove_file(path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            Ok(())
        })
    }

    fn make(&self) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
            Ok(()) => match self.path.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
                _ => File::open(".")?.sync_all(),
            },
        }
    }

    /// Makes sure that there is room for one more file.
    fn reserve(&self, name: &str, bytes: u64) -> Result<(), SpoolError> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut count = match counted.take() {
            Some(count) if count.at.elapsed() < COUNTED_FOR => count,
            _ => self.count().map_err(|source| self.failed(source))?,
        };
        let room = count.check_room(self.bounds, name, bytes);
        if room.is_ok() {
            count.add(name, bytes);
        }
        *counted = Some(count);
        room
    }

    fn count(&self) -> io::Result<Counted> {
        let mut counted = Counted::nothing();
        self.each(|path, bytes| {
            let name = path.file_stem().and_then(OsStr::to_str);
            counted.add(name.unwrap_or_default(), bytes);
            Ok(())
        })?;
        Ok(counted)
    }

    /// A name is on the disk when its directory is; a file is renamed only when it is on the disk itself.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut tries_left = WRITE_TRIES;
        loop {
            tries_left -= 1;
            match self.write_once(name, bytes) {
                Err(Unwritten::TidiedAway) if tries_left > 0 => {}
                Err(Unwritten::TidiedAway) => return Err(io::ErrorKind::NotFound.into()),
                Err(Unwritten::Failed(error)) => return Err(error),
                Ok(()) => return File::open(&self.path)?.sync_all(),
            }
        }
    }

    fn write_once(&self, name: &str, bytes: &[u8]) -> Result<(), Unwritten> {
        let unfinished = self.file(name, UNFINISHED);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished)?;
        let mut written = || {
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Err(Unwritten::TidiedAway),
                Err(TryLockError::Error(error)) => return Err(error.into()),
                Ok(()) => {}
            }
            file.write_all(bytes)?;
            file.sync_all()?;
            match fs::rename(&unfinished, self.file(name, WHOLE)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Unwritten::TidiedAway),
                renamed => Ok(renamed?),
            }
        };
        written().inspect_err(|_| {
            // What is left of it is of no use, and that it cannot be removed tells no more than the error at hand.
            let _ = fs::remove_file(&unfinished);
        })
    }

    fn each(&self, mut look: impl FnMut(&Path, u64) -> io::Result<()>) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            if ![WHOLE, UNFINISHED, DAMAGED].iter().any(|kind| is(&path, kind)) {
                continue;
            }
            match fs::symlink_metadata(&path) {
                Ok(metadata) => look(&path, metadata.len())?,
                // Another process has taken it away in the meantime.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// It does not matter who took a file away.
    fn gone(&self, taken: io::Result<()>) -> Result<(), SpoolError> {
        match taken {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed(error)),
            _ => Ok(()),
        }
    }

    fn file(&self, name: &str, kind: &str) -> PathBuf {
        self.path.join(format!("{name}.{kind}"))
    }
}

enum Unwritten {
    /// Another process took the file for one that was left over, before this one had locked it.
    TidiedAway,
    Failed(io::Error),
}

impl From<io::Error> for Unwritten {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

fn is(path: &Path, kind: &str) -> bool {
    path.extension().is_some_and(|extension| extension == kind)
}
