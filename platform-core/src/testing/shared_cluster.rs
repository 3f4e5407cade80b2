//! The cluster that all test processes of a machine and user share.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::fs::FlockOperation;
use rustix::process::{Pid, test_kill_process};

use crate::embedded::{Binaries, Cluster, ClusterConfig, Durability, Endpoint, SearchPath, StartError};

use super::BoxError;

/// What a cluster and the databases of a test run take, generously.
const MEMORY_BYTES_MIN: u64 = 1024 * 1024 * 1024;

const LOCK_POLL: Duration = Duration::from_millis(20);
const LOCK_TIMEOUT: Duration = Duration::from_secs(120);
const HEARTBEAT_PERIOD: Duration = Duration::from_secs(60);

/// The watchdog below knows it by the same name.
const HEARTBEAT: &str = "heartbeat";

/// Stops the server ($2) and removes its folder ($1) once no test process has touched the heartbeat for ten minutes, seen
/// twice. The folder is renamed first: a test process that comes now either touches the old heartbeat in time, which is looked
/// at once more, or finds no folder and makes a new one.
const WATCHDOG: &str = r#"
idle=0
while sleep 60; do
    [ "$(head -n 1 "$1/pg/postmaster.pid" 2>/dev/null)" = "$2" ] && kill -0 "$2" 2>/dev/null || exit 0
    if [ -n "$(find "$1/heartbeat" -mmin -10 2>/dev/null)" ]; then idle=0; continue; fi
    idle=$((idle + 1))
    [ "$idle" -ge 2 ] || continue
    mv "$1" "$1.idle-$2" || exit 0
    if [ -n "$(find "$1.idle-$2/heartbeat" -mmin -10)" ] && [ ! -e "$1" ]; then
        mv "$1.idle-$2" "$1"; idle=0; continue
    fi
    kill -QUIT "$2"
    sleep 2
    rm -rf "$1.idle-$2"
    exit 0
done
"#;

/// Starts or adopts the cluster, and keeps it from stopping while this process lives.
pub(super) async fn start() -> Result<Endpoint, BoxError> {
    let binaries = find().await?;
    let folder = folder(binaries.version().major())?;
    let _lock = lock(&folder.with_extension("lock")).await?;
    // A watchdog that is about to stop the server sees this and lets it be.
    let _ = touch(&folder);
    let cluster = match Cluster::start(config(&binaries, &folder)).await {
        // What lies there has nothing that is worth keeping.
        Err(StartError::Exited { .. } | StartError::NotACluster { .. }) => {
            std::fs::remove_dir_all(&folder)?;
            Cluster::start(config(&binaries, &folder)).await?
        }
        started => started?,
    };
    touch(&folder)?;
    watch(&folder, cluster.report().pid)?;
    keep_alive(folder);
    // The server outlives this handle.
    Ok(cluster.endpoint().clone())
}

pub(super) async fn find() -> Result<Binaries, BoxError> {
    let bin_dir = std::env::var_os("PG_BIN_DIR").map(PathBuf::from);
    let search = SearchPath::new(bin_dir, std::env::var_os("PATH"));
    Ok(Binaries::find(&search).await?)
}

fn config(binaries: &Binaries, folder: &Path) -> ClusterConfig {
    ClusterConfig::new(binaries.clone(), folder)
        .durability(Durability::None)
        .max_connections(200)
        .setting("wal_level", "minimal")
        .setting("max_wal_senders", "0")
        .setting("min_wal_size", "32MB")
        .setting("max_wal_size", "256MB")
        .setting("autovacuum_naptime", "1h")
}

/// The cluster's folder: in memory where there is room, else among the temporary files.
fn folder(major: u32) -> io::Result<PathBuf> {
    let name = format!("platform-test-{}-{major}", rustix::process::geteuid().as_raw());
    let in_memory = Path::new("/dev/shm").join(&name);
    let roomy = rustix::fs::statvfs("/dev/shm")
        .is_ok_and(|space| space.f_bavail.saturating_mul(space.f_frsize) >= MEMORY_BYTES_MIN);
    if (roomy || in_memory.exists()) && make_own(&in_memory).is_ok() {
        return Ok(in_memory);
    }
    let on_disk = std::env::temp_dir().join(name);
    make_own(&on_disk)?;
    Ok(on_disk)
}

/// Creates a folder, or makes sure that the one that is there is this user's: anybody may write beside it.
fn make_own(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let metadata = std::fs::symlink_metadata(folder)?;
    if metadata.is_dir() && metadata.uid() == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    let message = format!("{} belongs to somebody else", folder.display());
    Err(io::Error::new(ErrorKind::PermissionDenied, message))
}

/// Test processes start the cluster one after the other.
async fn lock(path: &Path) -> Result<File, BoxError> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)?;
    let waiting = async {
        loop {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Err(rustix::io::Errno::WOULDBLOCK) => tokio::time::sleep(LOCK_POLL).await,
                result => break result,
            }
        }
    };
    tokio::time::timeout(LOCK_TIMEOUT, waiting)
        .await
        .map_err(|_| format!("another process has been starting the test cluster for {LOCK_TIMEOUT:?}"))??;
    Ok(file)
}

/// Starts the watchdog, unless one watches already.
fn watch(folder: &Path, server: u32) -> io::Result<()> {
    let note = folder.join("watchdog");
    let watching = std::fs::read_to_string(&note)
        .ok()
        .and_then(|text| Pid::from_raw(text.trim().parse::<i32>().ok()?.checked_abs()?))
        .is_some_and(|pid| test_kill_process(pid).is_ok());
    if watching {
        return Ok(());
    }
    let watchdog = Command::new("/bin/sh")
        .args(["-c", WATCHDOG, "platform-test-watchdog"])
        .arg(folder)
        .arg(server.to_string())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    std::fs::write(note, watchdog.id().to_string())
}

/// Touches the heartbeat for as long as this process lives.
fn keep_alive(folder: PathBuf) {
    let touching = move || {
        while touch(&folder).is_ok() {
            std::thread::sleep(HEARTBEAT_PERIOD);
        }
    };
    let _ = std::thread::Builder::new()
        .name("test cluster heartbeat".to_owned())
        .spawn(touching);
}

fn touch(folder: &Path) -> io::Result<()> {
    std::fs::write(folder.join(HEARTBEAT), "")
}
