//! The server's log.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

const ROTATE_AT_BYTES: u64 = 10 * 1024 * 1024;
const TAIL_BYTES: u64 = 4 * 1024;

/// `pg.log` in the data folder.
#[derive(Debug, Clone)]
pub(super) struct ServerLog(PathBuf);

impl ServerLog {
    pub(super) fn in_folder(data_dir: &Path) -> Self {
        Self(data_dir.join("pg.log"))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Opens the log for a server that is about to start. A long one becomes `pg.log.1` first.
    pub(super) fn open(&self) -> io::Result<File> {
        if self.len() > ROTATE_AT_BYTES {
            std::fs::rename(&self.0, self.0.with_extension("log.1"))?;
        }
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&self.0)
    }

    pub(super) fn len(&self) -> u64 {
        std::fs::metadata(&self.0).map_or(0, |metadata| metadata.len())
    }

    /// The last lines that were written from byte `start` on, at most 4 KiB.
    pub(super) fn tail(&self, start: u64) -> String {
        self.read_tail(start)
            .unwrap_or_else(|error| format!("(the log cannot be read: {error})"))
    }

    fn read_tail(&self, start: u64) -> io::Result<String> {
        let mut file = File::open(&self.0)?;
        let from = start.max(self.len().saturating_sub(TAIL_BYTES));
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::{ROTATE_AT_BYTES, ServerLog};

    #[test]
    fn a_long_log_is_rotated_when_it_is_opened() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let log = ServerLog::in_folder(folder.path());
        log.open()?.set_len(ROTATE_AT_BYTES + 1)?;

        log.open()?;

        assert_eq!(log.len(), 0);
        assert!(folder.path().join("pg.log.1").is_file());
        Ok(())
    }

    #[test]
    fn the_tail_starts_where_it_is_told() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let log = ServerLog::in_folder(folder.path());
        std::fs::write(log.path(), "before\nafter\n")?;

        assert_eq!(log.tail(7), "after");
        assert_eq!(log.tail(0), "before\nafter");
        Ok(())
    }
}
