//! Secrets that are held while they change.

use std::time::Duration;

use platform_crypto::{SecretError, Secrets, SecretsConfig};
use tokio_util::sync::CancellationToken;

use crate::support::{Told, current, name, previous, standing_still};

const FRESH: Duration = Duration::from_secs(60);
const STALE: Duration = Duration::from_secs(600);
const OVERLAP: Duration = Duration::from_secs(300);

fn config() -> SecretsConfig {
    SecretsConfig {
        fresh_for: FRESH,
        stale_for: STALE,
        overlap: OVERLAP,
        ..SecretsConfig::default()
    }
}

#[tokio::test]
async fn a_secret_is_fetched_once_and_then_held() {
    let (sources, clock) = standing_still();
    let source = Told::says("one");
    let secrets = Secrets::with_config(source.clone(), sources, config());
    let held = secrets.open(&name("key")).await.unwrap();
    clock.advance(FRESH - Duration::from_secs(1));

    for _ in 0..100 {
        assert_eq!(current(&held.get().await.unwrap()), "one");
    }
    secrets.open(&name("key")).await.unwrap();
    secrets.refresh().await;

    assert_eq!(source.asked(), 1);
}

#[tokio::test]
async fn a_secret_that_is_missing_is_known_when_it_is_opened() {
    let (sources, _) = standing_still();
    let secrets = Secrets::with_config(Told::default(), sources, config());

    let missing = secrets.open(&name("key")).await.unwrap_err();

    assert!(matches!(missing, SecretError::Missing { .. }), "{missing:?}");
    assert_eq!(missing.to_string(), "there is no secret key");
}

#[tokio::test]
async fn a_stale_secret_is_given_out_until_the_limit_and_not_after() {
    let (sources, clock) = standing_still();
    let source = Told::says("one");
    let secrets = Secrets::with_config(source.clone(), sources, config());
    let held = secrets.open(&name("key")).await.unwrap();
    source.set_down(true);

    clock.advance(FRESH + STALE - Duration::from_secs(1));
    let failed = secrets.refresh().await.failed;
    let stale = held.get().await.unwrap();
    clock.advance(Duration::from_secs(1));
    let too_old = held.get().await.unwrap_err();
    source.set_down(false);
    source.say("two");
    clock.advance(SecretsConfig::default().pause);
    let again = held.get().await.unwrap();

    assert_eq!(failed, 1);
    assert_eq!(current(&stale), "one");
    assert!(matches!(too_old, SecretError::Unavailable { .. }), "{too_old:?}");
    assert_eq!(current(&again), "two");
}

#[tokio::test]
async fn a_change_is_told_and_the_version_before_overlaps_for_a_time() {
    let (sources, clock) = standing_still();
    let source = Told::says("one");
    let secrets = Secrets::with_config(source.clone(), sources, config());
    let held = secrets.open(&name("key")).await.unwrap();
    let mut changes = held.subscribe();

    source.say("two");
    clock.advance(FRESH);
    let changed = secrets.refresh().await.changed;
    let overlapping = held.get().await.unwrap();
    let told = changes.has_changed().unwrap();
    changes.mark_unchanged();
    clock.advance(OVERLAP);
    let unchanged = secrets.refresh().await.unchanged;
    let over = held.get().await.unwrap();

    assert_eq!((changed, unchanged), (1, 1));
    assert_eq!(
        (current(&overlapping), previous(&overlapping)),
        ("two", Some("one"))
    );
    assert!(told && !changes.has_changed().unwrap());
    assert_eq!((current(&over), previous(&over)), ("two", None));
}

#[tokio::test]
async fn a_thousand_that_ask_at_once_ask_the_source_once() {
    let (sources, clock) = standing_still();
    let source = Told::says("one");
    let secrets = Secrets::with_config(source.clone(), sources, config());
    let held = secrets.open(&name("key")).await.unwrap();
    source.say("two");
    clock.advance(FRESH);

    let asking = (0..1000).map(|_| held.refetch());
    let answers = futures::future::join_all(asking).await;

    assert!(
        answers
            .iter()
            .all(|answer| current(answer.as_ref().unwrap()) == "two")
    );
    assert_eq!(source.asked(), 2);
}

