//! What is wrong with a configuration, in words that never show a secret.

use std::fmt;

use ::config::{Value, ValueKind};

use crate::exit::Exit;
use crate::telemetry::redact;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key as in the file, such as `http.deadline_ms`.
    pub key: String,
    /// Where the value came from: a file, an environment variable, a flag.
    pub origin: String,
    /// What stands there. Never the value of a secret.
    pub found: String,
    /// What should stand there.
    pub expected: String,
    pub(super) kind: Kind,
}

/// What sort of remedy it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Wrong,
    MissingFile,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key,
            origin,
            found,
            expected,
            ..
        } = self;
        write!(f, "{key} ({origin}): found {found}, expected {expected}")
    }
}

/// Everything that is wrong with a configuration, at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub(super) Vec<Problem>);

impl Problems {
    /// The problems, file by file and key by key.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// How the process ends: [`Exit::NoInput`] when files are missing and nothing else is wrong, otherwise
    /// [`Exit::Configuration`].
    pub fn exit(&self) -> Exit {
        match self.0.iter().all(|problem| problem.kind == Kind::MissingFile) {
            true => Exit::NoInput,
            false => Exit::Configuration,
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => write!(f, "the configuration has a problem")?,
            count => write!(f, "the configuration has {count} problems")?,
        }
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

/// A value as it may be shown: short, on one line, with anything masked that looks like a credential in the wrong place.
pub(super) fn describe(value: &Value) -> String {
    match &value.kind {
        ValueKind::Nil => "nothing".to_owned(),
        ValueKind::Boolean(value) => value.to_string(),
        ValueKind::I64(value) => value.to_string(),
        ValueKind::I128(value) => value.to_string(),
        ValueKind::U64(value) => value.to_string(),
        ValueKind::U128(value) => value.to_string(),
        ValueKind::Float(value) => value.to_string(),
        ValueKind::String(text) => quote(text),
        ValueKind::Table(_) => "a table".to_owned(),
        ValueKind::Array(_) => "a list".to_owned(),
    }
}

/// Text in quotes, masked, at most 60 characters of it.
pub(super) fn quote(text: &str) -> String {
    // Where the password ends in a malformed URL is anybody's guess.
    if text.contains("://") && text.contains('@') {
        return "a URL with a user name (not shown)".to_owned();
    }
    let masked = redact(text);
    let mut shown: String = masked.chars().take(SHOWN_CHARS_MAX).collect();
    if masked.chars().count() > SHOWN_CHARS_MAX {
        shown.push('…');
    }
    format!("{shown:?}")
}

const SHOWN_CHARS_MAX: usize = 60;
