//! What each part of auditing costs. The lower quartile of the turns counts: what others do on the machine only ever adds.

use platform_audit::AuditLog;
use platform_core::TenantId;
use platform_core::pg::Db;
use sqlx::Executor;

use crate::business::{AUDITED, Client, PLAIN, Statements, Work, make_accounts, make_tables};
use crate::support::{Place, UNCHECKED, Usage, WITHOUT_INDEXES, load, low, micros, setting, spent};

const FILL: u64 = 1_500;
const TRANSACTIONS: u64 = 150;

/// An audited transaction without something.
struct Part {
    name: &'static str,
    /// What a superuser does to the database for it.
    sql: &'static str,
    business: Option<&'static Statements>,
    log: Log,
}

#[derive(Clone, Copy)]
enum Log {
    Sealing,
    Plain,
    None,
}

impl Part {
    const fn of(name: &'static str, business: Option<&'static Statements>, log: Log) -> Self {
        Self {
            name,
            sql: "select",
            business,
            log,
        }
    }

    const fn without(name: &'static str, sql: &'static str) -> Self {
        Self {
            name,
            sql,
            business: Some(&AUDITED),
            log: Log::Sealing,
        }
    }
}

const PARTS: [Part; 15] = [
    Part::of("audited", Some(&AUDITED), Log::Sealing),
    Part::of("unaudited", Some(&PLAIN), Log::None),
    Part::of("tables not protected", Some(&PLAIN), Log::Sealing),
    Part::of("event not sealed", Some(&AUDITED), Log::Plain),
    Part {
        name: "not protected, not enqueued",
        sql: "alter table platform_audit.event disable trigger event_is_enqueued",
        business: Some(&PLAIN),
        log: Log::Sealing,
    },
    Part::without("columns not checked", UNCHECKED),
    Part::without("no index event_target", "drop index platform_audit.event_target"),
    Part::without("no index event_actor", "drop index platform_audit.event_actor"),
    Part::without("no index event_action", "drop index platform_audit.event_action"),
    Part::without(
        "no index event_request",
        "drop index platform_audit.event_request",
    ),
    Part::without(
        "no index event_retention",
        "drop index platform_audit.event_retention",
    ),
    Part::without("none of these five", WITHOUT_INDEXES),
    Part::of("the event alone", None, Log::Sealing),
    Part::of("the event alone, not sealed", None, Log::Plain),
    Part::of("an empty transaction", None, Log::None),
];

/// A part with a database of its own.
struct Case {
    part: &'static Part,
    place: Place,
    db: Db,
    work: Work,
    client: Client,
    /// Microseconds for a transaction: of the server's processor, the client's, the clock.
    turns: [Vec<f64>; 3],
}

impl Case {
    async fn new(part: &'static Part) -> Self {
        let mut place = Box::pin(Place::new()).await;
        make_tables(&mut place.owner().await).await;
        let sources = place.test.sources().clone();
        let tenant = TenantId::generate(&sources);
        let db = place.test.connect_with(1).await;
        make_accounts(&db, tenant, &sources).await;
        place.superuser.execute(part.sql).await.unwrap();
        let log = match part.log {
            Log::Sealing => Some(place.log()),
            Log::Plain => Some(AuditLog::new(sources.clone())),
            Log::None => None,
        };
        let mut case = Self {
            part,
            db,
            work: Work {
                business: part.business,
                log,
            },
            client: Client::new(tenant, &sources),
            turns: [const { Vec::new() }; 3],
            place,
        };
        // Plans that a session makes while tables are empty do not suit them later.
        case.turn(FILL).await;
        case.place.settle().await;
        case.db.close().await;
        case.db = case.place.test.connect_with(1).await;
        case.turn(TRANSACTIONS / 3).await;
        case
    }

    async fn turn(&mut self, transactions: u64) -> [f64; 3] {
        let database = self.place.name().to_owned();
        let before = Usage::now(&mut self.place.superuser, &database).await;
        let (mut client, db, work) = (self.client.clone(), self.db.clone(), self.work.clone());
        // On a thread of the runtime, as in a service.
        let working = tokio::spawn(async move {
            for _ in 0..transactions {
                client.work(&db, &work).await;
            }
        });
        working.await.unwrap();
        let after = Usage::now(&mut self.place.superuser, &database).await;
        let cost = spent(&before, &after);
        let wall = u64::try_from(cost.wall.as_nanos()).unwrap_or(u64::MAX);
        [cost.server, cost.client, wall].map(|nanos| micros(nanos, transactions))
    }

    fn figures(&self) -> [f64; 3] {
        self.turns.clone().map(low)
    }
}

/// Prints a row for each part.
pub(crate) async fn compare() {
    let mut cases = Vec::new();
    for part in &PARTS {
        cases.push(Box::pin(Case::new(part)).await);
    }
    for round in 0..setting("BENCH_PARTS", 15) {
        let order: Vec<usize> = match round % 2 {
            0 => (0..cases.len()).collect(),
            _ => (0..cases.len()).rev().collect(),
        };
        for at in order {
            let turn = cases[at].turn(TRANSACTIONS).await;
            for (figures, figure) in cases[at].turns.iter_mut().zip(turn) {
                figures.push(figure);
            }
        }
    }

    println!(
        "\n| one client | server us | less | client us | less | clock us | less |\n|---|---|---|---|---|---|---|"
    );
    let audited = cases[0].figures();
    for case in &cases {
        let figures = case.figures();
        let columns: Vec<_> = figures
            .iter()
            .zip(audited)
            .map(|(figure, audited)| format!("{figure:.0} | {:.0}", audited - figure))
            .collect();
        println!("| {} | {} |", case.part.name, columns.join(" | "));
    }
    println!("\nload {}", load());
}
