//! What a long trail costs that a short one does not.
//!
//! ```sh
//! CARGO_PROFILE_BENCH_LTO=off CARGO_PROFILE_BENCH_CODEGEN_UNITS=16 cargo bench -p platform-audit --bench scale
//! ```
//!
//! Two databases, each with a tenant whose events are spread over 300 days: 10,000 of them in the one, a million in the other. They are
//! recorded and sequenced by the same code as in a service, but for a trigger that puts `recorded_at` where the id says. Then the two take
//! turns: recording, searching, a proof, a round of the sequencer, verifying.
//!
//! | variable | what |
//! |---|---|
//! | `TEST_DATABASE_URL` | the server, by a superuser's URL; the tests' own one, which waits for no disk, otherwise |
//! | `BENCH_EVENTS` | events of the long trail, 1000000; a million takes some 2 GB and minutes to make |
//! | `BENCH_ROUNDS` | how often the two take turns, 40 |
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark"
)]
#![expect(clippy::float_arithmetic, reason = "a report for people")]

#[path = "../support/mod.rs"]
mod support;
mod trail;

use std::time::Instant;

use support::{load, low, setting};
use trail::{Operation, Trail};

const SHORT: u64 = 10_000;

const OPERATIONS: [(&str, Operation); 14] = [
    ("record an event", Operation::Record),
    ("record 1,000 events", Operation::RecordMany),
    ("search by target, a page", Operation::Target),
    ("search by target, until it is found", Operation::TargetFound),
    ("search by second target", Operation::SecondTarget),
    ("search by actor", Operation::Actor),
    ("search by a common action", Operation::CommonAction),
    ("search by a rare action", Operation::RareAction),
    ("search by request id", Operation::Request),
    ("search by a day", Operation::Day),
    ("the newest page", Operation::Newest),
    ("search for what never was", Operation::Nothing),
    ("a proof", Operation::Proof),
    ("a round with 1,000 events", Operation::Round),
];

#[tokio::main]
async fn main() {
    let long = setting("BENCH_EVENTS", 1_000_000);
    let rounds = setting("BENCH_ROUNDS", 40);
    let mut trails = [
        Box::pin(Trail::new(SHORT)).await,
        Box::pin(Trail::new(long)).await,
    ];
    println!("{}\n", trails[0].place.describe().await);
    for trail in &mut trails {
        trail.fill().await;
    }

    println!(
        "\n| | {SHORT} events: ms, server us | {long} events | ms: ratio | server us: ratio |\n|---|---|---|---|---|"
    );
    for (name, operation) in OPERATIONS {
        for trail in &mut trails {
            trail.turn(operation, 0).await;
        }
        let mut turns = [const { [const { Vec::new() }; 2] }; 2];
        for round in 0..rounds_of(operation, rounds) {
            for at in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
                let [clock, server] = trails[at].turn(operation, round + 1).await;
                turns[at][0].push(clock);
                turns[at][1].push(server);
            }
        }
        let [short, long] = turns.map(|figures| figures.map(low));
        println!(
            "| {name} | {:.2}, {:.0} | {:.2}, {:.0} | {:.1} | {:.1} |",
            short[0] / 1_000.0,
            short[1],
            long[0] / 1_000.0,
            long[1],
            long[0] / short[0],
            long[1] / short[1],
        );
    }

    println!();
    for trail in &mut trails {
        let began = Instant::now();
        let positions = trail.verify().await;
        let seconds = began.elapsed().as_secs_f64();
        println!(
            "verified {positions} positions in {seconds:.1} s: {:.0} a second",
            positions as f64 / seconds
        );
        println!("{}", trail.sizes().await);
    }
    println!("\nload {}", load());
}

/// Those that add events are done less often, so that the short trail stays short, and so is what takes long.
fn rounds_of(operation: Operation, rounds: u64) -> u64 {
    match operation {
        Operation::RecordMany | Operation::Round | Operation::TargetFound => rounds.min(8),
        _ => rounds,
    }
}
