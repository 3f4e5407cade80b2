//! The file, as one process knows it.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use platform_core::TenantId;

use super::super::lock::Alone;
use super::line::{Header, LINE_BYTES_MAX, Line};
use super::{Mark, MarksError};
use crate::key::MacKey;

const JOURNAL: &str = "journal";
const UNFINISHED: &str = "journal.new";
const LOCK: &str = "lock";

/// A journal is written anew when it has this many lines more than twice as many as there are tenants.
const SPARE_LINES: u64 = 1_024;

/// How far the journal is known here, and what it says.
#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
    key: MacKey,
    header: Header,
    /// The end of the last line that was read or written.
    offset: u64,
    /// The number of that line, and what it says of flushes.
    number: u64,
    sync: u64,
    marks: BTreeMap<TenantId, Mark>,
    /// Behind the offset is what is left of lines that were not written to their end.
    torn: bool,
    /// A write has failed: nobody knows what of it will be on the disk, so the next one makes a new file.
    failed: bool,
}

impl Journal {
    /// Opens the journal in a folder. Where there is none, nothing is made.
    pub(super) fn open(folder: &Path, key: MacKey) -> Result<Self, MarksError> {
        let mut journal = Self::unread(folder, key);
        if !journal.path(JOURNAL).try_exists().map_err(MarksError::File)? {
            return Err(MarksError::Missing);
        }
        let _alone = journal.alone()?;
        journal.catch_up()?;
        Ok(journal)
    }

