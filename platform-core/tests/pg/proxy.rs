//! Ways to interrupt: futures that are dropped after some polls, and a line to the database that is slow and uneven.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use platform_core::Random;
use platform_core::SeededRandom;
use platform_core::sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinSet;

/// Polls a future at most so often and drops it then. `None` when it was not ready in time.
pub(crate) async fn polled<F: Future>(polls: u32, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// A number below `bound`.
pub(crate) fn below(random: &SeededRandom, bound: u32) -> u32 {
    let mut bytes = [0; 4];
    random.fill(&mut bytes);
    u32::from_le_bytes(bytes) % bound
}

/// A line to the database that delivers in pieces and with delays. It is cut when this value goes.
pub(crate) struct SlowLine {
    url: String,
    _lines: JoinSet<()>,
}

impl SlowLine {
    /// A line to the database of this URL; every piece waits up to `delay_us_max` microseconds.
    pub(crate) async fn to(url: &str, delay_us_max: u32) -> Self {
        let target: PgConnectOptions = url.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (user_info, rest) = url["postgres://".len()..].split_once('@').unwrap();
        let (_, database) = rest.split_once('/').unwrap();
        let mut lines = JoinSet::new();
        lines.spawn(async move {
            let mut lines = JoinSet::new();
            let mut seed = 0;
            while let Ok((client, _)) = listener.accept().await {
                seed += 1;
                let random = Arc::new(SeededRandom::new(seed));
                lines.spawn(connect(client, target.clone(), random, delay_us_max));
            }
        });
        Self {
            url: format!("postgres://{user_info}@127.0.0.1:{port}/{database}"),
            _lines: lines,
        }
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }
}

async fn connect(client: TcpStream, target: PgConnectOptions, random: Arc<SeededRandom>, delay_us_max: u32) {
    client.set_nodelay(true).unwrap();
    let (from_client, to_client) = client.into_split();
    let line = (random, delay_us_max);
    match socket(&target) {
        Some(path) => {
            let (from_server, to_server) = UnixStream::connect(path).await.unwrap().into_split();
            join(from_client, to_server, from_server, to_client, line).await;
        }
        None => {
            let address = (target.get_host(), target.get_port());
            let (from_server, to_server) = TcpStream::connect(address).await.unwrap().into_split();
            join(from_client, to_server, from_server, to_client, line).await;
        }
    }
}

/// The server's socket file, when its host is a folder.
fn socket(target: &PgConnectOptions) -> Option<String> {
    let folder = target
        .get_socket()
        .map(|path| path.to_string_lossy().into_owned())
        .or_else(|| {
            target
                .get_host()
                .starts_with('/')
                .then(|| target.get_host().to_owned())
        })?;
    Some(format!("{folder}/.s.PGSQL.{}", target.get_port()))
}

/// Until either side hangs up.
async fn join(
    from_client: impl AsyncRead + Unpin,
    to_server: impl AsyncWrite + Unpin,
    from_server: impl AsyncRead + Unpin,
    to_client: impl AsyncWrite + Unpin,
    (random, delay_us_max): (Arc<SeededRandom>, u32),
) {
    tokio::select! {
        () = carry(from_client, to_server, &random, delay_us_max) => {}
        () = carry(from_server, to_client, &random, delay_us_max) => {}
    }
}

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    random: &SeededRandom,
    delay_us_max: u32,
) {
    let mut piece = [0; 4096];
    loop {
        // Now and then less than a message.
        let size = if below(random, 4) == 0 { 16 } else { piece.len() };
        let Ok(read @ 1..) = from.read(&mut piece[..size]).await else {
            return;
        };
        let delay_us = below(random, delay_us_max);
        tokio::time::sleep(Duration::from_micros(delay_us.into())).await;
        if to.write_all(&piece[..read]).await.is_err() {
            return;
        }
    }
}
