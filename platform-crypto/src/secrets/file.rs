//! Secrets in files.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::{SecretError, SecretName, SecretSource, SecretValue, SecretVersions, Unusable};

/// The link that Kubernetes turns to a new folder when any secret of a volume changes.
const KUBERNETES_LINK: &str = "..data";

/// How often a volume may change while it is read before that is an error.
const READS_MAX: usize = 3;

const OTHERS_READ: u32 = 0o004;
const OTHERS_WRITE: u32 = 0o002;
const GROUP_WRITE: u32 = 0o020;

/// Secrets in the files of a folder, such as a mounted volume: `database-password` is the file of that name, the version before it
/// the file `database-password.previous`.
///
/// One line end at the end of a file is no part of the secret. A folder that Kubernetes mounts changes all its files at once; what
/// is read is of one state of it. Files that others may read or change are refused; links lead nowhere but into the folder.
#[derive(Debug, Clone)]
pub struct FileSecrets {
    folder: PathBuf,
    /// The permissions that make a file unfit.
    forbidden: u32,
}

impl FileSecrets {
    /// The secrets in this folder, which is looked at when a secret is asked for.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            forbidden: OTHERS_READ | OTHERS_WRITE | GROUP_WRITE,
        }
    }

    /// Takes files that others may read. For volumes that cannot be mounted otherwise, in containers where nobody else is.
    #[must_use]
    pub fn readable_by_others(mut self) -> Self {
        self.forbidden &= !OTHERS_READ;
        self
    }

    /// What the files hold at one moment. Blocks.
    fn read(&self, name: &SecretName) -> Result<Option<SecretVersions>, Failure> {
        for _ in 0..READS_MAX {
            let Some(folder) = existing(self.folder.canonicalize())? else {
                return Ok(None);
            };
            self.admit(&folder, &fs::metadata(&folder)?, OTHERS_WRITE)?;
            let link = folder.join(KUBERNETES_LINK);
            let state = existing(link.canonicalize())?;
            let read = self.read_state(&folder, state.as_deref().unwrap_or(&folder), name);
            // While it was read the volume may have changed, and what was there may be gone.
            if existing(link.canonicalize())? == state {
                return read;
            }
        }
        Err(io::Error::other("the folder changes all the time").into())
    }

    fn read_state(
        &self,
        folder: &Path,
        state: &Path,
        name: &SecretName,
    ) -> Result<Option<SecretVersions>, Failure> {
        if !state.starts_with(folder) {
            return Err(Unusable::NotAFile.into());
        }
        let version = (state != folder)
            .then(|| state.file_name())
            .flatten()
            .map(|name| name.to_string_lossy().into_owned());
        let current = self.read_file(folder, &state.join(name.as_str()))?;
        let Some(current) = current else { return Ok(None) };
        let previous = self.read_file(folder, &state.join(format!("{name}.previous")))?;
        let current = SecretValue::new(current, version)?;
        let previous = previous.map(|bytes| SecretValue::new(bytes, None)).transpose()?;
        Ok(Some(SecretVersions::new(current).with_previous(previous)))
    }

    fn read_file(&self, folder: &Path, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        let Some(path) = existing(path.canonicalize())? else {
            return Ok(None);
        };
        // Before it is opened: opening a pipe would wait for somebody to write into it.
        let metadata = fs::metadata(&path)?;
        if !metadata.is_file() || !path.starts_with(folder) {
            return Err(Unusable::NotAFile.into());
        }
        self.admit(&path, &metadata, self.forbidden)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(
            SecretValue::BYTES_MAX + LINE_END_BYTES_MAX + 1,
        ));
        let limit = u64::try_from(bytes.capacity()).unwrap_or(u64::MAX);
        File::open(&path)?.take(limit).read_to_end(&mut bytes)?;
        let kept = without_line_end(&bytes).len();
        bytes.truncate(kept);
        Ok(Some(bytes))
    }

    fn admit(&self, path: &Path, metadata: &Metadata, forbidden: u32) -> Result<(), Failure> {
        let mode = metadata.permissions().mode() & 0o7777;
        match mode & forbidden {
            0 => Ok(()),
            _ => Err(Failure::Exposed(path.to_owned(), mode)),
        }
    }
}

const LINE_END_BYTES_MAX: usize = 2;

fn without_line_end(bytes: &[u8]) -> &[u8] {
    let Some(line) = bytes.strip_suffix(b"\n") else {
        return bytes;
    };
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// `None` where there is nothing.
fn existing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A [`SecretError`] that does not know its secret yet.
enum Failure {
    Io(io::Error),
    Unusable(Unusable),
    Exposed(PathBuf, u32),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Unusable> for Failure {
    fn from(reason: Unusable) -> Self {
        Self::Unusable(reason)
    }
}

impl Failure {
    fn of(self, name: SecretName) -> SecretError {
        match self {
            Self::Io(error) if error.kind() == ErrorKind::PermissionDenied => SecretError::Denied {
                name,
                source: error.into(),
            },
            Self::Io(error) => SecretError::Unavailable {
                name,
                source: error.into(),
            },
            Self::Unusable(reason) => SecretError::Unusable { name, reason },
            Self::Exposed(path, mode) => SecretError::Exposed { path, mode },
        }
    }
}

#[async_trait]
impl SecretSource for FileSecrets {
    async fn fetch(&self, name: &SecretName) -> Result<Option<SecretVersions>, SecretError> {
        let (files, wanted) = (self.clone(), name.clone());
        let read = tokio::task::spawn_blocking(move || files.read(&wanted)).await;
        match read {
            Ok(read) => read.map_err(|failure| failure.of(name.clone())),
            Err(stopped) => Err(Failure::Io(io::Error::other(stopped)).of(name.clone())),
        }
    }
}
