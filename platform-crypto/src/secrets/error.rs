//! How a secret cannot be had.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::SecretName;

type Source = Box<dyn Error + Send + Sync>;

/// Why a secret cannot be had. No variant holds one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// There is no secret of this name. Put it where the source looks.
    #[error("there is no secret {name}")]
    Missing {
        /// Its name.
        name: SecretName,
    },
    /// There is something of this name that is no secret's text. Put a right one in its place.
    #[error("the secret {name} cannot be used")]
    Unusable {
        /// Its name.
        name: SecretName,
        /// What is wrong with it.
        #[source]
        reason: Unusable,
    },
    /// Others may read or change the file or its folder. Take the permissions away: mode 0400 for files, and `defaultMode: 0400` in
    /// a Kubernetes volume.
    #[error("{} has mode {mode:04o}, which lets others read or change it", path.display())]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The source refuses to give it out. An operator has to act.
    #[error("access to the secret {name} is denied")]
    Denied {
        /// Its name.
        name: SecretName,
        /// Why.
        #[source]
        source: Source,
    },
    /// The source does not answer, and what was known is too old to be used. Try again later.
    #[error("the secret {name} cannot be read")]
    Unavailable {
        /// Its name.
        name: SecretName,
        /// Why.
        #[source]
        source: Source,
    },
}

impl SecretError {
    /// The same for somebody else who has waited for it.
    pub(super) fn shared(failed: &Arc<Self>) -> Self {
        let source = || Box::new(SharedSource(Arc::clone(failed)));
        match &**failed {
            Self::Missing { name } => Self::Missing { name: name.clone() },
            Self::Unusable { name, reason } => Self::Unusable {
                name: name.clone(),
                reason: *reason,
            },
            Self::Exposed { path, mode } => Self::Exposed {
                path: path.clone(),
                mode: *mode,
            },
            Self::Denied { name, .. } => Self::Denied {
                name: name.clone(),
                source: source(),
            },
            Self::Unavailable { name, .. } => Self::Unavailable {
                name: name.clone(),
                source: source(),
            },
        }
    }
}

/// The source of an error that several have got.
struct SharedSource(Arc<SecretError>);

impl SharedSource {
    /// The source itself; the error, where it has none.
    fn get(&self) -> &(dyn Error + 'static) {
        self.0.source().unwrap_or(&*self.0)
    }
}

impl fmt::Debug for SharedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.get(), f)
    }
}

impl fmt::Display for SharedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.get(), f)
    }
}

impl Error for SharedSource {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.get().source()
    }
}

/// What is wrong with a text that should be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It has more than 64 KiB.
    #[error("it is longer than 64 KiB")]
    TooLong,
    /// It is not UTF-8, or holds a NUL.
    #[error("it is no text in UTF-8 without NUL")]
    NotText,
    /// Its name is that of a folder, a device, or a link that leads out of the folder of secrets.
    #[error("it is no file in the folder of secrets")]
    NotAFile,
}
