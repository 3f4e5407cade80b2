//! What a hub costs: CPU for each client and tick, and memory for each connection.
//!
//! ```sh
//! cargo bench -p platform-core --features hub --bench fan_out
//! FAN_OUT_CONNECTIONS=200 FAN_OUT_TICKS=20 cargo bench -p platform-core --features hub --bench fan_out
//! ```
//!
//! 1,000 and 10,000 clients watch a board of 20 symbols, all of which are published with each tick. Each connection is a real WebSocket of
//! hyper and axum over a pipe in memory, so that neither the system's sockets nor the limit of open files is measured; the other end of
//! each pipe reads and throws away. In one process, the CPU time is that of both ends: what reading costs is measured by itself first, by
//! writing the same bytes through as many bare pipes, and subtracted. Memory is what the process holds more with the connections than
//! before, without the pipes, which are measured the same way.
//!
//! The goals are 2 us for each client and tick, and 4 KiB for each connection. It reads `/proc`: Linux only.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::response::Response;
use axum::routing::get;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use platform_core::Sources;
use platform_core::bus::Topic;
use platform_core::http::Problem;
use platform_core::hub::{Access, Board, Framing, Hub, HubConfig, Link, Protocol};
use platform_core::metrics::Metrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinSet;

const SYMBOLS: usize = 20;

/// Holds one tick of all symbols, so that a tick is one write and one read.
const PIPE_BYTES: usize = 8 * 1024;

struct Watches(Board);

#[async_trait]
impl Protocol for Watches {
    async fn opened(&self, link: &mut Link) {
        link.watch_all(&self.0).unwrap();
    }

    async fn heard(&self, _: &mut Link, _: &str) {}
}

async fn open(
    State((hub, protocol)): State<(Hub, Arc<Watches>)>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Problem> {
    Ok(hub.accept(upgrade, protocol, None)?)
}

struct Setup {
    hub: Hub,
    board: Board,
    router: Router,
    read_bytes: Arc<AtomicU64>,
    clients: JoinSet<()>,
}

impl Setup {
    fn new() -> Self {
        let config = HubConfig {
            access: Access::Public,
            connections_max: 100_000,
            ..HubConfig::default()
        };
        let hub = Hub::builder(config, Sources::system(), &Metrics::new()).build();
        let framing = Framing::Array {
            before: "{\"type\":\"quotes\",\"quotes\":[",
            after: "]}",
        };
        let keys = (0..SYMBOLS).map(|number| format!("SYM{number}"));
        let board = Board::new(Topic::public("quotes").unwrap(), keys, framing);
        let state = (hub.clone(), Arc::new(Watches(board.clone())));
        Self {
            router: Router::new().route("/", get(open)).with_state(state),
            hub,
            board,
            read_bytes: Arc::default(),
            clients: JoinSet::new(),
        }
    }

    async fn connect(&mut self) {
        let (mut near, far) = duplex(PIPE_BYTES);
        let service = TowerToHyperService::new(self.router.clone());
        let serving = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(far), service)
            .with_upgrades();
        tokio::spawn(serving);
        let request = "GET / HTTP/1.1\r\nHost: bench\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n\r\n";
        near.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(near.read_u8().await.unwrap());
        }
        self.clients.spawn(swallow(near, Arc::clone(&self.read_bytes)));
    }

    /// Publishes a tick and waits until everybody has read it; tells how many bytes that were for each.
    async fn tick(&self, number: usize, connections: usize) {
        let quote = |symbol: usize| {
            let key = format!("SYM{symbol}");
            let json = format!(
                "{{\"symbol\":\"{key}\",\"seq\":{number:016},\"bid\":\"178.5000\",\"bid_size\":\"300\",\"ask\":\"178.5100\",\
                 \"ask_size\":\"200\",\"last\":\"178.5000\",\"at\":\"2026-01-02T15:00:00.000000Z\"}}"
            );
            (key, json)
        };
        let quotes: Vec<_> = (0..SYMBOLS).map(quote).collect();
        let before = self.read_bytes.load(Ordering::Relaxed);
        self.board.publish(quotes);
        let each = tick_bytes(&self.board);
        while self.read_bytes.load(Ordering::Relaxed) < before + each * connections as u64 {
            tokio::task::yield_now().await;
        }
    }
}

