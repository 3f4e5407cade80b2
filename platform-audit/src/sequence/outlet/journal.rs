//! What was published last, in one file that is flushed once for all tenants of a round.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use platform_core::TenantId;

use super::file::put_flushed;
use super::{Publication, Signed};
use crate::{LogKey, NOTE_BYTES_MAX};

const JOURNAL: &str = "journal";
const UNREAD: &str = "journal.unread";

/// A tenant, a space and a note of the largest size in base64.
const LINE_BYTES_MAX: usize = 64 + NOTE_BYTES_MAX.div_ceil(3) * 4;

/// Journals that could not be read are kept up to so many; of those that come then, the last.
const UNREAD_MAX: u32 = 1_000;

/// How much a journal that is begun anew takes over of lines that another key has signed: some 2,500 checkpoints.
const FOREIGN_BYTES_MAX: usize = 1 << 20;

/// The journal of an outlet. A line is `<tenant> <base64 of the note>`. It is sound when its note is signed by the log, so that it needs
/// no other check: what a crash has torn is not.
#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
}

/// What a journal says.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) publications: Vec<Publication>,
    /// Lines that are signed in the name of the log by a key that this process does not have: they are for one that does.
    pub(super) foreign: String,
    /// It holds something else too: lines that a crash has torn, or that this log has not signed.
    pub(super) others: bool,
}

impl Journal {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// Its length in bytes; 0 when there is none.
    pub(super) fn length(&self) -> io::Result<u64> {
        match fs::metadata(self.path()) {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Adds these, and waits until they are on the disk.
    pub(super) fn append(&self, publications: &[&Publication]) -> io::Result<()> {
        let mut text = String::new();
        for Publication { tenant, note, .. } in publications {
            text.push_str(&format!("{tenant} {}\n", BASE64.encode(note)));
        }
        let is_new = !self.path().try_exists()?;
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o644)
            .open(self.path())?;
        let before = file.metadata()?.len();
        if let Some(last) = before.checked_sub(1) {
            // A process that was killed may have left half a line, which is not to become part of this one.
            let mut byte = [0];
            file.read_exact_at(&mut byte, last)?;
            if byte != *b"\n" {
                text.insert(0, '\n');
            }
        }
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_data());
        written.inspect_err(|_| {
            // What is left all the same is ended by whoever adds the next line.
            let _ = file.set_len(before);
        })?;
        if is_new {
            File::open(&self.folder)?.sync_all()?;
        }
        Ok(())
    }

    /// Reads it from its beginning.
    pub(super) fn read(&self, key: &LogKey) -> io::Result<Lines> {
        let mut lines = Lines::default();
        let file = match File::open(self.path()) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(lines),
            Err(error) => return Err(error),
        };
        let mut reader = BufReader::new(file);
        loop {
            let mut line = Vec::new();
            let limit = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
            if reader.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
                return Ok(lines);
            }
            match parse(&line, key) {
                Line::Sound(publication) => lines.publications.push(publication),
                Line::Foreign(line) if lines.foreign.len() + line.len() <= FOREIGN_BYTES_MAX => {
                    lines.foreign.push_str(line);
                }
                Line::Foreign(_) | Line::Other => lines.others = true,
            }
        }
    }

    /// Begins anew with these lines, when all others stand where they belong.
    pub(super) fn begin_anew(&self, foreign: &str) -> io::Result<()> {
        if !foreign.is_empty() {
            put_flushed(&self.path(), foreign)?;
            return File::open(&self.folder)?.sync_all();
        }
        match OpenOptions::new().write(true).open(self.path()) {
            Ok(file) => {
                file.set_len(0)?;
                file.sync_all()
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Keeps a copy beside it for whoever looks into it.
    pub(super) fn keep_copy(&self) -> io::Result<()> {
        let mut aside = self.folder.join(format!("{UNREAD}-{UNREAD_MAX}"));
        for number in 1..UNREAD_MAX {
            let free = self.folder.join(format!("{UNREAD}-{number}"));
            if !free.try_exists()? {
                aside = free;
                break;
            }
        }
        fs::copy(self.path(), &aside)?;
        File::open(&aside)?.sync_all()?;
        File::open(&self.folder)?.sync_all()
    }

    fn path(&self) -> PathBuf {
        self.folder.join(JOURNAL)
    }
}

enum Line<'a> {
    Sound(Publication),
    Foreign(&'a str),
    Other,
}

fn parse<'a>(line: &'a [u8], key: &LogKey) -> Line<'a> {
    let Ok(line) = str::from_utf8(line) else {
        return Line::Other;
    };
    let Some((tenant, note)) = line.strip_suffix('\n').and_then(note_of) else {
        return Line::Other;
    };
    match Signed::read(&note, tenant, key) {
        Signed::ByLog(head) => Line::Sound(Publication { tenant, head, note }),
        Signed::ByUnknownKey => Line::Foreign(line),
        Signed::Not => Line::Other,
    }
}

fn note_of(line: &str) -> Option<(TenantId, String)> {
    let (tenant, note) = line.split_once(' ')?;
    let note = String::from_utf8(BASE64.decode(note).ok()?).ok()?;
    Some((tenant.parse().ok()?, note))
}
