//! How fast the reference server is, against what the machine can do anyway.
//!
//! `cargo bench -p trading-server --bench http` starts the server with its own PostgreSQL on disk, fsync on, and prints ratios:
//!
//! - market orders over HTTP at 1, 8 and 64 clients, against pgbench's TPC-B on the same PostgreSQL with as many clients;
//! - a quote over HTTP, against a bare axum handler that answers as many bytes.
//!
//! Server, database and clients share the machine. `BENCH_SECONDS` sets the length of each measurement (5), `BENCH_ROUNDS` how
//! often the two sides of a ratio take turns (3); the median counts. Needs `pgbench` beside the programs of PostgreSQL.

#![expect(
    clippy::print_stdout,
    clippy::float_arithmetic,
    reason = "a report for people"
)]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use platform_core::embedded::{Binaries, Cluster, SUPERUSER, SearchPath};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

type Anyhow<T> = anyhow::Result<T>;

const BARE: &str = "BENCH_BARE";

fn main() -> Anyhow<()> {
    if std::env::var_os(BARE).is_some() {
        return runtime()?.block_on(bare());
    }
    let seconds = from_env("BENCH_SECONDS", 5);
    let rounds = from_env("BENCH_ROUNDS", 3);
    runtime()?.block_on(run(Duration::from_secs(seconds), rounds))
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

fn from_env(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

async fn run(length: Duration, rounds: u64) -> Anyhow<()> {
    let folder = tempfile::Builder::new().prefix("trading-bench").tempdir()?;
    // The database runs under another account when this runs as root.
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let server = Server::start(&folder.path().join("data"))?;
    let tpcb = TpcB::prepare(&folder.path().join("data"), 64).await?;
    let orders = Orders::prepare(server.address, 64).await?;

    println!(
        "| market orders | TPC-B/s | orders/s | orders for each TPC-B | p50 | p99 |\n|---|---|---|---|---|---|"
    );
    for clients in [1, 8, 64] {
        let mut results = Vec::new();
        for _ in 0..rounds {
            let base = tpcb.run(clients, length)?;
            let load = orders.run(clients, length).await?;
            results.push((load.rate / base, base, load));
        }
        results.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (ratio, base, load) = &results[results.len() / 2];
        println!(
            "| {clients} clients | {base:.0} | {:.0} | {ratio:.2} | {:.2?} | {:.2?} |",
            load.rate, load.p50, load.p99
        );
    }

    let quote = get_request("/api/v1/quotes/AAPL");
    let bytes = exchange(
        &mut TcpStream::connect(server.address).await?,
        &quote,
        &mut Vec::new(),
    )
    .await?
    .1
    .len();
    let bare = BareServer::start(bytes)?;
    println!(
        "\n| quotes, 64 clients | bare axum/s | quotes/s | share of the bare rate | p50 | p99 |\n|---|---|---|---|---|---|"
    );
    let mut results = Vec::new();
    for _ in 0..rounds {
        let base = hammer(bare.address, vec![get_request("/"); 64], length).await?;
        let load = hammer(server.address, vec![quote.clone(); 64], length).await?;
        results.push((load.rate / base.rate, base, load));
    }
    results.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (ratio, base, load) = &results[results.len() / 2];
    println!(
        "| one quote | {:.0} | {:.0} | {ratio:.2} | {:.2?} | {:.2?} |",
        base.rate, load.rate, load.p50, load.p99
    );
    Ok(())
}

/// The server under test, a process of its own.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(data_dir: &Path) -> Anyhow<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_trading-server"))
            .args(["--listen", "127.0.0.1:0", "--demo", "on", "--data-dir"])
            .arg(data_dir)
            .env("PLATFORM_DEMO_PASSWORD", "a password for measuring")
            .env("PLATFORM_HTTP_RATE_LIMIT_PER_S", "1000000")
            .env("PLATFORM_HTTP_RATE_LIMIT_BURST", "1000000")
            .env("PLATFORM_MARKET_LIQUIDITY", "unlimited")
            .env("PLATFORM_LOG_FILTER", "warn")
            .env_remove("DATABASE_URL")
            .stdout(Stdio::piped())
            .spawn()?;
        let address = address_in(&mut child)?;
        Ok(Self { child, address })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A request to stop, so that it stops its database too.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// Waits for the line that says where a server listens.
fn address_in(child: &mut Child) -> Anyhow<SocketAddr> {
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

/// A handler that does nothing, in a process of its own.
struct BareServer {
    child: Child,
    address: SocketAddr,
}

impl BareServer {
    fn start(bytes: usize) -> Anyhow<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .env(BARE, bytes.to_string())
            .stdout(Stdio::piped())
            .spawn()?;
        let address = address_in(&mut child)?;
        Ok(Self { child, address })
    }
}

impl Drop for BareServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn bare() -> Anyhow<()> {
    let body = "x".repeat(usize::try_from(from_env(BARE, 0))?);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(
        listener,
        Router::new().route("/", get(move || async move { body.clone() })),
    )
    .await?;
    Ok(())
}

/// pgbench on the server's own PostgreSQL.
struct TpcB {
    programs: PathBuf,
    socket: PathBuf,
}

impl TpcB {
    async fn prepare(data_dir: &Path, scale: u32) -> Anyhow<Self> {
        let search = SearchPath::new(
            std::env::var_os("PG_BIN_DIR").map(PathBuf::from),
            std::env::var_os("PATH"),
        );
        let programs = Binaries::find_for(&search, data_dir).await?.folder().to_owned();
        let endpoint = Cluster::attach(data_dir)
            .await?
            .ok_or_else(|| anyhow::anyhow!("no database"))?;
        let tpcb = Self {
            programs,
            socket: endpoint.socket_folder().to_owned(),
        };
        tpcb.program("createdb", &["tpcb".to_owned()])?;
        tpcb.program(
            "pgbench",
            &[
                "-i".to_owned(),
                "-q".to_owned(),
                "-s".to_owned(),
                scale.to_string(),
                "tpcb".to_owned(),
            ],
        )?;
        Ok(tpcb)
    }

    /// Transactions a second.
    fn run(&self, clients: usize, length: Duration) -> Anyhow<f64> {
        let text = ["-n", "-M", "prepared", "-j", "2", "-c"].map(str::to_owned);
        let mut arguments = text.to_vec();
        arguments.extend([
            clients.to_string(),
            "-T".to_owned(),
            length.as_secs().to_string(),
            "tpcb".to_owned(),
        ]);
        let report = self.program("pgbench", &arguments)?;
        let rate = report.lines().find_map(|line| line.strip_prefix("tps = "));
        let rate = rate
            .and_then(|rest| rest.split(' ').next())
            .ok_or_else(|| anyhow::anyhow!("no tps in: {report}"))?;
        Ok(rate.parse()?)
    }

    fn program(&self, name: &str, arguments: &[String]) -> Anyhow<String> {
        let output = Command::new(self.programs.join(name))
            .args([
                "-h".as_ref(),
                self.socket.as_os_str(),
                "-U".as_ref(),
                SUPERUSER.as_ref(),
            ])
            .args(arguments)
            .output()?;
        anyhow::ensure!(
            output.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Users who buy and sell a hundredth of a share in turn, so that none runs out of cash.
struct Orders {
    address: SocketAddr,
    tokens: Vec<String>,
}

impl Orders {
    async fn prepare(address: SocketAddr, users: usize) -> Anyhow<Self> {
        let mut tokens = Vec::new();
        for user in 0..users {
            let body =
                format!(r#"{{"email":"trader{user}@example.com","password":"a password for measuring"}}"#);
            let request = post("/api/v1/auth/register", "X-Tenant: acme", &body);
            let mut stream = TcpStream::connect(address).await?;
            let (status, answer) = exchange(&mut stream, &request, &mut Vec::new()).await?;
            anyhow::ensure!(status == 201, "registering answered {status}");
            let answer: Value = serde_json::from_slice(&answer)?;
            tokens.push(answer["token"].as_str().unwrap_or_default().to_owned());
        }
        Ok(Self { address, tokens })
    }

    async fn run(&self, clients: usize, length: Duration) -> Anyhow<Load> {
        let request = |token: &String, side: &str| {
            let body =
                format!(r#"{{"symbol":"BAC","side":"{side}","order_type":"market","quantity":"0.01"}}"#);
            post("/api/v1/orders", &format!("Authorization: Bearer {token}"), &body)
        };
        let pairs = self
            .tokens
            .iter()
            .take(clients)
            .map(|token| vec![request(token, "buy"), request(token, "sell")]);
        drive(self.address, pairs.collect(), length).await
    }
}

/// What a load came to.
struct Load {
    rate: f64,
    p50: Duration,
    p99: Duration,
}

/// One client for each request, which it sends again and again.
async fn hammer(address: SocketAddr, requests: Vec<Vec<u8>>, length: Duration) -> Anyhow<Load> {
    drive(
        address,
        requests.into_iter().map(|request| vec![request]).collect(),
        length,
    )
    .await
}

/// One client for each list of requests, which it sends in turn over one connection. Every answer has to be a success.
async fn drive(address: SocketAddr, clients: Vec<Vec<Vec<u8>>>, length: Duration) -> Anyhow<Load> {
    let begin = Arc::new(tokio::sync::Barrier::new(clients.len() + 1));
    let mut tasks = Vec::new();
    for requests in clients {
        let begin = Arc::clone(&begin);
        tasks.push(tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let mut buffer = Vec::new();
            let mut times = Vec::new();
            begin.wait().await;
            let end = Instant::now() + length;
            for request in requests.iter().cycle() {
                let sent = Instant::now();
                if sent >= end {
                    break;
                }
                let (status, answer) = exchange(&mut stream, request, &mut buffer).await?;
                anyhow::ensure!(status < 300, "{status}: {}", String::from_utf8_lossy(&answer));
                times.push(sent.elapsed());
            }
            Ok::<_, anyhow::Error>(times)
        }));
    }
    begin.wait().await;
    let started = Instant::now();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    let elapsed = started.elapsed();
    times.sort();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    let rate = times.len() as f64 / elapsed.as_secs_f64();
    Ok(Load {
        rate,
        p50: at(50),
        p99: at(99),
    })
}

fn get_request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

fn post(path: &str, header: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// Sends a request and reads the answer: its status and its body. As little client as possible, since it shares the processors.
async fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> Anyhow<(u16, Vec<u8>)> {
    stream.write_all(request).await?;
    buffer.clear();
    loop {
        anyhow::ensure!(stream.read_buf(buffer).await? > 0, "the connection was closed");
        let Some(head) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let text = std::str::from_utf8(&buffer[..head])?;
        let status = text.get(9..12).unwrap_or_default().parse()?;
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().ok())?
        });
        let end = head + 4 + length.unwrap_or(0);
        if buffer.len() >= end {
            return Ok((status, buffer[head + 4..end].to_vec()));
        }
    }
}
