//! How fast the sequencer is, and how long an event takes from its commit until it is published.
//!
//! ```sh
//! CARGO_PROFILE_BENCH_LTO=off CARGO_PROFILE_BENCH_CODEGEN_UNITS=16 CARGO_PROFILE_BENCH_DEBUG=0 \
//!   cargo bench -p platform-audit --bench sequencing
//! ```
//!
//! The first table is a backlog that is worked off in rounds of 10,000 events, as after a stop: numbered, signed and published. The second
//! is a service at work: eight connections record events in transactions that begin by the clock and not when the one before has ended,
//! while a sequencer runs in the same process. A transaction records several events one by one, as a service does, because an event of
//! its own transaction would measure commits. A latency goes from the end of the commit at the client until the database's clock when
//! the checkpoint was outside the database.
//!
//! | variable | what |
//! |---|---|
//! | `TEST_DATABASE_URL` | the server, by a superuser's URL; the tests' own one, which waits for no disk, otherwise |
//! | `BENCH_OUTLET` | a directory in which the outlets are made; the one for temporary files otherwise |
//! | `BENCH_EVENTS` | events of a backlog, 50000 |
//! | `BENCH_RATE` | events a second of the service at work, 2000 |
//! | `BENCH_BATCH` | events of a transaction, 10 |
//! | `BENCH_SECONDS` | how long the service works, 10 |
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]
#![expect(clippy::float_arithmetic, reason = "a report for people")]

mod backlog;
mod service;
#[path = "../support/mod.rs"]
mod support;

use support::{Place, load};

const TENANTS: [usize; 2] = [1, 100];

#[tokio::main]
async fn main() {
    println!("{}\n", Box::pin(Place::new()).await.describe().await);
    println!("| backlog | events | seconds | rounds | events a second |\n|---|---|---|---|---|");
    for tenants in TENANTS {
        Box::pin(backlog::work_off(tenants)).await;
    }
    println!(
        "\n| service | events | recorded a second | p50 ms | p99 ms | longest ms | late begins |\n|---|---|---|---|---|---|---|"
    );
    for tenants in TENANTS {
        Box::pin(service::serve(tenants)).await;
    }
    println!("\nload {}", load());
}
