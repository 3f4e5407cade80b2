//! What a hub costs: CPU for each client and tick, and memory for each connection.
//!
//! ```sh
//! cargo bench -p platform-core --features hub --bench fan_out
//! FAN_OUT_CONNECTIONS=200 FAN_OUT_TICKS=20 FAN_OUT_THREADS=2 cargo bench -p platform-core --features hub --bench fan_out
//! ```
//!
//! 1,000 and 10,000 clients watch a board of 20 symbols, all of which are published with each tick. Each connection is a real WebSocket of
//! hyper and axum, with a head that is read and frames that are written. Under it is a stream that takes whatever is written and has nothing
//! to read after the head, so that neither the system's sockets nor a client is measured. CPU is that of the whole process, from the
//! publication of a tick until the last byte of it was written. Memory is what the process holds more with the connections than with one of
//! them, after some ticks; each size is measured in a process of its own, in which nothing was freed before.
//!
//! The goals are 2 us for each client and tick, and 4 KiB for each connection. It reads `/proc`: Linux only. It takes some seconds. For
//! counts of instructions instead of times run the program that is built, with `FAN_OUT_CONNECTIONS`, under
//! `valgrind --tool=callgrind --toggle-collect='*Setup*tick*'`, or twice with different numbers of ticks.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use platform_core::bus::Topic;
use platform_core::http::Problem;
use platform_core::hub::{Access, Board, Framing, Handshake, Hub, HubConfig, Link, Opening, Protocol};
use platform_core::metrics::Metrics;
use platform_core::{RequestMeta, Sources};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const SYMBOLS: usize = 20;

const GOAL_NS: u64 = 2_000;
const GOAL_BYTES: u64 = 4_096;

/// Connections that begin at a time: the buffers of many handshakes at once would be counted as if they were kept.
const BATCH: usize = 50;

/// Ticks before anything is measured, which fill what grows once.
const FIRST_TICKS: usize = 3;

const HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n\r\n";

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
    handshake: Handshake,
) -> Result<Response, Problem> {
    let opening = Opening::anonymous(RequestMeta::internal(&Sources::system()));
    Ok(hub.accept(handshake, protocol, opening)?)
}

/// A client that asks for a WebSocket, says nothing more, and takes everything at once.
struct Client {
    head: &'static [u8],
    taken_bytes: Arc<AtomicU64>,
}

impl AsyncRead for Client {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.head.is_empty() {
            return Poll::Pending;
        }
        let (now, later) = self.head.split_at(self.head.len().min(buffer.remaining()));
        buffer.put_slice(now);
        self.head = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Client {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.taken_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

struct Setup {
    hub: Hub,
    board: Board,
    router: Router,
    taken_bytes: Arc<AtomicU64>,
}

impl Setup {
    fn new() -> Self {
        let config = HubConfig {
            access: Access::Public,
            connections_max: 100_000,
            anonymous_max: 100_000,
            connections_per_address_max: 100_000,
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
            taken_bytes: Arc::default(),
        }
    }

    /// Opens connections up to this number.
    async fn connect(&self, connections: usize) {
        for number in self.hub.connections()..connections {
            let client = Client {
                head: HEAD,
                taken_bytes: Arc::clone(&self.taken_bytes),
            };
            let service = TowerToHyperService::new(self.router.clone());
            let serving = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(client), service)
                .with_upgrades();
            tokio::spawn(serving);
            while number % BATCH == 0 && self.hub.connections() < number {
                pause().await;
            }
        }
        while self.hub.connections() < connections {
            pause().await;
        }
        self.settle().await;
    }

    /// Waits until nothing is written any more.
    async fn settle(&self) {
        let (mut before, mut now) = (u64::MAX, self.taken());
        while before != now {
            for _ in 0..20 {
                pause().await;
            }
            (before, now) = (now, self.taken());
        }
    }

    /// Publishes a tick and waits until all of it was written to everybody.
    async fn tick(&self, number: usize) {
        let quotes = quotes(number);
        let before = self.taken();
        self.board.publish(quotes);
        let wanted = before + tick_bytes(&self.board) * self.hub.connections() as u64;
        while self.taken() < wanted {
            pause().await;
        }
    }

    fn taken(&self) -> u64 {
        self.taken_bytes.load(Ordering::Relaxed)
    }
}

/// Lets the connections run, and does not spin meanwhile.
async fn pause() {
    tokio::time::sleep(Duration::from_micros(500)).await;
}

fn quotes(number: usize) -> Vec<(String, String)> {
    let quote = |symbol: usize| {
        let key = format!("SYM{symbol}");
        let json = format!(
            "{{\"symbol\":\"{key}\",\"seq\":{number:016},\"bid\":\"178.5000\",\"bid_size\":\"300\",\"ask\":\"178.5100\",\
             \"ask_size\":\"200\",\"last\":\"178.5000\",\"at\":\"2026-01-02T15:00:00.000000Z\"}}"
        );
        (key, json)
    };
    (0..SYMBOLS).map(quote).collect()
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

async fn measure(connections: usize, ticks: usize) {
    let setup = Setup::new();
    // What a process allocates once is not a connection's.
    setup.connect(1).await;
    for number in 0..FIRST_TICKS {
        setup.tick(number).await;
    }
    let before = resident_bytes();
    setup.connect(connections).await;
    for number in 0..FIRST_TICKS {
        setup.tick(number).await;
    }
    let memory = resident_bytes().saturating_sub(before) / connections as u64;

    let began = cpu_ns();
    for number in 0..ticks {
        setup.tick(number).await;
    }
    let spent_ns = (cpu_ns() - began) / (connections * ticks) as u64;

    let met = |is_met: bool| if is_met { "met" } else { "missed" };
    println!(
        "{connections:>6} connections, {SYMBOLS} symbols, {} bytes a tick: {spent_ns} ns of CPU for each client and tick (goal {GOAL_NS}, {}), \
         {memory} bytes for each connection (goal {GOAL_BYTES}, {})",
        tick_bytes(&setup.board),
        met(spent_ns <= GOAL_NS),
        met(memory <= GOAL_BYTES),
    );
    assert_eq!(setup.hub.connections(), connections);
}

/// CPU time of this process so far.
fn cpu_ns() -> u64 {
    // Fields 14 and 15 of stat, in hundredths of a second, are too coarse; schedstat has nanoseconds of every thread.
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let of_thread = |task: std::io::Result<std::fs::DirEntry>| {
        let stat = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        stat.split(' ').next()?.parse::<u64>().ok()
    };
    tasks.filter_map(of_thread).sum()
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

fn runtime(threads: usize) -> tokio::runtime::Runtime {
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    builder.enable_all().build().unwrap()
}

fn main() {
    let ticks = number("FAN_OUT_TICKS").unwrap_or(100);
    let threads = number("FAN_OUT_THREADS").unwrap_or(1).max(1);
    let Some(connections) = number("FAN_OUT_CONNECTIONS") else {
        for connections in ["1000", "10000"] {
            let mut own = std::process::Command::new(std::env::current_exe().unwrap());
            let ended = own.env("FAN_OUT_CONNECTIONS", connections).status().unwrap();
            assert!(ended.success(), "{ended}");
        }
        return;
    };
    runtime(threads).block_on(measure(connections, ticks));
}
