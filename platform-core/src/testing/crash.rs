//! A server for tests that kill it.

use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use sqlx::Connection as _;

use crate::embedded::{Cluster, ClusterConfig, Durability};
use crate::pg::Migrations;

use super::db::{TestDatabase, TestDb};
use super::server::Server;
use super::{BoxError, must, shared_cluster, template};

const DATABASE: &str = "crash";

/// A server of the test's own, on disk and with `fsync` on, with one migrated database. Its processes can be killed, and it
/// goes away with this value.
#[derive(Debug)]
pub struct TestCluster {
    folder: PathBuf,
    cluster: Option<Cluster>,
    database: TestDatabase,
}

impl TestCluster {
    /// Starts a server and runs the migrations in its database.
    ///
    /// # Panics
    /// When it does not start; the message says why.
    pub async fn on_disk(migrations: &[&'static Migrations]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("platform-crash-{}-{number}", process::id());
        let folder = std::env::temp_dir().join(name);
        // A process with the same id may have left one.
        let _ = std::fs::remove_dir_all(&folder);
        let cluster = must("a server for a crash test", start(&folder).await);
        let made = make(&cluster, migrations).await;
        let database = must("a database for a crash test", made);
        Self {
            folder,
            cluster: Some(cluster),
            database,
        }
    }

    /// The database; its URLs stay the same over restarts.
    pub fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// A handle to the database as the application. Make another one after a restart if the test needs fresh connections.
    ///
    /// # Panics
    /// When the server does not run.
    pub async fn open(&self) -> TestDb {
        TestDb::open(self.database.clone()).await
    }

    /// Kills every process of the server at once, so that nothing is written any more.
    ///
    /// # Panics
    /// When the server does not run.
    pub fn kill_postmaster(&mut self) {
        let cluster = must(
            "nothing to kill",
            self.cluster.take().ok_or("the server does not run"),
        );
        kill(&cluster);
    }

    /// Starts the server again after [`TestCluster::kill_postmaster`]; PostgreSQL recovers what was committed.
    ///
    /// # Panics
    /// When it does not start; the message says why.
    pub async fn restart(&mut self) {
        if let Some(running) = self.cluster.take() {
            kill(&running);
        }
        let cluster = must("the server did not come back", start(&self.folder).await);
        self.cluster = Some(cluster);
    }
}

impl Drop for TestCluster {
    fn drop(&mut self) {
        if let Some(cluster) = self.cluster.take() {
            kill(&cluster);
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn start(folder: &Path) -> Result<Cluster, BoxError> {
    let binaries = shared_cluster::find().await?;
    let config = ClusterConfig::new(binaries, folder)
        .max_connections(40)
        .shared_buffers_mib(32)
        // `initdb` need not wait for the disk, because the machine keeps running; all that the server commits does.
        .durability(Durability::None)
        .setting("fsync", "on")
        .setting("synchronous_commit", "on")
        .setting("full_page_writes", "on")
        // A killed server cannot remove its shared memory; so it lies in the folder that goes away.
        .setting("dynamic_shared_memory_type", "mmap");
    Ok(Cluster::start(config).await?)
}

async fn make(cluster: &Cluster, migrations: &[&'static Migrations]) -> Result<TestDatabase, BoxError> {
    let server = Server::embedded(cluster.endpoint())?;
    let mut alone = server.connect_alone().await?;
    template::make(&server, &mut alone, migrations, DATABASE).await?;
    alone.close().await?;
    Ok(TestDatabase::new(&server, DATABASE.to_owned()))
}

/// The server first, so that it starts no new process; then its children, which are in sessions of their own.
fn kill(cluster: &Cluster) {
    let server = cluster.report().pid;
    let children = children_of(server);
    for pid in std::iter::once(server).chain(children) {
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            // Gone already is as good.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// Without `/proc` none: the children end by themselves when they miss the server.
fn children_of(parent: u32) -> Vec<u32> {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let is_child = |pid: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("PPid:"));
        line.and_then(|value| value.trim().parse().ok()) == Some(parent)
    };
    processes
        .flatten()
        .filter_map(|process| process.file_name().to_str()?.parse().ok())
        .filter(is_child)
        .collect()
}
