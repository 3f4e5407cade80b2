//! Why a cluster did not start or stop.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A cluster did not start. Every message is written for the person who started the program.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Another process serves this data folder: stop it, or use another folder.
    #[error("the data folder {} is in use{}", .data_dir.display(), .pid.map(|pid| format!(" by process {pid}")).unwrap_or_default())]
    InUse {
        /// The process that holds the folder's lock, as far as it is known.
        pid: Option<u32>,
        /// The folder.
        data_dir: PathBuf,
    },
    /// Another major version of PostgreSQL made this folder.
    #[error(
        "the data folder {} was made by PostgreSQL {found}, and the programs found are PostgreSQL {need}: install PostgreSQL \
         {found} (or name its programs in PG_BIN_DIR), or dump the databases with {found}, move the folder away and restore \
         them with {need}", .data_dir.display()
    )]
    WrongVersion {
        /// The folder's major version.
        found: u32,
        /// The programs' major version.
        need: u32,
        /// The folder.
        data_dir: PathBuf,
    },
    /// The place of the cluster holds something else; nothing was touched.
    #[error("{} is not a PostgreSQL cluster: move it away or use another data folder", .folder.display())]
    NotACluster {
        /// What lies where the cluster should be.
        folder: PathBuf,
    },
    /// The program runs as root, the server cannot, and its account may not pass through a folder.
    #[error(
        "PostgreSQL does not run as root, so it runs as {account}, who may not enter {}: choose another folder, or let others \
         pass with chmod o+x", .folder.display()
    )]
    NotTraversable {
        /// The outermost folder that is closed.
        folder: PathBuf,
        /// The account the server would run under.
        account: String,
    },
    /// The program runs as root and there is neither an account `postgres` nor `nobody` to run the server under.
    #[error(
        "PostgreSQL does not run as root, and there is no account postgres or nobody: run this program as another user"
    )]
    NoAccount,
    /// The cluster belongs to somebody else, and only its owner or root can run it.
    #[error("{} belongs to the user with id {owner}: run this program as that user, or change the owner", .folder.display())]
    WrongOwner {
        /// The cluster's folder, or the socket's.
        folder: PathBuf,
        /// Its owner's user id.
        owner: u32,
    },
    /// `initdb` failed; nothing is left behind.
    #[error("initdb did not make a cluster: {output}")]
    Initialise {
        /// What it printed, at most 4 KiB.
        output: String,
    },
    /// The server gave up while it was starting.
    #[error("PostgreSQL stopped while it was starting; the end of its log {}:\n{tail}", .log.display())]
    Exited {
        /// The server's log.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// The server is not ready yet. It was left running (it may be recovering): start again later, or allow more time.
    #[error("PostgreSQL is not ready after {limit:?}; the end of its log {}:\n{tail}", .log.display())]
    Timeout {
        /// The time it had.
        limit: Duration,
        /// The server's log.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// A file operation failed.
    #[error("could not {action} {}", .path.display())]
    Io {
        /// What was tried, to follow "could not".
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl StartError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// A cluster did not stop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StopError {
    /// The server ignored even the order to stop at once. It still runs; the next start adopts it.
    #[error("PostgreSQL, process {pid}, did not stop")]
    StillRunning {
        /// The server's process id.
        pid: u32,
    },
    /// The server could not be signalled.
    #[error("could not signal PostgreSQL, process {pid}")]
    Signal {
        /// The server's process id.
        pid: u32,
        /// Why it failed.
        source: io::Error,
    },
}
