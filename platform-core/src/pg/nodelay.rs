//! Keeps the kernel from holding back the end of a message to the database.
//!
//! The driver leaves Nagle's algorithm on for TCP in its version 0.9.0 (transact-rs/sqlx issue 4335; it was off before and is off again on
//! its main branch). Over TLS a message goes out in records of 16 KiB, and the end of one that takes several waits until the server has
//! acknowledged the others, which servers put off: 40 ms on Linux for every statement of that size. Sixty orders in one transaction came to
//! 830 a second that way, and to 3,000 without it.
//!
//! The driver keeps its socket to itself, so the socket is looked for among those of this process, on Linux. Where that is not allowed the
//! connection works as before. All of this goes once the driver does it.

use sqlx::postgres::PgConnectOptions;

/// Has the kernel send at once what is written to the connections of this process to that server. Nothing is done for a Unix socket.
pub(super) async fn send_at_once(options: &PgConnectOptions) {
    if options.get_socket().is_some() || options.get_host().starts_with('/') {
        return;
    }
    #[cfg(target_os = "linux")]
    {
        let port = options.get_port();
        // A process with many sockets takes a while to look through.
        let looked = tokio::task::spawn_blocking(move || linux::send_at_once(port)).await;
        if let Ok(Err(error)) = looked {
            tracing::info!(
                error = crate::error_chain(&error),
                "long statements may each wait 40 ms for an acknowledgement: pidfd_getfd is not allowed here"
            );
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::io;
    use std::net::SocketAddr;

    use rustix::fd::OwnedFd;
    use rustix::io::Errno;
    use rustix::net::getpeername;
    use rustix::net::sockopt::{set_tcp_nodelay, socket_type, tcp_nodelay};
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

    /// Sets the option on every TCP socket of this process whose other end has that port.
    pub(super) fn send_at_once(port: u16) -> io::Result<()> {
        let process = pidfd_open(getpid(), PidfdFlags::empty())?;
        for entry in fs::read_dir("/proc/self/fd")? {
            let entry = entry?;
            let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if !is_socket(&entry) {
                continue;
            }
            // A second descriptor of the same socket, closed at once.
            let descriptor = match pidfd_getfd(&process, number, PidfdGetfdFlags::empty()) {
                Ok(descriptor) => descriptor,
                // Some containers do not allow it.
                Err(error @ (Errno::PERM | Errno::NOSYS)) => return Err(error.into()),
                // One that is gone by now is none of ours.
                Err(_) => continue,
            };
            match socket_type(&descriptor) {
                // The number is a file's by now. Closing any descriptor of a file gives up the locks (POSIX, fcntl) that the process has on
                // it, so this one stays open.
                Err(Errno::NOTSOCK) => std::mem::forget(descriptor),
                _ if leads_to(&descriptor, port) && !tcp_nodelay(&descriptor).unwrap_or(true) => {
                    set_tcp_nodelay(&descriptor, true)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn is_socket(entry: &fs::DirEntry) -> bool {
        let target = fs::read_link(entry.path()).ok();
        target.is_some_and(|target| target.as_os_str().as_encoded_bytes().starts_with(b"socket:"))
    }

    fn leads_to(descriptor: &OwnedFd, port: u16) -> bool {
        // Whatever is no socket, or not connected, has no other end.
        let peer = getpeername(descriptor).ok().flatten();
        let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
        peer.is_some_and(|peer| peer.port() == port)
    }
}
