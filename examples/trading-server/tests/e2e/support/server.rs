//! The binary: started, spoken to, ended.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use super::{Api, DataDir, PASSWORD, PATIENCE, eventually};

/// What is started, and how. The environment of the tests does not reach it.
#[derive(Debug)]
pub(crate) struct Launch {
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
}

impl Launch {
    /// Nothing but the binary, on a free port.
    pub(crate) fn bare() -> Self {
        let launch = Self {
            arguments: Vec::new(),
            environment: Vec::new(),
        };
        launch.env("PLATFORM_LISTEN", "127.0.0.1:0")
    }

    /// On a data folder, with a known password of the demo users and without a limit on the rate of requests.
    pub(crate) fn on(data: &DataDir) -> Self {
        Self::bare()
            .arg("--data-dir")
            .arg(data.path())
            .env("PLATFORM_DEMO_PASSWORD", PASSWORD)
            .env("PLATFORM_HTTP_RATE_LIMIT_PER_S", "1000000")
            .env("PLATFORM_HTTP_RATE_LIMIT_BURST", "1000000")
            .env("PLATFORM_MARKET_TICK_MS", "200")
            .env("PLATFORM_SHUTDOWN_NOTICE_MS", "0")
    }

    pub(crate) fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.retain(|(other, _)| other != name);
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Starts a server and waits until it listens.
    pub(crate) async fn start(self) -> Server {
        match self.try_start().await {
            Ok(server) => server,
            Err(ended) => panic!("the server did not start: {ended:?}"),
        }
    }

    /// Starts a server and waits until it listens or has ended.
    pub(crate) async fn try_start(self) -> Result<Server, Ended> {
        let mut process = self.spawn();
        let address = loop {
            let line = timeout(PATIENCE, process.lines.recv()).await;
            let Some(line) = line.expect("the server neither listens nor ends") else {
                return Err(process.ended().await);
            };
            if let Some(rest) = line.strip_prefix("Listening on http://") {
                break rest.split(' ').next().unwrap().parse().unwrap();
            }
        };
        Ok(Server { process, address })
    }

    /// Starts a server and lets it be for a while, however far it gets.
    pub(crate) async fn start_for(self, time: Duration) -> impl Drop {
        let process = self.spawn();
        tokio::time::sleep(time).await;
        process
    }

    /// Runs a command to its end.
    pub(crate) async fn run(self) -> Ended {
        self.spawn().ended().await
    }

    fn spawn(self) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trading-server"));
        command.env_clear();
        for kept in ["PATH", "TMPDIR", "PG_BIN_DIR", "HOME"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command
            .args(self.arguments)
            .envs(self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (say, lines) = unbounded_channel();
        let stdout = Output::of(child.stdout.take().unwrap(), move |line| {
            let _ = say.send(line.to_owned());
        });
        let stderr = Output::of(child.stderr.take().unwrap(), |_| {});
        Process {
            child,
            lines,
            stdout,
            stderr,
        }
    }
}

/// How a process ended, and all it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Both streams.
    pub(crate) fn output(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Fails unless the process ended with this code and said all of these.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32, said: &[&str]) {
        assert_eq!(self.code(), Some(code), "{self:?}");
        for text in said {
            assert!(self.output().contains(text), "nothing of {text:?} in {self:?}");
        }
    }
}

/// A server that listens. Dropped it is killed.
#[derive(Debug)]
pub(crate) struct Server {
    process: Process,
    address: SocketAddr,
}

impl Server {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A client that has not signed in and names no tenant.
    pub(crate) fn api(&self) -> Api {
        Api::new(self.address)
    }

    /// A client that has signed in as a demo user.
    pub(crate) async fn sign_in(&self, tenant: &str, email: &str) -> Api {
        self.api().sign_in(tenant, email, PASSWORD).await
    }

    pub(crate) fn stdout(&self) -> String {
        self.process.stdout.text()
    }

    pub(crate) fn stderr(&self) -> String {
        self.process.stderr.text()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// Asks the server to stop.
    pub(crate) fn terminate(&self) {
        let pid = Pid::from_child(&self.process.child);
        kill_process(pid, Signal::TERM).unwrap();
    }

    /// Waits for the end of a server that was asked to stop.
    pub(crate) async fn ended(self) -> Ended {
        self.process.ended().await
    }

    /// Asks the server to stop and waits for its end.
    pub(crate) async fn stop(self) -> Ended {
        self.terminate();
        self.ended().await
    }
}

/// One server for all tests that leave nothing behind that others would stumble over. It ends with the last test that uses it.
pub(crate) async fn shared() -> Arc<Shared> {
    static SHARED: tokio::sync::Mutex<Weak<Shared>> = tokio::sync::Mutex::const_new(Weak::new());
    let mut shared = SHARED.lock().await;
    if let Some(running) = shared.upgrade() {
        return running;
    }
    let data = DataDir::new();
    let server = Launch::on(&data).start().await;
    let started = Arc::new(Shared { server, _data: data });
    *shared = Arc::downgrade(&started);
    started
}

/// The server comes first: it is killed before its database.
#[derive(Debug)]
pub(crate) struct Shared {
    server: Server,
    _data: DataDir,
}

impl std::ops::Deref for Shared {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

#[derive(Debug)]
struct Process {
    child: Child,
    lines: UnboundedReceiver<String>,
    stdout: Output,
    stderr: Output,
}

impl Process {
    async fn ended(mut self) -> Ended {
        let child = &mut self.child;
        let mut look = || child.try_wait().unwrap();
        let status = eventually("the end of the process", || std::future::ready(look())).await;
        Ended {
            status,
            stdout: self.stdout.finished(),
            stderr: self.stderr.finished(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a stream of the process has said so far, read by a thread so that the process never waits.
#[derive(Debug)]
struct Output {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Output {
    fn of(stream: impl Read + Send + 'static, mut each: impl FnMut(&str) + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let said = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            while stream.read_line(&mut line).is_ok_and(|read| read > 0) {
                said.lock().unwrap().push_str(&line);
                each(line.trim_end());
                line.clear();
            }
        });
        Self {
            text,
            reader: Some(reader),
        }
    }

    fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    fn finished(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.text()
    }
}
