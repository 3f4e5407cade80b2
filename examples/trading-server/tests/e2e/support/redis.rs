//! A Redis of a test's own.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use platform_core::bus::{Redis, RedisConfig};
use platform_core::testing::skipped;
use tempfile::TempDir;

use super::eventually;

/// Who knows it may ask.
pub(crate) const REDIS_PASSWORD: &str = "hunter2secret";

/// What the keys of these tests begin with.
const PREFIX: &str = "e2e";

/// A Redis that keeps nothing, on a free port. Dropped it is killed.
#[derive(Debug)]
pub(crate) struct RedisServer {
    program: PathBuf,
    folder: TempDir,
    port: u16,
    process: Option<Child>,
}

impl RedisServer {
    /// Starts one. `None` where it is not installed, and the test is told as skipped.
    pub(crate) async fn start(test: &str) -> Option<Self> {
        let Some(program) = installed() else {
            skipped(test, "the program redis-server");
            return None;
        };
        let mut server = Self {
            program,
            folder: tempfile::Builder::new()
                .prefix("trading-redis-")
                .tempdir()
                .unwrap(),
            port: free_port(),
            process: None,
        };
        server.run().await;
        Some(server)
    }

    /// Kills it; what was in it is gone.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Starts it again where it was.
    pub(crate) async fn run(&mut self) {
        let port = self.port.to_string();
        let process = Command::new(&self.program)
            .args([
                "--port",
                &port,
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
            ])
            .args(["--requirepass", REDIS_PASSWORD, "--dir"])
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.process = Some(process);
        eventually("Redis to listen", || async {
            TcpStream::connect(("127.0.0.1", self.port)).ok()
        })
        .await;
    }

    pub(crate) fn url(&self) -> String {
        self.url_with(REDIS_PASSWORD)
    }

    pub(crate) fn url_with(&self, password: &str) -> String {
        format!("redis://:{password}@127.0.0.1:{}/0", self.port)
    }

    pub(crate) const fn prefix(&self) -> &'static str {
        PREFIX
    }

    /// A handle to it, as a server has one.
    pub(crate) fn handle(&self) -> Redis {
        let config = RedisConfig {
            prefix: PREFIX.to_owned(),
            ..RedisConfig::default()
        };
        Redis::new(&self.url().into(), config).unwrap()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn installed() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join("redis-server"))
        .find(|program| program.is_file())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
