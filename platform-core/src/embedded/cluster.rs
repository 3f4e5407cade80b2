//! A cluster, from the data folder to the running server.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::account::Account;
use super::folder::{CLUSTER, DataFolder};
use super::log::ServerLog;
use super::postmaster::{self, Seen, Status};
use super::server::{self, Launch, Server};
use super::{ClusterConfig, Endpoint, StartError, StopError, Version, init, socket};

/// A running server, and the lock that makes this process the one that serves its data folder.
///
/// Dropping it gives the lock up and leaves the server running, as a killed process does; the next [`Cluster::start`] adopts
/// it. [`Cluster::stop`] stops the server.
#[derive(Debug)]
pub struct Cluster {
    endpoint: Endpoint,
    report: Report,
    server: Server,
    stop_timeout: Duration,
    // Last, so that the lock is given up when everything else is gone.
    _folder: DataFolder,
}

/// How a cluster came up, for the program's first lines.
#[derive(Debug, Clone)]
pub struct Report {
    /// What had to be done.
    pub came_up: CameUp,
    /// The version of the programs; an adopted server may be an older minor release.
    pub version: Version,
    /// The folder of the programs.
    pub binaries: PathBuf,
    /// The data folder, without symlinks.
    pub data_dir: PathBuf,
    /// The server's process id.
    pub pid: u32,
}

/// What had to be done to bring a cluster up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CameUp {
    /// The data folder was empty: a cluster was made and started.
    Initialised,
    /// The cluster was there and was started.
    Started,
    /// The server had outlived the program that started it.
    Adopted,
}

impl fmt::Display for CameUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Initialised => "initialised",
            Self::Started => "started",
            Self::Adopted => "adopted",
        })
    }
}

/// How a server stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// Connections are closed, open transactions rolled back, everything is written.
    Fast,
    /// The server exits at once and recovers at its next start. Nothing that was committed is lost.
    Immediate,
}

impl Cluster {
    /// Brings the cluster in the data folder up: makes it if there is none, adopts its server if one runs, starts it
    /// otherwise. The server has a process group of its own, so that Ctrl-C in the program's terminal does not reach it.
    ///
    /// A future that is dropped half-way may leave a server running; the next start adopts it.
    ///
    /// # Errors
    /// [`StartError`]'s message is written for the person who started the program: print it and exit.
    pub async fn start(config: ClusterConfig) -> Result<Self, StartError> {
        let folder = DataFolder::open(&config.data_dir)?;
        let cluster = folder.cluster();
        let account = Account::choose(folder.path(), &cluster)?;
        folder.admit(&account)?;
        account.check_traversable(config.binaries.folder())?;
        let existed = folder.check_cluster(&account, config.binaries.version().major())?;
        if !existed {
            init::initialise(&config, &folder, &account).await?;
        }
        let launch = Launch {
            socket_folder: socket::prepare(folder.path(), &config.runtime_dir, &account)?,
            log: ServerLog::in_folder(folder.path()),
            config: &config,
            cluster: &cluster,
            account: &account,
        };
        let (server, endpoint, adopted) = server::bring_up(launch).await?;
        let came_up = match (adopted, existed) {
            (true, _) => CameUp::Adopted,
            (false, true) => CameUp::Started,
            (false, false) => CameUp::Initialised,
        };
        let report = Report {
            came_up,
            version: config.binaries.version().clone(),
            binaries: config.binaries.folder().to_owned(),
            data_dir: folder.path().to_owned(),
            pid: server.pid(),
        };
        tracing::info!(
            database.data_dir = %report.data_dir.display(),
            database.pid = report.pid,
            "{came_up} the embedded PostgreSQL {} in {}", report.version, report.data_dir.display(),
        );
        Ok(Self {
            endpoint,
            report,
            server,
            stop_timeout: config.stop_timeout,
            _folder: folder,
        })
    }

    /// Where the server of `data_dir` listens, for a command beside the program that serves; takes no lock. `None` when no
    /// server runs or it is not ready.
    ///
    /// # Errors
    /// The folder exists and cannot be read: it belongs to another user.
    pub async fn attach(data_dir: &Path) -> io::Result<Option<Endpoint>> {
        let Seen::Server(file) = postmaster::look(&data_dir.join(CLUSTER))? else {
            return Ok(None);
        };
        match file.socket_folder {
            Some(folder) if file.status == Status::Ready && socket::answers(&folder).await => {
                Ok(Some(Endpoint::new(folder)))
            }
            _ => Ok(None),
        }
    }

    /// Where the server listens.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A URL for `user` and `database`; see [`Endpoint::url`].
    pub fn url(&self, user: &str, database: &str) -> String {
        self.endpoint.url(user, database)
    }

    /// How the cluster came up.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Does the server still run? It does not come back by itself; a new [`Cluster::start`] brings it back.
    pub fn is_running(&self) -> bool {
        self.server.is_running()
    }

    /// Stops the server and gives the data folder up. A fast stop that takes longer than the configuration allows becomes an
    /// immediate one; the mode in which the server stopped in the end is returned.
    ///
    /// # Errors
    /// [`StopError::StillRunning`] when the server ignores even that, [`StopError::Signal`] when it belongs to somebody else.
    pub async fn stop(mut self, mode: StopMode) -> Result<StopMode, StopError> {
        self.server.stop(mode, self.stop_timeout).await
    }
}
