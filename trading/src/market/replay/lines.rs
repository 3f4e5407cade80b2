//! Lines of a file, plain or compressed, none of which can exhaust memory.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use super::error::{MalformedRow, ReplayError, shown};

/// The longest line, in bytes.
const LINE_BYTES_MAX: usize = 4_096;
/// The most bytes of a file after decompression: 1 GiB.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// How a gzip member begins (RFC 1952, section 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Reads a file line by line and knows where it is.
pub(super) struct Lines<'r> {
    file: String,
    reader: Box<dyn BufRead + 'r>,
    line: u64,
    bytes_left: u64,
    buffer: Vec<u8>,
}

impl<'r> Lines<'r> {
    /// Lines of `source`, which is decompressed if it begins like gzip.
    pub(super) fn new(file: &str, source: impl Read + 'r) -> Result<Self, ReplayError> {
        let mut lines = Self {
            file: file.to_owned(),
            reader: Box::new(io::empty()),
            line: 0,
            bytes_left: FILE_BYTES_MAX,
            buffer: Vec::new(),
        };
        let mut source = BufReader::new(source);
        let start = source.fill_buf().map_err(|error| lines.unreadable(error))?;
        lines.reader = if start.starts_with(&GZIP_MAGIC) {
            Box::new(BufReader::new(MultiGzDecoder::new(source)))
        } else {
            Box::new(source)
        };
        Ok(lines)
    }

    /// The next line that is not blank, without its end. `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<String>, ReplayError> {
        loop {
            let Some(line) = self.next_line()? else {
                return Ok(None);
            };
            if !line.trim().is_empty() {
                return Ok(Some(line));
            }
        }
    }

    /// The error for a field of the line that was read last.
    pub(super) fn wrong(
        &self,
        column: &'static str,
        found: &str,
        expected: impl Into<String>,
    ) -> ReplayError {
        self.malformed(Some(column), shown(found), expected.into())
    }

    /// The error for the whole line that was read last.
    pub(super) fn wrong_line(&self, found: impl Into<String>, expected: impl Into<String>) -> ReplayError {
        self.malformed(None, found.into(), expected.into())
    }

    /// The error for a file that has more of something than it may.
    pub(super) fn too_large(&self, limit: impl Into<String>) -> ReplayError {
        ReplayError::TooLarge {
            file: self.file.clone(),
            limit: limit.into(),
        }
    }

    fn next_line(&mut self) -> Result<Option<String>, ReplayError> {
        self.buffer.clear();
        let limit = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
        let read = (&mut self.reader)
            .take(limit + 1)
            .read_until(b'\n', &mut self.buffer)
            .map_err(|error| self.unreadable(error))?;
        if read == 0 {
            return Ok(None);
        }
        self.line += 1;
        if self.buffer.last() == Some(&b'\n') {
            self.buffer.pop();
            if self.buffer.last() == Some(&b'\r') {
                self.buffer.pop();
            }
        } else if read > LINE_BYTES_MAX {
            let expected = format!("at most {LINE_BYTES_MAX} bytes in a line");
            return Err(self.wrong_line("a longer line", expected));
        }
        self.bytes_left = u64::try_from(read)
            .ok()
            .and_then(|read| self.bytes_left.checked_sub(read))
            .ok_or_else(|| self.too_large("1 GiB of text"))?;
        match std::str::from_utf8(&self.buffer) {
            // Spreadsheets put a byte order mark in front.
            Ok(text) if self.line == 1 => Ok(Some(text.trim_start_matches('\u{feff}').to_owned())),
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err(self.wrong_line("bytes that are not UTF-8", "text in UTF-8")),
        }
    }

    fn unreadable(&self, source: io::Error) -> ReplayError {
        ReplayError::Unreadable {
            file: self.file.clone(),
            line: self.line,
            source,
        }
    }

    fn malformed(&self, column: Option<&'static str>, found: String, expected: String) -> ReplayError {
        ReplayError::Malformed(Box::new(MalformedRow {
            file: self.file.clone(),
            // A file without a line is wrong at its first.
            line: self.line.max(1),
            column,
            found,
            expected,
        }))
    }
}
