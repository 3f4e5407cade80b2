//! The life of a key.

use std::fmt::{self, Display};
use std::str::FromStr;

/// Where a key is in its life, in the words of NIST SP 800-57.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyState {
    /// Published, so that every process learns of it before the first value is sealed under it.
    PreActive,
    /// Seals and opens.
    Active,
    /// Opens what it has sealed, seals nothing any more.
    DecryptOnly,
    /// Gone for ever, with everything that was sealed under it.
    Destroyed,
}

/// What the keys of a tenant are for. Keys of one purpose never serve the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// Sealing fields.
    Data,
    /// Tags of blind indexes.
    Index,
}

/// A stored word is none of those that a state or a purpose is written as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no {0} of a key is written like that")]
pub struct UnknownWord(&'static str);

impl KeyState {
    /// The word for it in tables, logs and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PreActive => "pre_active",
            Self::Active => "active",
            Self::DecryptOnly => "decrypt_only",
            Self::Destroyed => "destroyed",
        }
    }
}

impl Purpose {
    /// The word for it in tables, logs and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Index => "index",
        }
    }
}

impl FromStr for KeyState {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::PreActive, Self::Active, Self::DecryptOnly, Self::Destroyed]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(UnknownWord("state"))
    }
}

impl FromStr for Purpose {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Data, Self::Index]
            .into_iter()
            .find(|purpose| purpose.as_str() == text)
            .ok_or(UnknownWord("purpose"))
    }
}

impl Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
