//! Clients that send requests as fast as they are answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Anyhow;

/// What a load came to.
pub(crate) struct Load {
    pub(crate) rate: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) count: usize,
}

/// One client for each request, which it sends again and again.
pub(crate) async fn hammer(address: SocketAddr, requests: Vec<Vec<u8>>, length: Duration) -> Anyhow<Load> {
    drive(
        address,
        requests.into_iter().map(|request| vec![request]).collect(),
        length,
    )
    .await
}

/// One client for each list of requests, which it sends in turn over one connection. Every answer has to be a success.
pub(crate) async fn drive(address: SocketAddr, clients: Vec<Vec<Vec<u8>>>, length: Duration) -> Anyhow<Load> {
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
    Ok(Load {
        rate: times.len() as f64 / elapsed.as_secs_f64(),
        p50: at(&times, 50),
        p99: at(&times, 99),
        count: times.len(),
    })
}

/// The time that so many of a hundred do not pass. They are in order.
pub(crate) fn at(times: &[Duration], share: usize) -> Duration {
    times.get(times.len() * share / 100).copied().unwrap_or_default()
}

pub(crate) fn get_request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

pub(crate) fn post(path: &str, header: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// Sends a request and reads the answer: its status and its body. As little client as possible, since it shares the processors.
pub(crate) async fn exchange(
    stream: &mut TcpStream,
    request: &[u8],
    buffer: &mut Vec<u8>,
) -> Anyhow<(u16, Vec<u8>)> {
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
