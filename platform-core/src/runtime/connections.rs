//! Accepts TCP connections, bounds them, and lets them finish.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::socket::Socket;

/// The limits of the listener. HTTP/1.1 with upgrades; HTTP/2 and TLS belong to the proxy in front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// How long a client may take to send a request's head, and how long a connection may be idle between two. Default 10 s.
    pub header_read_timeout: Duration,
    /// The largest head of a request; beyond it 431, as beyond 100 headers. Default 32 KiB.
    pub head_bytes_max: usize,
    /// How many connections are open at once, WebSockets included; more wait in the kernel's queue. Default 10,000.
    pub max_connections: NonZeroUsize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            header_read_timeout: Duration::from_secs(10),
            head_bytes_max: 32 * 1024,
            max_connections: const { NonZeroUsize::new(10_000).expect("not zero") },
        }
    }
}

/// How long accepting pauses when the process is out of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// The open connections of one listener, cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    limits: ConnectionLimits,
    slots_max: usize,
    slots: Arc<Semaphore>,
    open: TaskTracker,
    stop: CancellationToken,
    kill: CancellationToken,
}

impl Connections {
    pub(super) fn new(limits: ConnectionLimits) -> Self {
        let kill = CancellationToken::new();
        let slots_max = limits.max_connections.get().min(Semaphore::MAX_PERMITS);
        Self {
            limits,
            slots_max,
            slots: Arc::new(Semaphore::new(slots_max)),
            open: TaskTracker::new(),
            stop: kill.child_token(),
            kill,
        }
    }

    /// Accepts until [`Self::stop`]. The listener is closed when this returns.
    pub(super) async fn accept(self, listener: TcpListener, router: Router) {
        while let Some(accepted) = self.stop.run_until_cancelled(self.next(&listener)).await {
            match accepted {
                Ok((socket, peer)) => {
                    let connection = self.clone().serve(socket, peer, router.clone());
                    self.open.spawn(connection);
                }
                Err(error) if concerns_one_client(&error) => {}
                Err(error) => {
                    tracing::error!(error = %error, "a connection could not be accepted; pausing");
                    self.stop.run_until_cancelled(sleep(ACCEPT_PAUSE)).await;
                }
            }
        }
    }

    /// No more connections; the open ones finish the request they are at.
    pub(super) fn stop(&self) {
        self.stop.cancel();
        self.open.close();
    }

    /// Completes when every connection is closed, after [`Self::stop`].
    pub(super) async fn drained(&self) {
        self.open.wait().await;
    }

    /// Cuts what is open and stops accepting.
    pub(super) fn kill(&self) {
        self.kill.cancel();
    }

    /// Does the same when the guard is dropped, for an owner who may be dropped while it serves.
    pub(super) fn kill_on_drop(&self) -> DropGuard {
        self.kill.clone().drop_guard()
    }

    /// How many connections are open, WebSockets included, once accepting has stopped.
    pub(super) fn count(&self) -> usize {
        self.slots_max.saturating_sub(self.slots.available_permits())
    }

    async fn next(&self, listener: &TcpListener) -> io::Result<(Socket, SocketAddr)> {
        let slot = Arc::clone(&self.slots)
            .acquire_owned()
            .await
            .map_err(io::Error::other)?;
        let (stream, peer) = listener.accept().await?;
        // Answers are small and latency matters more than the number of packets.
        TcpStream::set_nodelay(&stream, true)?;
        Ok((Socket::new(stream, slot, self.open.token()), peer))
    }

    async fn serve(self, socket: Socket, peer: SocketAddr, router: Router) {
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().oneshot(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_read_timeout)
            .max_header_size(self.limits.head_bytes_max)
            .serve_connection(TokioIo::new(socket), service)
            .with_upgrades();
        tokio::pin!(connection);
        let finished = tokio::select! {
            finished = connection.as_mut() => Some(finished),
            () = self.stop.cancelled() => None,
        };
        let finished = match finished {
            Some(finished) => finished,
            None => {
                connection.as_mut().graceful_shutdown();
                let Some(finished) = self.kill.run_until_cancelled(connection).await else {
                    return;
                };
                finished
            }
        };
        if let Err(error) = finished {
            tracing::debug!(error = %error, "a connection ended early");
        }
    }
}

/// Did the client go away between its connect and our accept?
fn concerns_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, InvalidInput, NotConnected,
    };
    let kinds = [
        BrokenPipe,
        ConnectionAborted,
        ConnectionRefused,
        ConnectionReset,
        InvalidInput,
        NotConnected,
    ];
    kinds.contains(&error.kind())
}
