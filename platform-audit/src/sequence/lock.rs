//! One writer at a time, of this process and of others.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A writer is done within a flush of the disk.
const PATIENCE: Duration = Duration::from_secs(2);

const PAUSE: Duration = Duration::from_millis(2);

/// Whoever has one is alone with what the file stands for; it ends when it is dropped, and when its process does.
#[derive(Debug)]
pub(super) struct Alone(#[expect(dead_code, reason = "closing the file gives the lock back")] File);

/// The lock cannot be had.
#[derive(Debug)]
pub(super) enum NotAlone {
    /// Somebody else has held it for longer than two seconds.
    Locked,
    File(io::Error),
}

impl Alone {
    /// Waits for it, blocking the thread, two seconds at most. The file is made unless it is there.
    pub(super) fn with(lock: &Path) -> Result<Self, NotAlone> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(lock)
            .map_err(NotAlone::File)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Err(NotAlone::Locked),
                Err(TryLockError::Error(source)) if source.kind() == io::ErrorKind::Interrupted => {}
                Err(TryLockError::Error(source)) => return Err(NotAlone::File(source)),
            }
        }
    }
}

impl From<NotAlone> for io::Error {
    fn from(error: NotAlone) -> Self {
        match error {
            NotAlone::Locked => Self::new(io::ErrorKind::WouldBlock, "another process keeps it locked"),
            NotAlone::File(source) => source,
        }
    }
}
