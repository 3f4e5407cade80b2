//! A file that appears under its name when it is whole, and is never written again.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

use super::ArchiveError;
use super::folder::hex;

const UNFINISHED: &str = "unfinished";
const LOCK: &str = "lock";

/// How long to wait for another process that archives the same log.
const LOCK_WAIT: Duration = Duration::from_secs(10);
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// What keeps others from archiving the same log; given back when it is dropped, also by a process that dies.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until nobody else archives into the folder, which is made. To be called where waiting keeps nobody else waiting.
    pub(super) fn of(folder: &Path) -> Result<Self, ArchiveError> {
        fs::create_dir_all(folder).map_err(ArchiveError::file(folder))?;
        let path = folder.join(LOCK);
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(ArchiveError::file(&path))?;
        let ends_at = Instant::now() + LOCK_WAIT;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if Instant::now() < ends_at => std::thread::sleep(LOCK_PAUSE),
                Err(TryLockError::WouldBlock) => {
                    return Err(ArchiveError::file(path)(io::ErrorKind::TimedOut.into()));
                }
                Err(TryLockError::Error(error)) => return Err(ArchiveError::file(path)(error)),
            }
        }
    }
}

/// A compressed file while it is written. Needs the [`Lock`] of its log.
#[derive(Debug)]
pub(super) struct Unfinished {
    path: PathBuf,
    encoder: GzEncoder<Hashed>,
}

/// A file as it lies on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

#[derive(Debug)]
struct Hashed {
    file: File,
    hash: Sha256,
    bytes: u64,
}

impl Unfinished {
    /// Begins a file in a folder, which is made; what a process that died has left there is overwritten.
    pub(super) fn begin(folder: &Path) -> Result<Self, ArchiveError> {
        fs::create_dir_all(folder).map_err(ArchiveError::file(folder))?;
        let path = folder.join(UNFINISHED);
        let file = File::create(&path).map_err(ArchiveError::file(&path))?;
        let hashed = Hashed {
            file,
            hash: Sha256::new(),
            bytes: 0,
        };
        Ok(Self {
            path,
            encoder: GzEncoder::new(hashed, Compression::default()),
        })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.encoder
            .write_all(bytes)
            .map_err(ArchiveError::file(&self.path))
    }

    /// Makes it durable under its name.
    ///
    /// # Errors
    /// [`ArchiveError::File`], also when there is a file of this name.
    pub(super) fn finish(self, name: &str) -> Result<Packed, ArchiveError> {
        let of = ArchiveError::file(&self.path);
        let hashed = self.encoder.finish().map_err(of)?;
        hashed.file.sync_all().map_err(ArchiveError::file(&self.path))?;
        publish(&self.path, name)?;
        Ok(Packed {
            bytes: hashed.bytes,
            sha256: hex(&hashed.hash.finalize()),
        })
    }
}

/// Writes a small file in one go.
pub(super) fn write_new(folder: &Path, name: &str, text: &str) -> Result<(), ArchiveError> {
    let path = folder.join(UNFINISHED);
    let write = || {
        let mut file = File::create(&path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(ArchiveError::file(&path))?;
    publish(&path, name)
}

/// From the temporary name to the one that it keeps. A link, because renaming would replace a file that is there.
fn publish(unfinished: &Path, name: &str) -> Result<(), ArchiveError> {
    let path = unfinished.with_file_name(name);
    let folder = unfinished.parent().unwrap_or(unfinished);
    let publish = || {
        fs::hard_link(unfinished, &path)?;
        fs::remove_file(unfinished)?;
        sync_up(folder)
    };
    publish().map_err(ArchiveError::file(&path))
}

/// Makes what was created in a folder durable, and the folder in those that it is in: month, year and the parts of the log's name.
fn sync_up(folder: &Path) -> io::Result<()> {
    const LEVELS: usize = 8;
    for folder in folder.ancestors().take(LEVELS) {
        match File::open(folder) {
            Ok(folder) => folder.sync_all()?,
            // Above the archive, where it may not be read.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes = self
            .bytes
            .saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
