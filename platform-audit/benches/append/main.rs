//! How fast batches of events are recorded, against a raw insert of the same rows.
//!
//! ```sh
//! CARGO_PROFILE_BENCH_LTO=off CARGO_PROFILE_BENCH_CODEGEN_UNITS=16 cargo bench -p platform-audit --bench append
//! ```
//!
//! `AuditLog::record_all` of 1, 10, 100 and 1,000 events in a transaction, against an `unnest` of the same rows into a bare copy of the
//! table: the same columns and primary key, and no partitions, policies, checks, triggers and further indexes. Both take turns, in the
//! other order every time. Events and rows are made before the clock starts, the seals while it runs. Then things are left out of
//! recording, each in a database of its own.
//!
//! "server" and "client" are microseconds of the processor for one event, measured on the processes of the database and on this one. The
//! lower quartile of the turns counts: what others do on the machine only ever adds.
//!
//! | variable | what |
//! |---|---|
//! | `TEST_DATABASE_URL` | the server, by a superuser's URL; the tests' own one, which waits for no disk, otherwise |
//! | `BENCH_ROUNDS` | how often each side records a thousand events, 20; single ones are fewer |
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]
#![expect(clippy::float_arithmetic, reason = "a report for people")]

mod bare;
#[path = "../support/mod.rs"]
mod support;

use bare::Columns;
use platform_audit::{AuditLog, Event, EventId};
use platform_core::pg::Db;
use platform_core::uuid::Uuid;
use platform_core::{PrincipalId, RequestContext, TenantId};
use sqlx::Executor;
use support::{Place, UNCHECKED, Usage, WITHOUT_INDEXES, context, event, load, low, micros, setting, spent};

const SIZES: [usize; 4] = [1, 10, 100, 1_000];

/// Events that each side records for each size in a round.
const EVENTS: usize = 1_000;

/// Single events take longer, and fewer will do.
const TRANSACTIONS_MAX: usize = 100;

/// A way to insert events.
struct Case {
    name: &'static str,
    place: Place,
    db: Db,
    ctx: RequestContext,
    /// Without one, the rows go into the bare copy.
    log: Option<AuditLog>,
    /// Whether the events have names, which are looked up.
    named: bool,
    /// Microseconds for an event, for each size: of the server's processor, the client's, the clock.
    turns: [[Vec<f64>; 3]; SIZES.len()],
}

#[derive(Clone, Copy, PartialEq)]
enum Log {
    Sealing,
    Plain,
    None,
}

impl Case {
    async fn new(name: &'static str, sql: &'static str, log: Log) -> Self {
        let mut place = Box::pin(Place::new()).await;
        place.superuser.execute(bare::TABLE).await.unwrap();
        place.superuser.execute(sql).await.unwrap();
        let sources = place.test.sources().clone();
        let tenant = TenantId::generate(&sources);
        let ctx = context(
            tenant,
            PrincipalId::generate(&sources),
            sources.uuid_v7(),
            &sources,
        );
        Self {
            name,
            db: place.test.connect_with(1).await,
            ctx,
            log: match log {
                Log::Sealing => Some(place.log()),
                Log::Plain => Some(AuditLog::new(sources)),
                Log::None => None,
            },
            named: false,
            turns: Default::default(),
            place,
        }
    }

    fn named(self) -> Self {
        Self { named: true, ..self }
    }

    /// Records so many batches; what one event took.
    async fn turn(&mut self, size: usize) -> [f64; 3] {
        let batches = (EVENTS / size).min(TRANSACTIONS_MAX);
        let sources = self.place.test.sources().clone();
        let events: Vec<Vec<Event>> = (0..batches)
            .map(|_| {
                let one = || event(sources.uuid_v7(), Uuid::nil());
                (0..size)
                    .map(|_| match self.named {
                        true => one().id(EventId::generate(&sources)),
                        false => one(),
                    })
                    .collect()
            })
            .collect();
        let rows: Vec<_> = (0..batches)
            .map(|_| Columns::of(&self.ctx, size, &sources))
            .collect();
        let (db, ctx, log) = (self.db.clone(), self.ctx.clone(), self.log.clone());

        let database = self.place.name().to_owned();
        let before = Usage::now(&mut self.place.superuser, &database).await;
        // On a thread of the runtime, as in a service.
        let working = tokio::spawn(async move {
            for (events, rows) in events.into_iter().zip(rows) {
                let mut tx = db.begin(&ctx).await.unwrap();
                match &log {
                    Some(log) => drop(log.record_all(&mut tx, &ctx, events).await.unwrap()),
                    None => rows.insert(&mut tx).await,
                }
                tx.commit().await.unwrap();
            }
        });
        working.await.unwrap();
        let after = Usage::now(&mut self.place.superuser, &database).await;
        let cost = spent(&before, &after);
        let wall = u64::try_from(cost.wall.as_nanos()).unwrap_or(u64::MAX);
        let count = u64::try_from(batches * size).unwrap();
        [cost.server, cost.client, wall].map(|nanos| micros(nanos, count))
    }

