//! A quote, against a handler that does nothing.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use axum::Router;
use axum::routing::get;
use tokio::net::TcpStream;

use crate::load::{exchange, get_request, hammer};
use crate::server::{Server, address_in};
use crate::{Anyhow, Plan, from_env, median};

/// Has this program be the handler, which answers so many bytes.
pub(crate) const BYTES: &str = "BENCH_BARE";

pub(crate) async fn run(plan: Plan) -> Anyhow<()> {
    let server = Server::new(&[])?;
    let quote = get_request("/api/v1/quotes/AAPL");
    let mut stream = TcpStream::connect(server.address).await?;
    let bytes = exchange(&mut stream, &quote, &mut Vec::new()).await?.1.len();
    let bare = BareServer::start(bytes)?;
    let mut results = Vec::new();
    for _ in 0..plan.rounds {
        let base = hammer(bare.address, vec![get_request("/"); 64], plan.length).await?;
        let load = hammer(server.address, vec![quote.clone(); 64], plan.length).await?;
        results.push((load.rate / base.rate, (base, load)));
    }
    let (ratio, (base, load)) = median(results)?;
    println!(
        "quotes    64 clients  {:>7.0} quotes/s  p50 {:.2?}  p99 {:.2?}  bare axum {:.0}/s  share of it {ratio:.2}",
        load.rate, load.p50, load.p99, base.rate
    );
    Ok(())
}

/// A handler that does nothing, in a process of its own.
struct BareServer {
    child: Child,
    address: SocketAddr,
}

impl BareServer {
    fn start(bytes: usize) -> Anyhow<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .env(BYTES, bytes.to_string())
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

pub(crate) async fn serve() -> Anyhow<()> {
    let body = "x".repeat(usize::try_from(from_env(BYTES, 0))?);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(
        listener,
        Router::new().route("/", get(move || async move { body.clone() })),
    )
    .await?;
    Ok(())
}