#[tokio::test]
async fn a_thousand_that_wait_for_a_source_that_fails_are_told_at_once_and_it_is_left_in_peace_for_a_moment()
{
    let (sources, clock) = standing_still();
    let source = Told::says("one");
    let secrets = Secrets::with_config(source.clone(), sources, config());
    let held = secrets.open(&name("key")).await.unwrap();
    source.set_down(true);
    clock.advance(FRESH + STALE);

    let answers = futures::future::join_all((0..1000).map(|_| held.get())).await;
    let asked_by_all = source.asked();
    let in_the_pause = held.get().await.unwrap_err();
    let asked_in_the_pause = source.asked();
    clock.advance(SecretsConfig::default().pause);
    held.get().await.unwrap_err();

    let mut told = answers.into_iter().map(Result::unwrap_err).chain([in_the_pause]);
    assert!(told.all(
        |error| platform_core::error_chain(&error) == "the secret key cannot be read: the source is down"
    ));
    assert_eq!((asked_by_all, asked_in_the_pause, source.asked()), (2, 2, 3));
}

#[tokio::test(start_paused = true)]
async fn a_hundred_that_wait_for_a_source_that_hangs_wait_once() {
    let (sources, clock) = standing_still();
    let source = Told::says("one");
    let secrets = Secrets::with_config(source.clone(), sources, config());
    let held = secrets.open(&name("key")).await.unwrap();
    source.set_hanging(true);
    clock.advance(FRESH + STALE);
    let start = tokio::time::Instant::now();

    let answers = futures::future::join_all((0..100).map(|_| held.get())).await;

    assert!(answers.iter().all(Result::is_err));
    assert_eq!(start.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_nothing_stale() {
    let (sources, clock) = standing_still();
    let source = Told::says("one");
    let secrets = Secrets::with_config(source.clone(), sources.clone(), config());
    let held = secrets.open(&name("key")).await.unwrap();
    source.set_down(true);

    clock.set(sources.now() - STALE * 10);

    assert_eq!(current(&held.get().await.unwrap()), "one");
    assert_eq!(source.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_worker_fetches_what_is_no_longer_fresh_and_stops_when_told() {
    let (sources, clock) = standing_still();
    let source = Told::says("one");
    let secrets = Secrets::with_config(source.clone(), sources, config());
    let held = secrets.open(&name("key")).await.unwrap();
    let mut changes = held.subscribe();
    let stop = CancellationToken::new();
    let worker = tokio::spawn({
        let (worker, stop) = (secrets.worker(), stop.clone());
        async move { worker.run(stop).await }
    });

    source.say("two");
    clock.advance(FRESH);
    changes.changed().await.unwrap();
    let by_the_tick = held.get().await.unwrap();
    source.say("three");
    clock.advance(FRESH);
    let stale = held.get().await.unwrap();
    let asked_for = tokio::time::Instant::now();
    changes.changed().await.unwrap();

    assert_eq!(current(&by_the_tick), "two");
    assert_eq!(current(&stale), "two");
    assert_eq!(
        asked_for.elapsed(),
        Duration::ZERO,
        "whoever sees a stale secret wakes the worker"
    );
    stop.cancel();
    worker.await.unwrap();
}

#[tokio::test]
async fn nothing_that_can_be_printed_holds_a_secret() {
    let (sources, clock) = standing_still();
    let source = Told::says("hunter2");
    let secrets = Secrets::with_config(source.clone(), sources, config());
    let held = secrets.open(&name("key")).await.unwrap();
    source.set_down(true);
    clock.advance(FRESH + STALE);
    let error = held.get().await.unwrap_err();

    let printed = format!("{held:?} {error:?} {error} {:?}", held.subscribe());

    assert!(!printed.contains("hunter2"), "{printed}");
    assert!(printed.contains("key"), "{printed}");
}
