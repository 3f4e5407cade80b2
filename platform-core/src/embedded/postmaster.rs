//! The server's process.

use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal};

/// What `postmaster.pid` says.
#[derive(Debug, Clone)]
pub(super) struct PidFile {
    pub(super) pid: Pid,
    /// The folder of the server's socket; unknown for a moment while the server starts.
    pub(super) socket_folder: Option<PathBuf>,
    pub(super) status: Status,
}

/// How far the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Starting,
    Ready,
    Stopping,
}

/// Who runs a cluster.
#[derive(Debug)]
pub(super) enum Seen {
    /// Nobody. A `postmaster.pid` that a dead server left is PostgreSQL's to clear away: it also knows whether one of that
    /// server's children still lives.
    Nobody,
    /// Nobody, but the file names a process that lives and is something else, or says nothing at all. PostgreSQL would refuse
    /// to start.
    Misleading(Option<PidFile>),
    /// A server of this cluster.
    Server(PidFile),
}

/// Looks who runs the cluster in `folder`.
pub(super) fn look(folder: &Path) -> io::Result<Seen> {
    let text = match std::fs::read_to_string(pid_path(folder)) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Seen::Nobody),
        Err(error) => return Err(error),
    };
    let Some(file) = parse(&text) else {
        return Ok(Seen::Misleading(None));
    };
    Ok(if is_server_of(file.pid, folder) {
        Seen::Server(file)
    } else if exists(file.pid) {
        Seen::Misleading(Some(file))
    } else {
        Seen::Nobody
    })
}

pub(super) fn pid_path(folder: &Path) -> PathBuf {
    folder.join("postmaster.pid")
}

/// Is `pid` a living server of the cluster in `folder`? A zombie is not.
///
/// A server changes into its cluster's folder before it writes its process id, so that a process id which was given to
/// somebody else is told apart.
pub(super) fn is_server_of(pid: Pid, folder: &Path) -> bool {
    if !Path::new("/proc/self/cwd").exists() {
        return is_server_by_ps(pid, folder);
    }
    let process = PathBuf::from(format!("/proc/{}", number(pid)));
    let same_folder = match (std::fs::metadata(process.join("cwd")), std::fs::metadata(folder)) {
        (Ok(cwd), Ok(folder)) => (cwd.dev(), cwd.ino()) == (folder.dev(), folder.ino()),
        _ => false,
    };
    let name = std::fs::read_to_string(process.join("comm")).unwrap_or_default();
    same_folder && name.starts_with("post")
}

/// The same for systems without `/proc`: the server was started with its folder as an argument.
fn is_server_by_ps(pid: Pid, folder: &Path) -> bool {
    let output = std::process::Command::new("ps")
        .args(["-ww", "-o", "command=", "-p", &number(pid).to_string()])
        .output();
    let Ok(output) = output else { return false };
    let line = String::from_utf8_lossy(&output.stdout).into_owned();
    line.contains("postgres") && line.contains(&*folder.to_string_lossy())
}

/// Sends `signal` to a server; one that is gone already is no error.
pub(super) fn signal(pid: Pid, signal: Signal) -> io::Result<()> {
    match rustix::process::kill_process(pid, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn number(pid: Pid) -> u32 {
    pid.as_raw_nonzero().get().unsigned_abs()
}

fn exists(pid: Pid) -> bool {
    !matches!(
        rustix::process::test_kill_process(pid),
        Err(rustix::io::Errno::SRCH)
    )
}

/// The lines of the file: process id, data folder, start time, port, socket folder, listen address, shared memory key, status.
fn parse(text: &str) -> Option<PidFile> {
    let mut lines = text.lines();
    // A single-user server writes its process id with a minus.
    let pid = lines.next()?.trim().parse::<i32>().ok()?.checked_abs()?;
    let pid = Pid::from_raw(pid)?;
    let socket_folder = lines.nth(3).filter(|line| !line.is_empty()).map(PathBuf::from);
    let status = match lines.nth(2).map(str::trim) {
        Some("ready" | "standby") => Status::Ready,
        Some("stopping") => Status::Stopping,
        _ => Status::Starting,
    };
    Some(PidFile {
        pid,
        socket_folder,
        status,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Status, parse};

    #[test]
    fn a_pid_file_is_read_however_much_of_it_is_written() {
        let whole = parse("812\n/d/pg\n1700000000\n5432\n/d/run\n\n 7 8\nready   \n").unwrap();
        assert_eq!(whole.pid.as_raw_nonzero().get(), 812);
        assert_eq!(whole.socket_folder.as_deref(), Some(Path::new("/d/run")));
        assert_eq!(whole.status, Status::Ready);

        let early = parse("812\n/d/pg\n1700000000\n5432\n").unwrap();
        assert_eq!((early.socket_folder, early.status), (None, Status::Starting));

        let late = parse("812\n/d/pg\n1700000000\n5432\n/d/run\n\n 7 8\nstopping\n").unwrap();
        assert_eq!(late.status, Status::Stopping);

        assert!(parse("").is_none());
        assert_eq!(parse("-5\n/d/pg\n").unwrap().pid.as_raw_nonzero().get(), 5);
    }
}
