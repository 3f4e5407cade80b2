//! A data folder that takes its PostgreSQL with it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use platform_core::Sources;
use platform_core::embedded::Cluster;
use platform_core::pg::{Db, DbConfig};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A data folder in the temporary folder. When it is dropped, the PostgreSQL that runs in it is killed and the folder removed.
///
/// The folder itself is the data folder: as root PostgreSQL runs under another account, who may not pass through a closed folder
/// above it.
#[derive(Debug)]
pub(crate) struct DataDir(TempDir);

impl DataDir {
    pub(crate) fn new() -> Self {
        Self(tempfile::Builder::new().prefix("trading-e2e-").tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The process id of the PostgreSQL that runs in the folder.
    pub(crate) fn postmaster(&self) -> Option<Pid> {
        let text = fs::read_to_string(self.path().join("pg/postmaster.pid")).ok()?;
        let pid = Pid::from_raw(text.lines().next()?.trim().parse().ok()?)?;
        is_postgres(pid).then_some(pid)
    }

    /// Kills PostgreSQL and all its children, so that nothing is written any more. The server first, so that it starts no new
    /// child.
    pub(crate) fn kill_postgres(&self) -> Pid {
        let postmaster = self.postmaster().expect("PostgreSQL runs");
        let children = children_of(postmaster);
        for pid in std::iter::once(postmaster).chain(children) {
            let _ = kill_process(pid, Signal::KILL);
        }
        postmaster
    }

    /// A handle to the embedded database under the application's login, beside the server that uses it.
    pub(crate) async fn connect(&self) -> Db {
        let endpoint = Cluster::attach(self.path()).await.unwrap();
        let endpoint = endpoint.expect("the database runs");
        let config = DbConfig::new(endpoint.url("platform_server", "platform")).with_max_connections(4);
        Db::connect(&config, Sources::system()).await.unwrap()
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while let Some(pid) = self.postmaster() {
            for child in children_of(pid) {
                let _ = kill_process(child, Signal::KILL);
            }
            let _ = kill_process(pid, Signal::KILL);
            if Instant::now() > deadline {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn is_postgres(pid: Pid) -> bool {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    name.starts_with("post") && !status.contains("State:\tZ")
}

fn children_of(parent: Pid) -> Vec<Pid> {
    let parent = format!("PPid:\t{parent}\n");
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| process.file_name().to_str()?.parse().ok())
        .filter(|pid: &i32| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            status.contains(&parent)
        })
        .filter_map(Pid::from_raw)
        .collect()
}
