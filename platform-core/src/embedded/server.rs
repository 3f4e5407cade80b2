//! Starting, adopting and stopping the server's process.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::time::Instant;

use super::account::Account;
use super::init::clean_command;
use super::log::ServerLog;
use super::postmaster::{self, Seen, Status};
use super::{ClusterConfig, Endpoint, StartError, StopError, StopMode, socket};

/// How often a server that comes up or goes down is looked at.
const POLL: Duration = Duration::from_millis(5);

/// What an immediate stop may take: the server kills its children itself after five seconds.
const IMMEDIATE_TIMEOUT: Duration = Duration::from_secs(10);

/// What it takes to start a server.
pub(super) struct Launch<'a> {
    pub(super) config: &'a ClusterConfig,
    pub(super) cluster: &'a Path,
    pub(super) socket_folder: PathBuf,
    pub(super) log: ServerLog,
    pub(super) account: &'a Account,
}

/// A server's process.
#[derive(Debug)]
pub(super) struct Server {
    pid: Pid,
    /// Kept to reap the process, if this one started it.
    child: Option<Child>,
    cluster: PathBuf,
}

/// Waits until a server is ready, and starts one if none runs. Says whether the server was there before.
pub(super) async fn bring_up(launch: Launch<'_>) -> Result<(Server, Endpoint, bool), StartError> {
    let deadline = Instant::now() + launch.config.start_timeout;
    let mut attempt: Option<Attempt> = None;
    loop {
        let seen = postmaster::look(launch.cluster)
            .map_err(StartError::io("read", &postmaster::pid_path(launch.cluster)))?;
        match seen {
            Seen::Server(file) if file.status == Status::Ready => {
                if let Some(folder) = file.socket_folder
                    && socket::answers(&folder).await
                {
                    let child = attempt.map(|attempt| attempt.child);
                    let child = child.filter(|child| Pid::from_child(child) == file.pid);
                    let adopted = child.is_none();
                    let server = Server {
                        pid: file.pid,
                        child,
                        cluster: launch.cluster.to_owned(),
                    };
                    return Ok((server, Endpoint::new(folder), adopted));
                }
            }
            // It starts, recovers or stops.
            Seen::Server(_) => {}
            Seen::Misleading(_) | Seen::Nobody if attempt.is_some() => {}
            Seen::Misleading(file) => {
                let folder = file.and_then(|file| file.socket_folder);
                launch.refuse_hidden(folder.as_deref()).await?;
                launch.clear_misleading()?;
            }
            Seen::Nobody => {
                launch.refuse_hidden(Some(&launch.socket_folder)).await?;
                attempt = Some(launch.spawn()?);
            }
        }
        if let Some(current) = &mut attempt
            && current.has_ended()
        {
            let tail = launch.log.tail(current.log_start);
            if !is_worth_another_attempt(&tail) {
                return Err(launch.exited(tail));
            }
            attempt = None;
        }
        if Instant::now() >= deadline {
            return Err(launch.timed_out());
        }
        tokio::time::sleep(POLL).await;
    }
}

/// A server that was started and is not ready yet.
struct Attempt {
    child: Child,
    /// Where its part of the log begins.
    log_start: u64,
}

impl Attempt {
    fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }
}

/// The children of a server that was killed live on until they notice; PostgreSQL rightly refuses to start beside them.
fn is_worth_another_attempt(tail: &str) -> bool {
    tail.contains("pre-existing shared memory block")
}

impl Launch<'_> {
    /// Refuses to start beside a server that answers although no process of it is in sight: one in another container with the
    /// same folder.
    async fn refuse_hidden(&self, socket_folder: Option<&Path>) -> Result<(), StartError> {
        let Some(folder) = socket_folder else {
            return Ok(());
        };
        if !socket::answers(folder).await {
            return Ok(());
        }
        Err(StartError::InUse {
            pid: None,
            data_dir: self.config.data_dir.clone(),
        })
    }

    /// Removes a `postmaster.pid` whose process id was given to somebody else (usual where a container starts again) or which
    /// a full disk left empty. PostgreSQL's own check of the shared memory still guards the cluster.
    fn clear_misleading(&self) -> Result<(), StartError> {
        let path = postmaster::pid_path(self.cluster);
        tracing::warn!(
            "removing {}, which names a process that is no server",
            path.display()
        );
        std::fs::remove_file(&path).map_err(StartError::io("remove", &path))
    }

    fn spawn(&self) -> Result<Attempt, StartError> {
        socket::clear(&self.socket_folder)?;
        let log = self.log.open().map_err(StartError::io("open", self.log.path()))?;
        let errors = log.try_clone().map_err(StartError::io("open", self.log.path()))?;
        let program = self.config.binaries.postgres();
        let mut command = clean_command(&program);
        command.arg("-D").arg(self.cluster);
        for setting in self.config.settings(&self.socket_folder.to_string_lossy()) {
            command.arg("-c").arg(setting);
        }
        command
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .process_group(0);
        self.account.apply(&mut command);
        let log_start = self.log.len();
        let child = command.spawn().map_err(StartError::io("run", &program))?;
        Ok(Attempt { child, log_start })
    }

    fn exited(&self, tail: String) -> StartError {
        StartError::Exited {
            log: self.log.path().to_owned(),
            tail,
        }
    }

    fn timed_out(&self) -> StartError {
        StartError::Timeout {
            limit: self.config.start_timeout,
            log: self.log.path().to_owned(),
            tail: self.log.tail(0),
        }
    }
}

impl Server {
    pub(super) fn pid(&self) -> u32 {
        postmaster::number(self.pid)
    }

    pub(super) fn is_running(&self) -> bool {
        postmaster::is_server_of(self.pid, &self.cluster)
    }

    pub(super) async fn stop(&mut self, mode: StopMode, fast: Duration) -> Result<StopMode, StopError> {
        if mode == StopMode::Fast {
            self.signal(Signal::INT)?;
            if self.is_gone_within(fast).await {
                return Ok(StopMode::Fast);
            }
        }
        self.signal(Signal::QUIT)?;
        if self.is_gone_within(IMMEDIATE_TIMEOUT).await {
            return Ok(StopMode::Immediate);
        }
        Err(StopError::StillRunning { pid: self.pid() })
    }

    /// Never signals a process that is not this cluster's server: its id may have been given away.
    fn signal(&self, signal: Signal) -> Result<(), StopError> {
        if !self.is_running() {
            return Ok(());
        }
        postmaster::signal(self.pid, signal).map_err(|source| StopError::Signal {
            pid: self.pid(),
            source,
        })
    }

    async fn is_gone_within(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(child) = &mut self.child {
                let _ = child.try_wait();
            }
            if !self.is_running() {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(POLL).await;
        }
    }
}
