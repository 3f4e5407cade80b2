//! The signals by which an operating system stops a process.

use std::io;

use super::shutdown::Insist;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for SIGTERM and SIGINT (Ctrl-C elsewhere than on Unix) from now on. The future resolves at the first signal, to one that
/// resolves at the second.
///
/// ```no_run
/// # async fn main_with(platform: platform_core::runtime::Platform) -> std::io::Result<std::process::ExitCode> {
/// use platform_core::runtime::{ShutdownConfig, signals};
///
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// let outcome = platform.serve(listener, ShutdownConfig::default(), signals()?).await;
/// # Ok(outcome.exit_code())
/// # }
/// ```
///
/// # Errors
/// The operating system refused to install a handler.
pub fn signals() -> io::Result<impl Future<Output = SecondSignal>> {
    let mut signals = Signals::install()?;
    Ok(async move {
        signals.next().await;
        SecondSignal(signals)
    })
}

/// The stop signal after the first.
#[derive(Debug)]
pub struct SecondSignal(Signals);

impl Insist for SecondSignal {
    async fn insisted(mut self) {
        self.0.next().await;
    }
}

#[cfg(unix)]
#[derive(Debug)]
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

#[cfg(unix)]
impl Signals {
    fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        let name = tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "received {name}");
    }
}

#[cfg(not(unix))]
#[derive(Debug)]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn install() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
