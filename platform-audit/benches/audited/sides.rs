//! Audited against unaudited, with one client and with many.

use std::time::{Duration, Instant};

use platform_audit::AuditLog;
use platform_core::TenantId;
use platform_core::pg::Db;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::business::{AUDITED, Client, PLAIN, Work, make_accounts, make_tables};
use crate::support::{Cost, Place, Usage, load, median, micros, setting, spent};

const CLIENTS: [usize; 3] = [1, 8, 32];

/// What a side came to in one turn.
#[derive(Clone, Copy)]
struct Turn {
    transactions: u64,
    cost: Cost,
}

impl Turn {
    fn rate(&self) -> f64 {
        self.transactions as f64 / self.cost.wall.as_secs_f64()
    }

    fn server(&self) -> f64 {
        micros(self.cost.server, self.transactions)
    }

    fn client(&self) -> f64 {
        micros(self.cost.client, self.transactions)
    }
}

/// Prints a row for each number of clients.
pub(crate) async fn compare(place: &mut Place) {
    let length = Duration::from_secs(setting("BENCH_SECONDS", 2));
    let rounds = setting("BENCH_ROUNDS", 7);
    make_tables(&mut place.owner().await).await;
    let sources = place.test.sources().clone();
    let tenants: Vec<_> = (0..32).map(|_| TenantId::generate(&sources)).collect();
    for tenant in &tenants {
        make_accounts(&place.test.db(), *tenant, &sources).await;
    }
    let log = place.log();
    let plain = Work {
        business: Some(&PLAIN),
        log: None,
    };
    let audited = Work {
        business: Some(&AUDITED),
        log: Some(log.clone()),
    };

    fill(place, &tenants, [&plain, &audited]).await;

    println!(
        "| clients | sequencer | unaudited/s | audited/s | slower by | server us | client us | load |\n|---|---|---|---|---|---|---|---|"
    );
    for is_sequenced in [false, true] {
        let stop = CancellationToken::new();
        let sequencing = match is_sequenced {
            true => Some(sequence(place, &log, stop.clone()).await),
            false => None,
        };
        for clients in CLIENTS {
            place.settle().await;
            let db = place.test.connect_with(u32::try_from(clients).unwrap()).await;
            drive(place, &db, &tenants[..clients], &plain, length / 4).await;
            drive(place, &db, &tenants[..clients], &audited, length / 4).await;
            let mut turns = [Vec::new(), Vec::new()];
            for round in 0..rounds {
                for side in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
                    let work = [&plain, &audited][side];
                    turns[side].push(drive(place, &db, &tenants[..clients], work, length).await);
                }
            }
            let runs = if is_sequenced { "runs" } else { "does not run" };
            print_row(&format!("{clients} | {runs}"), &turns);
            db.close().await;
        }
        stop.cancel();
        if let Some(sequencing) = sequencing {
            sequencing.await.unwrap();
        }
    }
}

/// Works off what waits, and goes on in the background.
async fn sequence(place: &Place, log: &AuditLog, stop: CancellationToken) -> JoinHandle<()> {
    let sequencer = place.sequencer(log).await;
    while sequencer.round().await.unwrap().more {}
    tokio::spawn(async move { sequencer.run(stop).await })
}

/// Plans that a session makes while tables are empty do not suit them later.
async fn fill(place: &mut Place, tenants: &[TenantId], sides: [&Work; 2]) {
    let db = place.test.connect_with(8).await;
    for work in sides {
        drive(place, &db, &tenants[..8], work, Duration::from_secs(3)).await;
    }
    db.close().await;
}

fn print_row(name: &str, [plain, audited]: &[Vec<Turn>; 2]) {
    let of = |turns: &[Turn], what: fn(&Turn) -> f64| median(turns.iter().map(what).collect());
    let slower = plain
        .iter()
        .zip(audited)
        .map(|(a, b)| (a.rate() / b.rate() - 1.0) * 100.0);
    println!(
        "| {name} | {:.0} | {:.0} | {:.1} % | {:.0} to {:.0} | {:.0} to {:.0} | {} |",
        of(plain, Turn::rate),
        of(audited, Turn::rate),
        median(slower.collect()),
        of(plain, Turn::server),
        of(audited, Turn::server),
        of(plain, Turn::client),
        of(audited, Turn::client),
        load(),
    );
}

/// As many clients as tenants, each with a tenant and a connection, for so long.
async fn drive(place: &mut Place, db: &Db, tenants: &[TenantId], work: &Work, length: Duration) -> Turn {
    let database = place.name().to_owned();
    let before = Usage::now(&mut place.superuser, &database).await;
    let end = Instant::now() + length;
    let mut clients = JoinSet::new();
    for tenant in tenants {
        let mut client = Client::new(*tenant, place.test.sources());
        let (db, work) = (db.clone(), work.clone());
        clients.spawn(async move {
            let mut transactions = 0;
            while Instant::now() < end {
                client.work(&db, &work).await;
                transactions += 1;
            }
            transactions
        });
    }
    let transactions = clients.join_all().await.into_iter().sum();
    let after = Usage::now(&mut place.superuser, &database).await;
    Turn {
        transactions,
        cost: spent(&before, &after),
    }
}