    fn figures(&self, size: usize) -> [f64; 3] {
        self.turns[size].clone().map(low)
    }
}

async fn round(cases: &mut [Case], sizes: &[usize], number: u64) {
    for size in sizes {
        let at_size = SIZES.iter().position(|one| one == size).unwrap();
        let order: Vec<usize> = match number % 2 {
            0 => (0..cases.len()).collect(),
            _ => (0..cases.len()).rev().collect(),
        };
        for at in order {
            let turn = cases[at].turn(*size).await;
            for (figures, figure) in cases[at].turns[at_size].iter_mut().zip(turn) {
                figures.push(figure);
            }
        }
    }
}

/// Fills the tables a little, so that the plans of the sessions suit them, and forgets what that took.
async fn warm_up(cases: &mut [Case]) {
    round(cases, &[1_000, 1_000, 1], 0).await;
    for case in cases.iter_mut() {
        case.turns = Default::default();
        case.place.settle().await;
        case.db.close().await;
        case.db = case.place.test.connect_with(1).await;
    }
    round(cases, &[1, 10, 100, 1_000], 0).await;
    for case in cases {
        case.turns = Default::default();
    }
}

#[tokio::main]
async fn main() {
    let rounds = setting("BENCH_ROUNDS", 20);
    let mut cases = vec![
        Box::pin(Case::new("raw", "select", Log::None)).await,
        Box::pin(Case::new("recorded", "select", Log::Sealing)).await,
    ];
    println!("{}\n", cases[0].place.describe().await);
    Box::pin(warm_up(&mut cases)).await;
    for number in 0..rounds {
        Box::pin(round(&mut cases, &SIZES, number)).await;
    }
    println!(
        "| events | raw us: server, client, clock | recorded us | server ratio | clock ratio | recorded/s | load |\n\
         |---|---|---|---|---|---|---|"
    );
    for (at, size) in SIZES.iter().enumerate() {
        let [raw, recorded] = [&cases[0], &cases[1]].map(|case| case.figures(at));
        let text = |figures: [f64; 3]| figures.map(|figure| format!("{figure:.1}")).join(", ");
        println!(
            "| {size} | {} | {} | {:.2} | {:.2} | {:.0} | {} |",
            text(raw),
            text(recorded),
            raw[0] / recorded[0],
            raw[2] / recorded[2],
            1_000_000.0 / recorded[2],
            load(),
        );
    }
    Box::pin(parts(cases, rounds)).await;
}

/// What a thousand events cost without something.
async fn parts(mut cases: Vec<Case>, rounds: u64) {
    for (name, sql, log) in [
        (
            "not enqueued",
            "alter table platform_audit.event disable trigger event_is_enqueued",
            Log::Sealing,
        ),
        ("no further indexes", WITHOUT_INDEXES, Log::Sealing),
        ("columns not checked", UNCHECKED, Log::Sealing),
        ("not sealed", "select", Log::Plain),
    ] {
        cases.push(Box::pin(Case::new(name, sql, log)).await);
    }
    let named = Case::new("events with names", "select", Log::Sealing);
    cases.push(Box::pin(named).await.named());
    Box::pin(warm_up(&mut cases)).await;
    for number in 0..rounds {
        Box::pin(round(&mut cases, &[1_000], number)).await;
    }
    println!(
        "\n| 1,000 events, us for each | server | client | clock | of raw: server | clock |\n|---|---|---|---|---|---|"
    );
    let last = SIZES.len() - 1;
    let raw = cases[0].figures(last);
    for case in &cases {
        let [server, client, clock] = case.figures(last);
        println!(
            "| {} | {server:.1} | {client:.1} | {clock:.1} | {:.2} | {:.2} |",
            case.name,
            raw[0] / server,
            raw[2] / clock,
        );
    }
    println!("\nload {}", load());
}