/// A message of all symbols, with the head of its frame.
fn tick_bytes(board: &Board) -> u64 {
    let texts: usize = board
        .keys()
        .iter()
        .map(|key| board.newest(key).map_or(0, |text| text.len()))
        .sum();
    (4 + "{\"type\":\"quotes\",\"quotes\":[]}".len() + texts + SYMBOLS - 1) as u64
}

async fn swallow(mut near: DuplexStream, read_bytes: Arc<AtomicU64>) {
    // On the heap while it is used, so that a client that waits holds little.
    loop {
        let mut buffer = vec![0; PIPE_BYTES];
        match near.read(&mut buffer).await {
            Ok(count @ 1..) => read_bytes.fetch_add(count as u64, Ordering::Relaxed),
            _ => return,
        };
    }
}

/// Microseconds for each client and tick, and bytes for each connection, of bare pipes.
async fn bare(connections: usize, ticks: usize, bytes: usize) -> (u64, u64) {
    let read_bytes = Arc::new(AtomicU64::new(0));
    let before = resident_bytes();
    let mut far_ends = Vec::new();
    let mut clients = JoinSet::new();
    for _ in 0..connections {
        let (near, far) = duplex(PIPE_BYTES);
        clients.spawn(swallow(near, Arc::clone(&read_bytes)));
        far_ends.push(far);
    }
    let text = vec![b'x'; bytes];
    let mut spent = 0;
    for tick in 0..=ticks {
        let began = cpu_us();
        let wanted = read_bytes.load(Ordering::Relaxed) + (bytes * connections) as u64;
        for far in &mut far_ends {
            far.write_all(&text).await.unwrap();
        }
        while read_bytes.load(Ordering::Relaxed) < wanted {
            tokio::task::yield_now().await;
        }
        // The first fills what grows once.
        spent += if tick == 0 { 0 } else { cpu_us() - began };
    }
    (
        spent * 1_000 / (connections * ticks) as u64,
        resident_bytes().saturating_sub(before) / connections as u64,
    )
}

async fn measure(connections: usize, ticks: usize) {
    let mut setup = Setup::new();
    // What a process allocates once is not a connection's.
    setup.connect().await;
    setup.tick(0, 1).await;
    let bytes = usize::try_from(tick_bytes(&setup.board)).unwrap();
    let (pipe_ns, pipe_bytes) = bare(connections, ticks, bytes).await;

    let before = resident_bytes();
    for _ in 1..connections {
        setup.connect().await;
    }
    // Everybody is told what is on the board when they come.
    while setup.read_bytes.load(Ordering::Relaxed) < (bytes * (connections + 1)) as u64 - bytes as u64 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    setup.tick(1, connections).await;
    let memory = resident_bytes().saturating_sub(before) / connections as u64;
    let began = cpu_us();
    for tick in 0..ticks {
        setup.tick(2 + tick, connections).await;
    }
    let spent_ns = (cpu_us() - began) * 1_000 / (connections * ticks) as u64;

    println!(
        "{connections:>6} connections, {SYMBOLS} symbols, {bytes} bytes a tick: {} ns for each client and tick ({spent_ns} ns, of which \
         {pipe_ns} are the pipe and the client), {} bytes for each connection ({memory}, of which {pipe_bytes} are the pipe and the client)",
        spent_ns.saturating_sub(pipe_ns),
        memory.saturating_sub(pipe_bytes),
    );
    assert_eq!(setup.hub.connections(), connections);
}

/// CPU time of this process so far.
fn cpu_us() -> u64 {
    // Fields 14 and 15, in hundredths of a second, are too coarse; schedstat has nanoseconds of every thread.
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let of_thread = |task: std::io::Result<std::fs::DirEntry>| {
        let stat = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        stat.split(' ').next()?.parse::<u64>().ok()
    };
    tasks.filter_map(of_thread).sum::<u64>() / 1_000
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
}

fn number(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let ticks = number("FAN_OUT_TICKS").unwrap_or(50);
    let sizes = number("FAN_OUT_CONNECTIONS").map_or(vec![1_000, 10_000], |size| vec![size]);
    for connections in sizes {
        runtime.block_on(measure(connections, ticks));
    }
}