    /// The same, or makes folder and journal.
    pub(super) fn open_or_begin(folder: &Path, key: MacKey) -> Result<Self, MarksError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(MarksError::File)?;
        let mut journal = Self::unread(folder, key);
        let _alone = journal.alone()?;
        if journal.path(JOURNAL).try_exists().map_err(MarksError::File)? {
            journal.catch_up()?;
        } else {
            journal.write_anew()?;
        }
        Ok(journal)
    }

    fn unread(folder: &Path, key: MacKey) -> Self {
        Self {
            folder: folder.to_owned(),
            key,
            header: Header { generation: 0 },
            offset: 0,
            number: 0,
            sync: 0,
            marks: BTreeMap::new(),
            torn: false,
            failed: false,
        }
    }

    /// Keeps other writers out as long as it lives. It comes before [`catch_up`](Self::catch_up), and that before everything else.
    pub(super) fn alone(&self) -> Result<Alone, MarksError> {
        Ok(Alone::with(&self.path(LOCK))?)
    }

    /// What the journal says.
    pub(super) const fn marks(&self) -> &BTreeMap<TenantId, Mark> {
        &self.marks
    }

    /// Reads what others have written since.
    pub(super) fn catch_up(&mut self) -> Result<(), MarksError> {
        let file = File::open(self.path(JOURNAL)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => MarksError::Missing,
            _ => MarksError::File(error),
        })?;
        let length = file.metadata().map_err(MarksError::File)?.len();
        let mut reader = BufReader::new(file);
        let first = read_line(&mut reader)?;
        let header = Header::parse(&first, &self.key).ok_or(MarksError::Foreign)?;
        if header.generation < self.header.generation || (header == self.header && length < self.offset) {
            return Err(MarksError::RolledBack);
        }
        if header != self.header {
            self.header = header;
            self.offset = u64::try_from(first.len()).unwrap_or(u64::MAX);
            (self.number, self.sync) = (0, 0);
            self.marks.clear();
            self.failed = false;
        }
        reader
            .seek(SeekFrom::Start(self.offset))
            .map_err(MarksError::File)?;
        self.read_on(&mut reader)
    }

    fn read_on(&mut self, reader: &mut impl BufRead) -> Result<(), MarksError> {
        self.torn = false;
        loop {
            let text = read_line(reader)?;
            if text.is_empty() {
                return Ok(());
            }
            match Line::parse(&text, self.header, &self.key) {
                Some(line) if line.number == self.number + 1 => {
                    self.marks.insert(line.tenant, line.mark);
                    (self.number, self.sync) = (line.number, line.sync);
                    self.offset += u64::try_from(text.len()).unwrap_or(u64::MAX);
                }
                Some(_) => return Err(MarksError::Damaged),
                None if Line::is_whole(&text) => return Err(MarksError::Damaged),
                None => break,
            }
        }
        self.torn = true;
        // A crash may leave a part of what was being flushed, in any order; what came later cannot be there, and neither can a line
        // that is written to its end by somebody else.
        loop {
            let text = read_line(reader)?;
            match Line::parse(&text, self.header, &self.key) {
                _ if text.is_empty() => return Ok(()),
                Some(line) if line.sync > self.sync + 1 => return Err(MarksError::Damaged),
                None if Line::is_whole(&text) => return Err(MarksError::Damaged),
                _ => {}
            }
        }
    }

    /// Adds marks to the journal. `flush` waits until they are on the disk.
    pub(super) fn append(&mut self, marks: &[(TenantId, Mark)], flush: bool) -> Result<(), MarksError> {
        if marks.is_empty() {
            return Ok(());
        }
        let tenants = u64::try_from(self.marks.len()).unwrap_or(u64::MAX);
        if self.failed || self.number > tenants.saturating_mul(2).saturating_add(SPARE_LINES) {
            let before = self.marks.clone();
            self.marks.extend(marks.iter().copied());
            return self.write_anew().inspect_err(|_| self.marks = before);
        }
        let mut text = String::new();
        let mut number = self.number;
        for (tenant, mark) in marks {
            number += 1;
            let line = Line {
                number,
                sync: self.sync,
                tenant: *tenant,
                mark: *mark,
            };
            text.push_str(&line.to_line(self.header, &self.key));
        }
        if let Err(error) = self.write(text.as_bytes(), flush) {
            self.failed = true;
            return Err(MarksError::File(error));
        }
        self.number = number;
        self.sync += u64::from(flush);
        self.offset += u64::try_from(text.len()).unwrap_or(u64::MAX);
        self.torn = false;
        self.marks.extend(marks.iter().copied());
        Ok(())
    }

    fn write(&self, bytes: &[u8], flush: bool) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(self.path(JOURNAL))?;
        if self.torn {
            file.set_len(self.offset)?;
        }
        file.seek(SeekFrom::Start(self.offset))?;
        file.write_all(bytes)?;
        if flush { file.sync_data() } else { Ok(()) }
    }

    /// Writes what is known into a new file, which takes the place of the old one when it is on the disk.
    fn write_anew(&mut self) -> Result<(), MarksError> {
        let header = Header {
            generation: self.header.generation + 1,
        };
        let mut text = header.to_line(&self.key);
        let mut number = 0;
        for (tenant, mark) in &self.marks {
            number += 1;
            let line = Line {
                number,
                sync: 0,
                tenant: *tenant,
                mark: *mark,
            };
            text.push_str(&line.to_line(header, &self.key));
        }
        self.replace(text.as_bytes()).map_err(MarksError::File)?;
        self.header = header;
        self.offset = u64::try_from(text.len()).unwrap_or(u64::MAX);
        (self.number, self.sync) = (number, 1);
        (self.torn, self.failed) = (false, false);
        Ok(())
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let unfinished = self.path(UNFINISHED);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, self.path(JOURNAL))?;
        File::open(&self.folder)?.sync_all()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// A line with its newline, what is left of one at the end, or nothing there; a longer one comes in pieces.
fn read_line(reader: &mut impl BufRead) -> Result<Vec<u8>, MarksError> {
    let mut line = Vec::new();
    reader
        .by_ref()
        .take(LINE_BYTES_MAX)
        .read_until(b'\n', &mut line)
        .map_err(MarksError::File)?;
    Ok(line)
}
