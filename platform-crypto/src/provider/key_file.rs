//! Root keys in a file of one owner.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use platform_core::Sources;
use zeroize::{Zeroize as _, Zeroizing};

use super::error::RootKeyError;
use super::key_text::new_key_text;
use super::{KeyProvider as _, LocalRoot, RootKeyRef};

/// More than any number of keys that a provider holds, with comments.
const FILE_BYTES_MAX: u64 = 16 * 1024;

const HEADING: &str =
    "# Root keys, newest first. Whoever has this file reads every sealed field; without it nobody does.\n";

/// Makes a key file with one new key: mode 0600, complete or not there at all, flushed to the disk before it returns.
///
/// Of several processes that make the same file at the same time one succeeds.
///
/// # Errors
/// [`RootKeyError::Exists`] when there is a file of that name; it is left alone. [`RootKeyError::File`] when it cannot be written.
pub fn create_key_file(path: &Path, sources: &Sources) -> Result<(), RootKeyError> {
    let text = with_new_key("", sources);
    let temporary = write_beside(path, &text, sources)?;
    // A link is refused where a file is, which a renaming would replace.
    let linked = fs::hard_link(&temporary, path);
    let removed = fs::remove_file(&temporary);
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(RootKeyError::Exists {
            path: path.to_owned(),
        }),
        linked => linked
            .and(removed)
            .and_then(|()| flush_directory(path))
            .map_err(|source| failed(path, source)),
    }
}

/// Puts a new key in front of those in the file, in one step, and answers its reference.
///
/// From the next start on it wraps, and the others unwrap until they are taken away.
///
/// # Errors
/// Those of [`LocalRoot::from_key_file`], [`RootKeyError::TooMany`] when the file is full, and [`RootKeyError::File`] when it cannot be
/// replaced; the file is then as it was.
pub fn prepend_key(path: &Path, sources: &Sources) -> Result<RootKeyRef, RootKeyError> {
    let target = fs::canonicalize(path).map_err(|source| failed(path, source))?;
    let before = read(&target)?;
    LocalRoot::from_text(&before, sources)?;
    let text = with_new_key(before.strip_prefix(HEADING).unwrap_or(&before), sources);
    let current = LocalRoot::from_text(&text, sources)?.current();
    let temporary = write_beside(&target, &text, sources)?;
    fs::rename(&temporary, &target)
        .and_then(|()| flush_directory(&target))
        .map_err(|source| {
            // Harmless when the renaming has succeeded: there is no such file then.
            let _ = fs::remove_file(&temporary);
            failed(path, source)
        })?;
    Ok(current)
}

/// The text of a file that belongs to its owner alone.
pub(super) fn read(path: &Path) -> Result<Zeroizing<String>, RootKeyError> {
    let failed = |source| failed(path, source);
    let file = File::open(path).map_err(failed)?;
    // Asked of the open file: the name may mean another one by now.
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
        return Err(failed(io::Error::other(
            "it is not a regular file of at most 16 KiB",
        )));
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(RootKeyError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    let capacity = usize::try_from(metadata.len()).unwrap_or(0).saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    file.take(FILE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    String::from_utf8(std::mem::take(&mut *bytes))
        .map(Zeroizing::new)
        .map_err(|error| {
            // The error owns what was read, and must not carry it further.
            error.into_bytes().zeroize();
            failed(io::Error::other("it is not text"))
        })
}

fn with_new_key(before: &str, sources: &Sources) -> Zeroizing<String> {
    let key = new_key_text(sources);
    let made = sources.now().date();
    let mut text = Zeroizing::new(String::with_capacity(
        HEADING.len() + key.len() + before.len() + 64,
    ));
    text.push_str(HEADING);
    text.push_str(&format!("# Made {made}.\n"));
    text.push_str(&key);
    text.push('\n');
    text.push_str(before);
    text
}

/// Writes a new file of mode 0600 next to `path` and flushes it to the disk.
fn write_beside(path: &Path, text: &str, sources: &Sources) -> Result<PathBuf, RootKeyError> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{:016x}", u64::from_be_bytes(sources.bytes())));
    let temporary = PathBuf::from(name);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    match written {
        Ok(()) => Ok(temporary),
        Err(source) => {
            // What is left of it is of no use, and that it cannot be removed tells no more than the error at hand.
            let _ = fs::remove_file(&temporary);
            Err(failed(path, source))
        }
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

fn failed(path: &Path, source: io::Error) -> RootKeyError {
    RootKeyError::File {
        path: path.to_owned(),
        source,
    }
}
