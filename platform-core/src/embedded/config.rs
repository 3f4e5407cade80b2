//! How a cluster is run.

use std::path::PathBuf;
use std::time::Duration;

use super::Binaries;

/// What a crash may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing that was committed: `fsync`, `synchronous_commit` and `full_page_writes` are on.
    Full,
    /// Everything. For tests alone: a crash of the machine leaves a cluster that cannot be used.
    None,
}

/// Which programs run which data folder, and how.
///
/// The defaults are those of a small production server: full durability, 100 connections, 128 MiB of shared buffers, 60 s to
/// come up, 30 s to go down.
#[derive(Debug, Clone)]
pub struct ClusterConfig {
    pub(super) binaries: Binaries,
    pub(super) data_dir: PathBuf,
    pub(super) runtime_dir: PathBuf,
    pub(super) durability: Durability,
    pub(super) start_timeout: Duration,
    pub(super) stop_timeout: Duration,
    max_connections: u16,
    shared_buffers_mib: u32,
    extra: Vec<(&'static str, String)>,
}

impl ClusterConfig {
    /// A cluster in `data_dir`, which is created when it does not exist.
    pub fn new(binaries: Binaries, data_dir: impl Into<PathBuf>) -> Self {
        Self {
            binaries,
            data_dir: data_dir.into(),
            runtime_dir: PathBuf::from("/tmp"),
            durability: Durability::Full,
            start_timeout: Duration::from_secs(60),
            stop_timeout: Duration::from_secs(30),
            max_connections: 100,
            shared_buffers_mib: 128,
            extra: Vec::new(),
        }
    }

    /// What a crash may cost.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How many connections the server takes.
    #[must_use]
    pub fn max_connections(mut self, connections: u16) -> Self {
        self.max_connections = connections;
        self
    }

    /// The server's shared buffers.
    #[must_use]
    pub fn shared_buffers_mib(mut self, mib: u32) -> Self {
        self.shared_buffers_mib = mib;
        self
    }

    /// Where the socket's folder goes when the data folder's path is too long for one; `/tmp` by default, `XDG_RUNTIME_DIR`
    /// is better.
    #[must_use]
    pub fn runtime_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.runtime_dir = folder.into();
        self
    }

    /// How long initialising and starting may take, each. Recovery after a crash counts.
    #[must_use]
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.start_timeout = limit;
        self
    }

    /// How long a fast shutdown may take before the server is told to stop at once.
    #[must_use]
    pub fn stop_timeout(mut self, limit: Duration) -> Self {
        self.stop_timeout = limit;
        self
    }

    /// Any other setting of PostgreSQL; it wins over this module's own choice.
    #[must_use]
    pub fn setting(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.extra.push((name, value.into()));
        self
    }

    /// The server's settings, in the order in which later ones win.
    pub(super) fn settings(&self, socket_folder: &str) -> Vec<String> {
        let durable = match self.durability {
            Durability::Full => "on",
            Durability::None => "off",
        };
        let mut settings = vec![
            "listen_addresses=".to_owned(),
            // A list: the quotes keep a comma in the path.
            format!(
                "unix_socket_directories=\"{}\"",
                socket_folder.replace('"', "\"\"")
            ),
            "unix_socket_permissions=0700".to_owned(),
            "port=5432".to_owned(),
            format!("fsync={durable}"),
            format!("synchronous_commit={durable}"),
            format!("full_page_writes={durable}"),
            format!("max_connections={}", self.max_connections),
            format!("shared_buffers={}MB", self.shared_buffers_mib),
            // A service begins with empty tables, and what is planned for those is slow once they are not: a minute is long until then.
            "autovacuum_naptime=5s".to_owned(),
            "timezone=UTC".to_owned(),
            "log_timezone=UTC".to_owned(),
            "log_checkpoints=off".to_owned(),
            // The log must not learn what the statements carry; an error's detail quotes the row.
            "log_error_verbosity=terse".to_owned(),
            "log_min_error_statement=panic".to_owned(),
            "log_parameter_max_length=0".to_owned(),
            "logging_collector=off".to_owned(),
        ];
        settings.extend(self.extra.iter().map(|(name, value)| format!("{name}={value}")));
        settings
    }
}
