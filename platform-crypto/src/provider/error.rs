//! How a provider fails, and why a root key is not accepted.

use std::io;
use std::path::PathBuf;

use super::{RootKeyRef, Weakness};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// A provider could not wrap or unwrap a data key. No variant holds a byte of a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// The provider cannot be reached or does not work at present. Ask again later; until then a cached key may serve.
    #[error("the provider of root keys is unavailable")]
    Unavailable(#[source] Source),
    /// What was to be unwrapped is not the key that the context names: it was damaged, exchanged, or its version is no longer allowed.
    /// Asking again does not help.
    #[error("the wrapped key does not belong to its context or is no longer allowed")]
    Refused,
    /// The root key is not among those the provider was given. Configure it, or restore it.
    #[error("the root key {0} is not among those that are configured")]
    UnknownRoot(RootKeyRef),
    /// The provider does not let this service in, or not do this. An operator has to act.
    #[error("the provider of root keys denies access")]
    Denied(#[source] Source),
}

impl ProviderError {
    /// The provider is unavailable for the given reason.
    pub fn unavailable(source: impl Into<Source>) -> Self {
        Self::Unavailable(source.into())
    }

    /// The provider denies access for the given reason.
    pub fn denied(source: impl Into<Source>) -> Self {
        Self::Denied(source.into())
    }
}

/// A root key was not accepted. The texts name files, lines and lengths, never a character of a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootKeyError {
    /// The file cannot be read or written.
    #[error("the key file {} cannot be read or written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file exists already and is not overwritten.
    #[error("the key file {} exists already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Others than the owner may read or write the file.
    #[error("the key file {} has mode {mode:o}; only its owner may have access to it: chmod 600", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A line is not a root key.
    #[error("line {line} is not a root key: pcroot1_ and 72 hexadecimal digits, but it has {found}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it, in words of this crate.
        found: Malformation,
    },
    /// There is no key in the text.
    #[error("there is no root key: one line of pcroot1_ and 72 hexadecimal digits is needed")]
    Empty,
    /// There are more keys than a provider holds.
    #[error("there are more than {max} root keys")]
    TooMany {
        /// The most that are accepted.
        max: usize,
    },
    /// The same key twice: one of the lines was meant to be another key.
    #[error("line {line} repeats a root key")]
    Repeated {
        /// The line, from 1.
        line: usize,
    },
    /// A key that others know or can guess.
    #[error("the root key or passphrase is {0}; make a new one")]
    Weak(Weakness),
}

/// In what way a line is not a root key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformation {
    /// The line does not begin with the prefix.
    #[error("no prefix")]
    Prefix,
    /// A wrong number of characters behind the prefix.
    #[error("{0} characters behind the prefix")]
    Length(usize),
    /// A character that is no hexadecimal digit.
    #[error("a character that is no hexadecimal digit")]
    Digit,
    /// The digits do not add up to their checksum: a character was changed or lost.
    #[error("a wrong checksum")]
    Checksum,
}
