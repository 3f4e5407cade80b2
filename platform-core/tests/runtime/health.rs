use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use platform_core::runtime::{Check, Health, HealthStatus, NotReady};
use tokio::sync::{Notify, mpsc};
use tokio::time::advance;

fn started(checks: Vec<Check>) -> Health {
    let health = Health::new(checks);
    health.set_started();
    health
}

/// A check that waits for its release, with the number of its runs.
struct Gate {
    runs: Arc<AtomicU32>,
    entered: mpsc::UnboundedReceiver<()>,
    release: Arc<Notify>,
}

fn gated() -> (Check, Gate) {
    let (runs, release) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
    let (entering, entered) = mpsc::unbounded_channel();
    let (counted, released) = (Arc::clone(&runs), Arc::clone(&release));
    let check = Check::critical("database", move || {
        counted.fetch_add(1, Ordering::Relaxed);
        entering.send(()).unwrap();
        let released = Arc::clone(&released);
        async move {
            released.notified().await;
            Ok(())
        }
    });
    let gate = Gate {
        runs,
        entered,
        release,
    };
    (check, gate)
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_probes_makes_one_query() {
    let (check, mut gate) = gated();
    let health = started(vec![check]);
    let probes: Vec<_> = (0..100)
        .map(|_| {
            let health = health.clone();
            tokio::spawn(async move { health.ready().await })
        })
        .collect();
    gate.entered.recv().await.unwrap();

    gate.release.notify_one();
    for probe in probes {
        assert_eq!(probe.await.unwrap(), Ok(()));
    }
    assert_eq!(health.ready().await, Ok(()));

    assert_eq!(gate.runs.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_asked_again_after_a_second() {
    let (check, gate) = gated();
    let health = started(vec![check]);
    gate.release.notify_one();
    health.ready().await.unwrap();

    advance(Duration::from_millis(1001)).await;
    gate.release.notify_one();
    health.ready().await.unwrap();

    assert_eq!(gate.runs.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_goes_away_leaves_the_others_an_answer() {
    let (check, mut gate) = gated();
    let health = started(vec![check]);
    let probe = |health: Health| tokio::spawn(async move { health.ready().await });
    let first = probe(health.clone());
    gate.entered.recv().await.unwrap();
    let second = probe(health.clone());

    first.abort();
    gate.entered.recv().await.unwrap();
    gate.release.notify_one();

    assert_eq!(second.await.unwrap(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn draining_is_seen_at_once_though_the_answer_is_remembered() {
    let (check, gate) = gated();
    let health = started(vec![check]);
    gate.release.notify_one();
    assert_eq!(health.ready().await, Ok(()));

    health.set_draining();

    assert_eq!(health.ready().await, Err(NotReady::Draining));
}

#[tokio::test(start_paused = true)]
async fn draining_that_begins_while_the_checks_run_is_seen() {
    let (check, mut gate) = gated();
    let health = started(vec![check]);
    let probed = health.clone();
    let probe = tokio::spawn(async move { probed.ready().await });
    gate.entered.recv().await.unwrap();

    health.set_draining();
    gate.release.notify_one();

    assert_eq!(probe.await.unwrap(), Err(NotReady::Draining));
}

#[tokio::test(start_paused = true)]
async fn a_check_that_does_not_answer_has_failed_after_a_second() {
    let check = Check::critical("database", pending::<Result<(), String>>);
    let health = started(vec![check]);

    assert_eq!(health.ready().await, Err(NotReady::Failing));

    let report = health.report().await;
    assert_eq!(report.status, HealthStatus::Down);
    assert_eq!(
        report.checks[0].message.as_deref(),
        Some("no answer within 1000 ms")
    );
    assert_eq!(report.checks[0].duration_ms / 10, 100);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_panics_has_failed() {
    let check = Check::soft("carrier", || async { panic!("no carrier") });
    let health = started(vec![check]);

    let report = health.report().await;

    assert_eq!(report.status, HealthStatus::Degraded);
    assert_eq!(report.checks[0].message.as_deref(), Some("panicked: no carrier"));
    assert_eq!(
        health.ready().await,
        Ok(()),
        "a soft check does not take the instance out"
    );
}

#[tokio::test(start_paused = true)]
async fn a_process_without_a_heartbeat_for_five_seconds_is_not_alive() {
    let health = Health::new(Vec::new());
    assert!(health.is_alive(), "it is starting");
    let heart = tokio::spawn(health.clone().keep_beating());
    tokio::task::yield_now().await;
    for _ in 0..60 {
        advance(Duration::from_secs(1)).await;
        assert!(health.is_alive());
    }

    heart.abort();
    advance(Duration::from_secs(4)).await;
    assert!(health.is_alive());
    advance(Duration::from_secs(2)).await;

    assert!(!health.is_alive());
}
