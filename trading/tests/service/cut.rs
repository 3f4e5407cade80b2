//! A line to the database that can be cut between a commit and its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinSet;

/// Passes everything on, until it is told to cut. It ends when this value goes.
pub(crate) struct CutLine {
    url: String,
    armed: Arc<AtomicBool>,
    _lines: JoinSet<()>,
}

impl CutLine {
    /// A line to the database of this URL.
    pub(crate) async fn to(url: &str) -> Self {
        let target: PgConnectOptions = url.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (user_info, rest) = url["postgres://".len()..].split_once('@').unwrap();
        let (_, database) = rest.split_once('/').unwrap();
        let armed = Arc::new(AtomicBool::new(false));
        let mut lines = JoinSet::new();
        lines.spawn({
            let armed = Arc::clone(&armed);
            async move {
                let mut lines = JoinSet::new();
                while let Ok((client, _)) = listener.accept().await {
                    lines.spawn(connect(client, target.clone(), Arc::clone(&armed)));
                }
            }
        });
        let (database, _) = database.split_once('?').unwrap_or((database, ""));
        Self {
            url: format!("postgres://{user_info}@127.0.0.1:{port}/{database}?sslmode=disable"),
            armed,
            _lines: lines,
        }
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// The next commit gets no answer: the line breaks when the database has carried it out.
    pub(crate) fn cut_after_commit(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }
}

async fn connect(client: TcpStream, target: PgConnectOptions, armed: Arc<AtomicBool>) {
    client.set_nodelay(true).unwrap();
    let (from_client, to_client) = client.into_split();
    let path = target.get_socket().cloned().or_else(|| {
        target
            .get_host()
            .starts_with('/')
            .then(|| target.get_host().into())
    });
    match path {
        Some(directory) => {
            let path = directory.join(format!(".s.PGSQL.{}", target.get_port()));
            let server = UnixStream::connect(path).await.unwrap();
            let (from_server, to_server) = server.into_split();
            pass((from_client, to_server), (from_server, to_client), armed).await;
        }
        None => {
            let server = TcpStream::connect((target.get_host(), target.get_port()))
                .await
                .unwrap();
            let (from_server, to_server) = server.into_split();
            pass((from_client, to_server), (from_server, to_client), armed).await;
        }
    }
}

async fn pass(
    up: (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    down: (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    armed: Arc<AtomicBool>,
) {
    let (mut from_client, mut to_server) = up;
    let (mut from_server, mut to_client) = down;
    let cutting = Arc::new(AtomicBool::new(false));
    let up = {
        let cutting = Arc::clone(&cutting);
        async move {
            let mut buffer = vec![0; 65_536];
            loop {
                let read = from_client.read(&mut buffer).await.unwrap_or(0);
                if read == 0 {
                    return;
                }
                let piece = &buffer[..read];
                let commits = piece.windows(6).any(|word| word == b"COMMIT");
                if commits && armed.swap(false, Ordering::SeqCst) {
                    cutting.store(true, Ordering::SeqCst);
                }
                if to_server.write_all(piece).await.is_err() {
                    return;
                }
            }
        }
    };
    let down = async move {
        let mut buffer = vec![0; 65_536];
        loop {
            let read = from_server.read(&mut buffer).await.unwrap_or(0);
            // The answer to the commit is here, so it has been carried out.
            if read == 0 || cutting.load(Ordering::SeqCst) {
                return;
            }
            if to_client.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}
