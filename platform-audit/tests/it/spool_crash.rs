//! What a spool has taken is not lost, wherever a process ends.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use platform_audit::{AuditLog, EventId, LogKey, Spool};
use platform_core::testing::TestDb;
use platform_core::{RequestContext, Sources, TenantId};
use platform_crypto::Secret;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tempfile::TempDir;

use crate::refusals::{denied, gone};
use crate::support::{context, log_key, shared, stored};

/// What makes this test binary the process that is killed: the directory, the key and the tenant.
const VICTIM: &str = "AUDIT_SPOOL_VICTIM";

fn opened(path: &Path, key: &LogKey) -> AuditLog {
    let sources = Sources::system();
    let spool = Spool::open(path, key, &sources).unwrap();
    AuditLog::new(sources).sealed_by(key).spool(spool)
}

async fn recorded(test: &TestDb, ctx: &RequestContext) -> Vec<EventId> {
    let rows = stored(test, ctx).await;
    let sent = rows.iter().filter(|row| row.entry.action == "parcel.send");
    sent.map(|row| row.entry.id).collect()
}

#[derive(Debug, Clone)]
enum Step {
    /// A refusal while the database is gone; its caller is told that it is kept.
    Spool,
    /// The worker looks after the spool, the database is there for so many events.
    Drain { events: usize },
    /// A process ends while it writes: this much of a file is there, under the name it is written with.
    Torn { bytes: usize },
    /// A process ends after the event was recorded and before its file was removed.
    Unremoved,
    /// The next process.
    Restart,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Spool),
        2 => (0..4_usize).prop_map(|events| Step::Drain { events }),
        1 => (0..600_usize).prop_map(|bytes| Step::Torn { bytes }),
        1 => Just(Step::Unremoved),
        1 => Just(Step::Restart),
    ]
}

async fn survives(test: &TestDb, steps: &[Step]) -> Result<(), TestCaseError> {
    let (_, ctx) = context(test).await;
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("spool");
    let key = log_key();
    let mut log = opened(&path, &key);
    let mut kept = BTreeSet::new();

    for (at, step) in steps.iter().enumerate() {
        match step {
            Step::Spool => {
                kept.insert(log.record_refusal(&gone(), &ctx, denied("p")).await.unwrap());
            }
            Step::Drain { events } => drain_some(test, &path, &key, *events).await,
            Step::Torn { bytes } => {
                let torn = vec![1; *bytes];
                fs::write(path.join(format!("{at:015}-torn.new")), torn).unwrap();
            }
            Step::Unremoved => {
                let copies = copies(&path);
                log.worker(&test.db()).round().await.unwrap();
                for (file, bytes) in copies {
                    fs::write(file, bytes).unwrap();
                }
            }
            Step::Restart => log = opened(&path, &key),
        }
    }
    let last = opened(&path, &key).worker(&test.db()).round().await.unwrap();

    prop_assert_eq!((last.kept, last.set_aside), (0, 0));
    let recorded = recorded(test, &ctx).await;
    prop_assert_eq!(recorded.len(), kept.len(), "each is there once");
    prop_assert_eq!(recorded.into_iter().collect::<BTreeSet<_>>(), kept);
    let left = fs::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    prop_assert_eq!(left.collect::<Vec<_>>(), ["draining.lock"]);
    Ok(())
}

fn copies(path: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let files = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let whole = files.filter(|file| file.extension().is_some_and(|kind| kind == "event"));
    whole
        .map(|file| (file.clone(), fs::read(file).unwrap()))
        .collect()
}

/// The database goes away after some events: the files of the others come back when it has been emptied.
async fn drain_some(test: &TestDb, path: &Path, key: &LogKey, events: usize) {
    let mut rest = copies(path);
    rest.sort();
    let rest = rest.split_off(events.min(rest.len()));
    for (file, _) in &rest {
        fs::rename(file, file.with_extension("away")).unwrap();
    }
    opened(path, key).worker(&test.db()).round().await.unwrap();
    for (file, _) in &rest {
        fs::rename(file.with_extension("away"), file).unwrap();
    }
}

#[test]
fn wherever_it_ends_every_event_that_was_taken_is_recorded_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let test = runtime.block_on(shared());
    let mut runner = TestRunner::new(Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&prop::collection::vec(any_step(), 1..24), |steps| {
            runtime.block_on(survives(&test, &steps))
        })
        .unwrap();
}

/// Spools until it is killed, and says of each event that it was taken.
#[tokio::test]
async fn victim() {
    let Ok(orders) = std::env::var(VICTIM) else {
        return;
    };
    let mut orders = orders.split('\n');
    let (path, key, tenant) = (
        orders.next().unwrap(),
        orders.next().unwrap(),
        orders.next().unwrap(),
    );
    let key = LogKey::from_text(&Secret::new(key.to_owned())).unwrap();
    let tenant: TenantId = tenant.parse().unwrap();
    let log = opened(Path::new(path), &key);
    let ctx = RequestContext::system(tenant, "test", &Sources::system());
    loop {
        let id = log.record_refusal(&gone(), &ctx, denied("p")).await.unwrap();
        println!("taken {id}");
    }
}

fn start(path: &Path, key: &LogKey, tenant: TenantId) -> Child {
    let key = key.to_text();
    let orders = format!("{}\n{}\n{tenant}", path.display(), key.expose().trim());
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "spool_crash::victim", "--nocapture"])
        .env(VICTIM, orders)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

// A8, A19
#[tokio::test]
async fn a_process_that_is_killed_at_any_time_loses_none_of_what_it_has_taken() {
    let test = shared().await;
    let (tenant, ctx) = context(&test).await;
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("spool");
    let key = log_key();
    let mut taken = BTreeSet::new();

    for killed_after in [1, 2, 3, 5, 8, 13, 21, 34] {
        let mut victim = start(&path, &key, tenant);
        let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let mut acknowledged = || {
            lines.find_map(|line| {
                let line = line.ok()?;
                line.rsplit_once("taken ")?.1.parse::<EventId>().ok()
            })
        };
        taken.extend((0..killed_after).filter_map(|_| acknowledged()));
        victim.kill().unwrap();
        victim.wait().unwrap();
        // What it said before it died counts as well.
        taken.extend(std::iter::from_fn(acknowledged));
    }
    let log = opened(&path, &key);
    let round = log.worker(&test.db()).round().await.unwrap();

    assert_eq!((round.kept, round.set_aside), (0, 0));
    let recorded = recorded(&test, &ctx).await;
    let distinct: BTreeSet<_> = recorded.iter().copied().collect();
    assert!(taken.len() >= 87, "{}", taken.len());
    assert_eq!(distinct.len(), recorded.len());
    assert!(taken.is_subset(&distinct));
    // One more than was acknowledged may have been taken by each.
    assert!(distinct.len() <= taken.len() + 8);
}
