//! The folder of the server's socket.

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::StartError;
use super::account::Account;

/// It only names the socket's file: the server opens no TCP port.
pub(super) const PORT: u16 = 5432;

/// `sockaddr_un` holds 108 bytes on Linux and 104 on the BSDs, a terminating zero included.
const PATH_BYTES_MAX: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Prepares the private folder for the socket: `run` in the data folder, or a short one under `runtime_dir`.
pub(super) fn prepare(data_dir: &Path, runtime_dir: &Path, account: &Account) -> Result<PathBuf, StartError> {
    let inside = data_dir.join("run");
    let folder = if fits(&inside) {
        inside
    } else {
        let name = format!("platform-pg-{:016x}", fnv1a(data_dir.as_os_str().as_bytes()));
        let short = runtime_dir.join(&name);
        // The runtime folder of root or of another user is closed to the server's account.
        let usable = fits(&short) && account.check_traversable(runtime_dir).is_ok();
        if usable {
            short
        } else {
            Path::new("/tmp").join(name)
        }
    };
    make_private(&folder, account)?;
    Ok(folder)
}

/// Does something accept connections there?
pub(super) async fn answers(folder: &Path) -> bool {
    let connect = tokio::net::UnixStream::connect(file(folder));
    matches!(tokio::time::timeout(CONNECT_TIMEOUT, connect).await, Ok(Ok(_)))
}

/// Removes what a killed server left in the folder, which is this cluster's alone. PostgreSQL refuses to start when the
/// process id in the socket's lock file was given to somebody else.
pub(super) fn clear(folder: &Path) -> Result<(), StartError> {
    for leftover in [file(folder), folder.join(format!(".s.PGSQL.{PORT}.lock"))] {
        match std::fs::remove_file(&leftover) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(StartError::io("remove", &leftover)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn file(folder: &Path) -> PathBuf {
    folder.join(format!(".s.PGSQL.{PORT}"))
}

fn fits(folder: &Path) -> bool {
    file(folder).as_os_str().len() <= PATH_BYTES_MAX
}

/// Creates the folder with mode 0700, or checks that what is there is a folder of the account's own: under `/tmp` anybody may
/// have come first.
fn make_private(folder: &Path, account: &Account) -> Result<(), StartError> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => account.own(folder)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(StartError::io("create", folder)(error)),
    }
    let metadata = std::fs::symlink_metadata(folder).map_err(StartError::io("look at", folder))?;
    let owner = metadata.uid();
    if !metadata.is_dir() || (owner != account.uid() && owner != 0) {
        return Err(StartError::WrongOwner {
            folder: folder.to_owned(),
            owner,
        });
    }
    if owner != account.uid() {
        account.own(folder)?;
    }
    let private = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(folder, private).map_err(StartError::io("close", folder))
}

/// FNV-1a of 64 bits: the same folder gets the same name in every release.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
