//! The data folder and its lock.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::StartError;
use super::account::Account;

/// The cluster's folder inside the data folder.
pub(super) const CLUSTER: &str = "pg";

/// A data folder that this process alone serves.
#[derive(Debug)]
pub(super) struct DataFolder {
    path: PathBuf,
    lock: File,
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that another thread forks right now holds it open until it executes its
        // program. The kernel does the same for a process that is killed.
        let _ = rustix::fs::flock(&self.lock, FlockOperation::Unlock);
    }
}

impl DataFolder {
    /// Creates the folder when there is none and takes its lock.
    pub(super) fn open(path: &Path) -> Result<Self, StartError> {
        create(path).map_err(StartError::io("create", path))?;
        let path = std::fs::canonicalize(path).map_err(StartError::io("resolve", path))?;
        let lock = lock(&path)?;
        Ok(Self { path, lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn cluster(&self) -> PathBuf {
        self.path.join(CLUSTER)
    }

    /// Makes sure that `account` reaches the cluster. The data folder itself is this program's and is opened for passing
    /// through; whatever lies above it is not, and a closed one is an error.
    pub(super) fn admit(&self, account: &Account) -> Result<(), StartError> {
        if let Account::Dropped { uid, .. } = account {
            let metadata = std::fs::metadata(&self.path).map_err(StartError::io("look at", &self.path))?;
            let mode = metadata.permissions().mode() & 0o7777;
            if metadata.uid() != *uid && mode & 0o011 != 0o011 {
                let passable = std::fs::Permissions::from_mode(mode | 0o011);
                std::fs::set_permissions(&self.path, passable).map_err(StartError::io("open", &self.path))?;
            }
        }
        account.check_traversable(&self.path)
    }

    /// Is there a cluster that `account` can run with programs of version `need`? `Ok(false)` when there is none.
    pub(super) fn check_cluster(&self, account: &Account, need: u32) -> Result<bool, StartError> {
        let folder = self.cluster();
        let metadata = match std::fs::metadata(&folder) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(StartError::io("look at", &folder)(error)),
        };
        let owner = metadata.uid();
        if owner != account.uid() {
            return Err(StartError::WrongOwner { folder, owner });
        }
        let version = major_version(&folder).map_err(StartError::io("read the version of", &folder))?;
        match version {
            None => Err(StartError::NotACluster { folder }),
            Some(found) if found == need => Ok(true),
            Some(found) => Err(StartError::WrongVersion {
                found,
                need,
                data_dir: self.path.clone(),
            }),
        }
    }
}

/// The major version that made the cluster in `folder`; `None` when it holds no cluster.
pub(super) fn major_version(folder: &Path) -> io::Result<Option<u32>> {
    match std::fs::read_to_string(folder.join("PG_VERSION")) {
        Ok(text) => Ok(text.trim().parse().ok()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn create(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}

fn lock(data_dir: &Path) -> Result<File, StartError> {
    let path = data_dir.join("lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(StartError::io("open", &path))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            return Err(StartError::InUse {
                pid: holder.trim().parse().ok(),
                data_dir: data_dir.to_owned(),
            });
        }
        Err(error) => return Err(StartError::io("lock", &path)(error.into())),
    }
    // The process id is for the message of whoever comes second; the lock alone decides.
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(StartError::io("write", &path))?;
    Ok(file)
}
