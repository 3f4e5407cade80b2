//! Lines of bounded length, and the hash of what came before each.

use std::io::{BufRead, Read as _};

use sha2::{Digest as _, Sha256};

use super::error::ExportInvalid;

/// The longest line of an export that is read: an entry of the largest size with its proof, spelt in the longest way there is, fits.
pub const EXPORT_LINE_BYTES_MAX: usize = 1024 * 1024;

pub(super) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    number: u64,
    before: Sha256,
    bytes_before: u64,
}

pub(super) enum Next<'a> {
    /// Without its newline.
    Line(&'a str),
    /// There are bytes behind the last newline.
    CutOff,
    End,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            line: Vec::new(),
            number: 0,
            before: Sha256::new(),
            bytes_before: 0,
        }
    }

    pub(super) fn next(&mut self) -> Result<Next<'_>, ExportInvalid> {
        self.before.update(&self.line);
        self.bytes_before = self.bytes_before.saturating_add(length(&self.line));
        self.line.clear();
        let limit = u64::try_from(EXPORT_LINE_BYTES_MAX + 1).unwrap_or(u64::MAX);
        let read = (&mut self.reader).take(limit).read_until(b'\n', &mut self.line);
        if read.map_err(ExportInvalid::Read)? == 0 {
            return Ok(Next::End);
        }
        let Some(line) = self.line.strip_suffix(b"\n") else {
            return if self.line.len() > EXPORT_LINE_BYTES_MAX {
                Err(ExportInvalid::LineTooLong {
                    line: self.number + 1,
                })
            } else {
                Ok(Next::CutOff)
            };
        };
        self.number += 1;
        match std::str::from_utf8(line) {
            Ok(line) => Ok(Next::Line(line)),
            Err(_) => Err(ExportInvalid::NotText { line: self.number }),
        }
    }

    /// The number of the line that was read last, from 1.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// The SHA-256 of everything before the line that was read last, in hexadecimal.
    pub(super) fn sha256_before(&self) -> String {
        hex(&self.before.clone().finalize())
    }

    /// The SHA-256 of everything that was read, in hexadecimal.
    pub(super) fn sha256(&self) -> String {
        hex(&self.before.clone().chain_update(&self.line).finalize())
    }

    /// How many bytes were read.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes_before.saturating_add(length(&self.line))
    }
}

fn length(line: &[u8]) -> u64 {
    u64::try_from(line.len()).unwrap_or(u64::MAX)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
