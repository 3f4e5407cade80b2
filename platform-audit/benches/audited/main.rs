//! What auditing costs a small business transaction.
//!
//! ```sh
//! CARGO_PROFILE_BENCH_LTO=off CARGO_PROFILE_BENCH_CODEGEN_UNITS=16 cargo bench -p platform-audit --bench audited
//! ```
//!
//! The same transaction, an order with two lines of the ledger, on two sets of tables: one as it is, one protected by
//! `platform_audit.protect`, with an event recorded. The two take turns, in the other order every time, so that whatever else the machine
//! does falls on both; the medians count. Then one thing after the other is left out of the audited transaction, each in a database of
//! its own, to see what it costs.
//!
//! "server" and "client" are microseconds of the processor for one transaction, measured on the processes of the database and on this
//! one: on a machine that others use too they say more than the clock does. Server, database and clients share the machine.
//!
//! | variable | what |
//! |---|---|
//! | `TEST_DATABASE_URL` | the server, by a superuser's URL; the tests' own one, which waits for no disk, otherwise |
//! | `BENCH_SECONDS` | how long a side is measured at a time, 2 |
//! | `BENCH_ROUNDS` | how often the sides take turns, 7 |
//! | `BENCH_PARTS` | how often the parts do, 15; 0 leaves them out |
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]
#![expect(clippy::float_arithmetic, reason = "a report for people")]

mod business;
mod parts;
mod sides;
#[path = "../support/mod.rs"]
mod support;

use support::{Place, setting};

#[tokio::main]
async fn main() {
    let mut place = Box::pin(Place::new()).await;
    println!("{}\n", place.describe().await);
    sides::compare(&mut place).await;
    if setting("BENCH_PARTS", 15) > 0 {
        Box::pin(parts::compare()).await;
    }
}
