use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use platform_core::metrics::Metrics;
use platform_core::runtime::{
    Backoff, BoxError, Health, HealthStatus, Outcome, Parts, Platform, ShutdownConfig, Worker,
};
use platform_core::{ManualClock, SeededRandom, Sources};
use proptest::prelude::*;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, advance};

use crate::support::Served;

/// A worker that fails as told on its first two runs, and tells when each run starts.
fn flaky(fail: fn() -> Result<(), BoxError>) -> (Worker, mpsc::UnboundedReceiver<Instant>) {
    let (starts, started) = mpsc::unbounded_channel();
    let runs = Arc::new(AtomicU32::new(0));
    let worker = Worker::new("flaky", move |stop| {
        starts.send(Instant::now()).unwrap();
        let run = runs.fetch_add(1, Ordering::Relaxed);
        async move {
            if run < 2 {
                fail()?;
            }
            stop.cancelled().await;
            Ok(())
        }
    });
    (worker, started)
}

fn platform(worker: Worker) -> (Platform, Metrics) {
    let metrics = Metrics::new();
    let parts = Parts {
        workers: vec![worker],
        ..Parts::default()
    };
    let platform = Platform::without_database(Sources::system(), metrics.clone())
        .parts(parts)
        .build()
        .unwrap();
    (platform, metrics)
}

/// The message of the worker's check, if it fails.
async fn failure(health: &Health) -> Option<String> {
    let report = health.report().await;
    let check = report
        .checks
        .iter()
        .find(|check| &*check.name == "worker:flaky")
        .unwrap();
    assert_eq!(report.status == HealthStatus::Degraded, !check.ok);
    check.message.clone()
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_fails_is_started_again_after_a_growing_wait() {
    let (worker, mut started) = flaky(|| Err("no connection".into()));
    let (platform, metrics) = platform(worker);
    let health = platform.health().clone();
    let served = Served::start(platform, ShutdownConfig::default()).await;

    let first = started.recv().await.unwrap();
    let second = started.recv().await.unwrap();
    let third = started.recv().await.unwrap();

    let within = |wait: Duration, least_ms: u64, most_ms: u64| {
        wait >= Duration::from_millis(least_ms) && wait <= Duration::from_millis(most_ms + 2)
    };
    assert!(within(second - first, 100, 200), "{:?}", second - first);
    assert!(within(third - second, 200, 400), "{:?}", third - second);
    assert_eq!(failure(&health).await.as_deref(), Some("no connection"));
    let page = metrics.encode();
    assert!(
        page.contains(r#"worker_restarts_total{worker="flaky"} 2"#),
        "{page}"
    );
    assert_eq!(served.stop().await, Outcome::Clean);
}

#[tokio::test(start_paused = true)]
async fn a_worker_is_healthy_again_when_it_has_run_for_a_while() {
    let (worker, mut started) = flaky(|| Err("no connection".into()));
    let (platform, _) = platform(worker);
    let health = platform.health().clone();
    let served = Served::start(platform, ShutdownConfig::default()).await;
    for _ in 0..3 {
        started.recv().await.unwrap();
    }

    advance(Duration::from_secs(9)).await;
    let soon_after = failure(&health).await;
    advance(Duration::from_secs(2)).await;
    tokio::task::yield_now().await;
    let later = failure(&health).await;

    assert_eq!(soon_after.as_deref(), Some("no connection"));
    assert_eq!(later, None);
    assert_eq!(served.stop().await, Outcome::Clean);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_had_recovered_waits_shortly_again() {
    let (starts, mut started) = mpsc::unbounded_channel();
    let lose_connection = Arc::new(Notify::new());
    let (lost, runs) = (Arc::clone(&lose_connection), AtomicU32::new(0));
    let worker = Worker::new("flaky", move |stop| {
        starts.send(Instant::now()).unwrap();
        let lost = Arc::clone(&lost);
        let connects = runs.fetch_add(1, Ordering::Relaxed) >= 4;
        async move {
            if connects {
                stop.run_until_cancelled(lost.notified()).await;
            }
            Err("no connection".into())
        }
    });
    let served = Served::start(platform(worker).0, ShutdownConfig::default()).await;
    for _ in 0..5 {
        started.recv().await.unwrap();
    }

    advance(Duration::from_secs(11)).await;
    let failed = Instant::now();
    lose_connection.notify_one();
    let again = started.recv().await.unwrap();

    assert!(
        again - failed <= Duration::from_millis(202),
        "{:?}",
        again - failed
    );
    assert_eq!(served.stop().await, Outcome::Clean);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failure_of_its_worker_alone() {
    let (worker, mut started) = flaky(|| panic!("the book is crossed"));
    let (platform, metrics) = platform(worker);
    let health = platform.health().clone();
    let served = Served::start(platform, ShutdownConfig::default()).await;

    for _ in 0..3 {
        started.recv().await.unwrap();
    }

    assert_eq!(
        failure(&health).await.as_deref(),
        Some("panicked: the book is crossed")
    );
    assert!(
        metrics
            .encode()
            .contains(r#"worker_restarts_total{worker="flaky"} 2"#)
    );
    assert_eq!(health.ready().await, Ok(()));
    assert_eq!(served.stop().await, Outcome::Clean);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_waits_for_its_restart_stops_at_once() {
    let (starts, mut started) = mpsc::unbounded_channel();
    let worker = Worker::new("flaky", move |_| {
        starts.send(()).unwrap();
        async { Err("never works".into()) }
    })
    .backoff(Backoff {
        first: Duration::from_secs(3600),
        max: Duration::from_secs(3600),
        ..Backoff::default()
    });
    let served = Served::start(platform(worker).0, ShutdownConfig::default()).await;
    started.recv().await.unwrap();
    let before = Instant::now();

    let outcome = served.stop().await;

    assert_eq!(outcome, Outcome::Clean);
    assert!(before.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_returns_is_done() {
    let (starts, mut started) = mpsc::unbounded_channel();
    let worker = Worker::new("flaky", move |_| {
        starts.send(()).unwrap();
        async { Ok(()) }
    });
    let (platform, metrics) = platform(worker);
    let health = platform.health().clone();
    let served = Served::start(platform, ShutdownConfig::default()).await;
    started.recv().await.unwrap();

    advance(Duration::from_secs(3600)).await;

    assert_eq!(failure(&health).await, None);
    assert_eq!(served.stop().await, Outcome::Clean);
    assert!(started.recv().await.is_none(), "it was started again");
    assert!(!metrics.encode().contains("worker_restarts_total{"));
}

proptest! {
    #[test]
    fn waits_double_up_to_a_bound_and_lose_at_most_half(failures in 1_u32..100, seed in any::<u64>()) {
        let clock = ManualClock::starting_at(time::macros::datetime!(2026-01-02 03:04:05 UTC));
        let sources = Sources::new(clock, SeededRandom::new(seed));
        let backoff = Backoff::default();

        let wait = backoff.wait(failures, &sources);

        let longest = backoff.first.saturating_mul(2_u32.saturating_pow(failures - 1)).min(backoff.max);
        prop_assert!(longest / 2 <= wait && wait <= longest, "{wait:?} is not within half of {longest:?}");
    }
}
