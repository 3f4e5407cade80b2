//! The server under test, a process of its own, on a database of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use platform_core::embedded::{Cluster, SUPERUSER};
use platform_core::sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::Anyhow;
use crate::load::{exchange, get_request};

/// The server's name for itself on the database.
const APPLICATION: &str = "platform_server";
const DATABASE: &str = "platform";

pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    folder: TempDir,
    settings: Vec<(&'static str, &'static str)>,
}

impl Server {
    /// A server with these settings beside those of every measurement.
    pub(crate) fn new(settings: &[(&'static str, &'static str)]) -> Anyhow<Self> {
        let folder = tempfile::Builder::new().prefix("trading-bench").tempdir()?;
        // The database runs under another account when this runs as root.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
        let (child, address) = start(&folder, settings)?;
        Ok(Self {
            child,
            address,
            folder,
            settings: settings.to_vec(),
        })
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        data_dir(&self.folder)
    }

    /// Stops it and its database, and waits for that.
    pub(crate) fn stop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = Command::new("kill").arg(self.child.id().to_string()).status();
            let _ = self.child.wait();
        }
    }

    /// Starts it again after it was stopped; it listens when this returns.
    pub(crate) fn start_again(&mut self) -> Anyhow<()> {
        (self.child, self.address) = start(&self.folder, &self.settings)?;
        Ok(())
    }

    /// Runs one of the server's other commands over the same data.
    pub(crate) fn command(&self, words: &[&str]) -> Anyhow<String> {
        let done = program(&self.settings)
            .args(words)
            .arg("--data-dir")
            .arg(self.data_dir())
            .output()?;
        anyhow::ensure!(
            done.status.success(),
            "{}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        );
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }

    /// A connection that no policy binds.
    pub(crate) async fn superuser(&self) -> Anyhow<PgConnection> {
        Ok(PgConnection::connect(&self.url(SUPERUSER).await?).await?)
    }

    /// Where the application reaches the database.
    pub(crate) async fn application_url(&self) -> Anyhow<String> {
        self.url(APPLICATION).await
    }

    async fn url(&self, user: &str) -> Anyhow<String> {
        let endpoint = Cluster::attach(&self.data_dir()).await?;
        let endpoint = endpoint.ok_or_else(|| anyhow::anyhow!("the database does not run"))?;
        Ok(endpoint.url(user, DATABASE))
    }

    /// The value of a metric without labels.
    pub(crate) async fn metric(&self, name: &str) -> Anyhow<u64> {
        let mut stream = TcpStream::connect(self.address).await?;
        let (status, text) = exchange(&mut stream, &get_request("/metrics"), &mut Vec::new()).await?;
        anyhow::ensure!(status == 200, "/metrics answered {status}");
        let text = String::from_utf8(text)?;
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = value.ok_or_else(|| anyhow::anyhow!("there is no metric {name}"))?;
        Ok(value.trim().parse()?)
    }

    /// What a request is answered.
    pub(crate) async fn get(&self, path: &str) -> Anyhow<(u16, Vec<u8>)> {
        let mut stream = TcpStream::connect(self.address).await?;
        exchange(&mut stream, &get_request(path), &mut Vec::new()).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn data_dir(folder: &TempDir) -> PathBuf {
    folder.path().join("data")
}

fn program(settings: &[(&str, &str)]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_trading-server"));
    program
        .env("PLATFORM_DEMO_PASSWORD", "a password for measuring")
        .env("PLATFORM_HTTP_RATE_LIMIT_PER_S", "1000000")
        .env("PLATFORM_HTTP_RATE_LIMIT_BURST", "1000000")
        .env("PLATFORM_MARKET_LIQUIDITY", "unlimited")
        .env("PLATFORM_METRICS_ACCESS", "open")
        .env("PLATFORM_LOG_FILTER", "warn")
        .env_remove("DATABASE_URL")
        .envs(settings.iter().copied());
    program
}

fn start(folder: &TempDir, settings: &[(&str, &str)]) -> Anyhow<(Child, SocketAddr)> {
    let mut child = program(settings)
        .args(["--listen", "127.0.0.1:0", "--demo", "on", "--data-dir"])
        .arg(data_dir(folder))
        .stdout(Stdio::piped())
        .spawn()?;
    let address = address_in(&mut child)?;
    Ok((child, address))
}

/// Waits for the line that says where a server listens.
pub(crate) fn address_in(child: &mut Child) -> Anyhow<SocketAddr> {
    let out = child.stdout.take().ok_or_else(|| anyhow::anyhow!("no output"))?;
    for line in BufReader::new(out).lines() {
        if let Some((_, rest)) = line?.split_once("http://") {
            let end = rest
                .find(|c: char| c != ':' && c != '.' && !c.is_ascii_digit())
                .unwrap_or(rest.len());
            return Ok(rest[..end].parse()?);
        }
    }
    anyhow::bail!("the server ended before it listened")
}
