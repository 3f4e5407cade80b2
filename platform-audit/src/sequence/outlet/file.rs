//! Files that appear under their names when they are whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::NOTE_BYTES_MAX;

const UNFINISHED: &str = ".new";

/// Puts a text under a name in one step, in the place of what is there. It is not flushed to the disk.
pub(super) fn put(to: &Path, text: &str) -> io::Result<()> {
    put_after(to, text, |_| Ok(()))
}

/// The same; its text is on the disk before it has the name.
pub(super) fn put_flushed(to: &Path, text: &str) -> io::Result<()> {
    put_after(to, text, File::sync_all)
}

fn put_after(to: &Path, text: &str, flush: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    let (mut file, unfinished) = create_unfinished(to)?;
    let put = file
        .write_all(text.as_bytes())
        .and_then(|()| flush(&file))
        .and_then(|()| fs::rename(&unfinished, to));
    put.inspect_err(|_| {
        // One that stays is in nobody's way.
        let _ = fs::remove_file(&unfinished);
    })
}

/// Makes a folder and those above it, unless they are there. Their names are on the disk when this returns.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    if path.try_exists()? {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    make_folder(parent)?;
    match DirBuilder::new().mode(0o755).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        // Another process may have made it, and not have come to the end.
        _ => {}
    }
    File::open(parent)?.sync_all()
}

/// The text of a file that is no longer than a note; `None` when there is none.
pub(super) fn read(path: &Path) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    let limit = u64::try_from(NOTE_BYTES_MAX).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Processes of other machines may write there too: whoever makes the file has the name.
fn create_unfinished(to: &Path) -> io::Result<(File, PathBuf)> {
    static WRITES: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = WRITES.fetch_add(1, Ordering::Relaxed);
        let mut name = to.as_os_str().to_owned();
        name.push(format!(".{}-{number}{UNFINISHED}", process::id()));
        let path = PathBuf::from(name);
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(&path);
        match made {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return Ok((made?, path)),
        }
    }
}
