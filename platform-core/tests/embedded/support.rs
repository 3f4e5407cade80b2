//! A data folder for one test, and the ways to look into its cluster.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use platform_core::embedded::{
    Binaries, Cluster, ClusterConfig, Durability, Endpoint, SUPERUSER, SearchPath, StopMode,
};
use platform_core::sqlx::{self, Connection as _};

/// A folder that goes away with the test; a server that the test left behind stops when it misses its files.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Where the tests run as root the server runs as somebody else.
        set_mode(folder.path(), 0o755);
        Self(folder)
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.0.path().join("data")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

pub(crate) async fn binaries() -> Binaries {
    let search = SearchPath::new(
        std::env::var_os("PG_BIN_DIR").map(Into::into),
        std::env::var_os("PATH"),
    );
    Binaries::find(&search).await.unwrap()
}

/// A small cluster that is quick to start.
pub(crate) async fn config(data_dir: &Path) -> ClusterConfig {
    ClusterConfig::new(binaries().await, data_dir)
        .durability(Durability::None)
        .max_connections(20)
        .shared_buffers_mib(16)
}

pub(crate) async fn start(data_dir: &Path) -> Cluster {
    Cluster::start(config(data_dir).await).await.unwrap()
}

pub(crate) async fn stop(cluster: Cluster) {
    assert_eq!(cluster.stop(StopMode::Fast).await.unwrap(), StopMode::Fast);
}

/// The answer to a query whose only column is text.
pub(crate) async fn ask(endpoint: &Endpoint, query: &'static str) -> String {
    let url = endpoint.url(SUPERUSER, "postgres");
    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    let answer = sqlx::query_scalar(query)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    answer
}

pub(crate) async fn run(endpoint: &Endpoint, statement: &'static str) {
    let url = endpoint.url(SUPERUSER, "postgres");
    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    sqlx::query(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
