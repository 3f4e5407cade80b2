//! How fast the reference server is, against what the machine can do anyway.
//!
//! ```sh
//! cargo bench -p trading-server --bench http               # everything
//! cargo bench -p trading-server --bench http -- place      # one part, or several
//! BENCH_OPEN=1000000 cargo bench -p trading-server --bench http -- restart
//! PGBENCH=/usr/lib/postgresql/17/bin/pgbench cargo bench -p trading-server --bench http -- place
//! ```
//!
//! | part | what it measures, over HTTP unless it says otherwise |
//! |---|---|
//! | `place` | market orders at 1, 8 and 64 clients with an account each: rate, p50, p99, commits for each order, and pgbench's TPC-B in turn on the same PostgreSQL |
//! | `hot` | the same of 64 clients on one account, against 64 accounts |
//! | `fill` | from a quote to the fill of a resting order, both as one client sees them on the WebSocket |
//! | `restart` | until a server that was stopped with `BENCH_OPEN` open orders (100,000) is ready, and until its matcher knows them all and fills |
//! | `verify` | replaying and verifying the accounts in this process, and the command `verify`, which verifies the audit trail too |
//! | `chain` | market orders with the sequencer of the audit trail at work, and at rest |
//! | `rls` | the statements of a placement on one connection with row-level security, and past it |
//! | `quotes` | a quote, against a bare axum handler that answers as many bytes |
//!
//! Every part starts a server of its own with its own PostgreSQL on disk, fsync on. Server, database and clients share the machine, which
//! should do nothing else. `BENCH_SECONDS` sets the length of each measurement (5), `BENCH_ROUNDS` how often two sides of a ratio take turns
//! (3); the median counts. `pgbench` is looked for beside the programs of PostgreSQL, or is what `PGBENCH` names. TPC-B's tables are as many
//! branches as the most clients, so that it is not measured waiting for one of them.
//!
//! Not to be switched off are the ledger and the event log, which are parts of the one statement that writes an order, and the seal of each
//! audit event. The sequencer cannot be left out of a server that serves: at rest it looks once a minute.

#![expect(
    clippy::print_stdout,
    clippy::float_arithmetic,
    reason = "a report for people"
)]

mod bare;
mod books;
mod fill;
mod load;
mod pgbench;
mod place;
mod restart;
mod rls;
mod server;
mod users;

use std::time::Duration;

type Anyhow<T> = anyhow::Result<T>;

/// How long and how often is measured.
#[derive(Clone, Copy)]
struct Plan {
    length: Duration,
    rounds: u64,
}

fn main() -> Anyhow<()> {
    if std::env::var_os(bare::BYTES).is_some() {
        return runtime()?.block_on(bare::serve());
    }
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let plan = Plan {
        length: Duration::from_secs(from_env("BENCH_SECONDS", 5)),
        rounds: from_env("BENCH_ROUNDS", 3),
    };
    runtime()?.block_on(run(&wanted, plan))
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

async fn run(wanted: &[String], plan: Plan) -> Anyhow<()> {
    const PARTS: [&str; 8] = [
        "place", "hot", "fill", "restart", "verify", "chain", "rls", "quotes",
    ];
    if let Some(unknown) = wanted.iter().find(|word| !PARTS.contains(&word.as_str())) {
        anyhow::bail!("there is no part {unknown}; there are {}", PARTS.join(", "));
    }
    for part in PARTS {
        if !wanted.is_empty() && !wanted.iter().any(|word| word == part) {
            continue;
        }
        match part {
            "place" => place::against_tpc_b(plan).await?,
            "hot" => place::hot(plan).await?,
            "fill" => fill::run(plan).await?,
            "restart" => restart::run(from_env("BENCH_OPEN", 100_000)).await?,
            "verify" => books::run(plan).await?,
            "chain" => place::chain(plan).await?,
            "rls" => rls::run(plan).await?,
            _ => bare::run(plan).await?,
        }
    }
    Ok(())
}

/// What stands in the middle when they are put in order.
fn median<T>(mut results: Vec<(f64, T)>) -> Anyhow<(f64, T)> {
    results.sort_by(|a, b| a.0.total_cmp(&b.0));
    let middle = results.len() / 2;
    results
        .into_iter()
        .nth(middle)
        .ok_or_else(|| anyhow::anyhow!("nothing was measured"))
}
