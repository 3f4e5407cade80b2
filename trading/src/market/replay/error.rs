//! Why a file cannot be replayed.

use std::fmt;

/// A file of market data that cannot be replayed. Nothing of it has been played then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The file is missing, forbidden, cut off, or its compression is broken. `line` is the last line that could be read.
    #[error("cannot read {file}{}", after(*line))]
    Unreadable {
        /// The file, as it was named.
        file: String,
        /// The last line that was read; 0 when it was none.
        line: u64,
        /// What the system or the decompressor says.
        #[source]
        source: std::io::Error,
    },
    /// A line is not what the format demands.
    #[error("{0}")]
    Malformed(Box<MalformedRow>),
    /// The file has more rows, symbols or bytes than may be held in memory.
    #[error("{file} is too large: more than {limit}")]
    TooLarge {
        /// The file, as it was named.
        file: String,
        /// The limit it exceeds, such as `5000000 rows`.
        limit: String,
    },
}

/// The place in a file that is wrong, what is there, and what should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MalformedRow {
    /// The file, as it was named.
    pub file: String,
    /// The line, counted from 1; the header is line 1.
    pub line: u64,
    /// The column, as the format names it. `None` when the line as a whole is wrong.
    pub column: Option<&'static str>,
    /// What the file has there, cut to 60 characters.
    pub found: String,
    /// What belongs there.
    pub expected: String,
}

impl fmt::Display for MalformedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file, self.line)?;
        if let Some(column) = self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": found {}, expected {}", self.found, self.expected)
    }
}

fn after(line: u64) -> String {
    if line == 0 {
        String::new()
    } else {
        format!(" after line {line}")
    }
}

/// A field or a line, fit for a message: quoted, without control characters, at most 60 characters.
pub(super) fn shown(text: &str) -> String {
    const LENGTH_MAX: usize = 60;
    if text.is_empty() {
        return "nothing".to_owned();
    }
    let mut shown: String = text
        .chars()
        .take(LENGTH_MAX)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(LENGTH_MAX).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}
