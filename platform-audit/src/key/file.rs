//! A file of one owner that holds the key.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use platform_core::Sources;
use platform_crypto::Secret;
use zeroize::{Zeroize as _, Zeroizing};

use super::LogKeyError;

/// More than sixteen keys with comments.
const FILE_BYTES_MAX: u64 = 16 * 1024;

/// The text of a file that belongs to its owner alone; `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<Secret<String>>, LogKeyError> {
    let failed = |source| failed(path, source);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    // Asked of the open file: the name may mean another one by now.
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
        return Err(failed(io::Error::other(
            "it is not a regular file of at most 16 KiB",
        )));
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(LogKeyError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    let capacity = usize::try_from(metadata.len()).unwrap_or(0).saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    file.take(FILE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => Ok(Some(Secret::new(text))),
        Err(error) => {
            // The error owns what was read, and must not carry it further.
            error.into_bytes().zeroize();
            Err(failed(io::Error::other("it is not text")))
        }
    }
}

/// Makes the file unless there is one of that name; whether it did.
pub(super) fn create(path: &Path, text: &Secret<String>, sources: &Sources) -> Result<bool, LogKeyError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{:016x}", u64::from_be_bytes(sources.bytes())));
    let temporary = Path::new(&temporary);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(temporary)
        .and_then(|mut file| {
            file.write_all(text.expose().as_bytes())?;
            file.sync_all()
        });
    if let Err(source) = written {
        // What is left of it is of no use, and that it cannot be removed tells no more than the error at hand.
        let _ = fs::remove_file(temporary);
        return Err(failed(path, source));
    }
    // A link is refused where a file is, which a renaming would replace.
    let linked = fs::hard_link(temporary, path);
    let removed = fs::remove_file(temporary);
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        linked => linked
            .and(removed)
            .and_then(|()| flush_directory(path))
            .map(|()| true)
            .map_err(|source| failed(path, source)),
    }
}

/// A name is on the disk when its directory is.
fn flush_directory(path: &Path) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(directory)?.sync_all()
}

fn failed(path: &Path, source: io::Error) -> LogKeyError {
    LogKeyError::File {
        path: path.to_owned(),
        source,
    }
}
