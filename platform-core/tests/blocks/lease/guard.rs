//! Guards, in time that is Tokio's and stands still.

use std::time::Duration;

use platform_core::lease::{Guard, Lease, LeaseName, Leases, Term};
use tokio::time::{Instant, sleep};

use super::support::{Flaky, holder, sources, ttl};

const LASTS_S: u64 = 12;

struct Set {
    backend: Flaky,
    leases: Leases,
    name: LeaseName,
    term: Term,
}

impl Set {
    fn up() -> Self {
        let sources = sources();
        let backend = Flaky::new(&sources);
        Self {
            leases: Leases::new(backend.clone(), &sources),
            backend,
            name: LeaseName::platform("a").unwrap(),
            term: Term::lasting(ttl(LASTS_S)).with_margin(Duration::from_secs(3)),
        }
    }

    async fn take(&self) -> Option<Lease> {
        let me = holder("me");
        let asked = self.leases.try_acquire(&self.name, ttl(LASTS_S), &me);
        asked.await.unwrap()
    }

    async fn guard(&self) -> Guard {
        Guard::keep(&self.leases, self.take().await.unwrap(), self.term)
    }
}

#[tokio::test(start_paused = true)]
async fn a_guard_keeps_its_lease_for_longer_than_it_lasts() {
    let set = Set::up();
    let guard = set.guard().await;

    sleep(Duration::from_secs(LASTS_S * 10)).await;

    assert!(guard.is_held());
    assert_eq!(set.take().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_guard_stops_a_margin_before_the_end_when_the_backend_is_away() {
    let set = Set::up();
    let begun = Instant::now();
    let guard = set.guard().await;
    set.backend.set_away(true);

    guard.lost().cancelled().await;

    assert_eq!(begun.elapsed(), Duration::from_secs(LASTS_S - 3));
    assert!(!guard.is_held());
}

#[tokio::test(start_paused = true)]
async fn a_guard_stops_a_margin_before_the_end_when_the_backend_does_not_answer() {
    let set = Set::up();
    let begun = Instant::now();
    let guard = set.guard().await;
    set.backend.set_silent(true);

    guard.lost().cancelled().await;

    assert_eq!(begun.elapsed(), Duration::from_secs(LASTS_S - 3));
}

#[tokio::test(start_paused = true)]
async fn a_guard_survives_a_backend_that_is_away_for_less_than_a_lease() {
    let set = Set::up();
    let guard = set.guard().await;

    for _ in 0..5 {
        set.backend.set_away(true);
        sleep(Duration::from_secs(6)).await;
        set.backend.set_away(false);
        sleep(Duration::from_secs(6)).await;
        assert!(guard.is_held());
    }

    assert_eq!(set.take().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_guard_notices_that_its_lease_was_ended() {
    let set = Set::up();
    let guard = set.guard().await;
    let begun = Instant::now();

    set.leases.release(guard.lease()).await.unwrap();
    guard.lost().cancelled().await;

    // At the next renewal.
    assert_eq!(begun.elapsed(), Duration::from_secs(LASTS_S / 3));
}

#[tokio::test(start_paused = true)]
async fn stepping_down_frees_the_lease_at_once() {
    let set = Set::up();
    let guard = set.guard().await;
    let (token, lost) = (guard.token(), guard.lost().clone());

    guard.step_down().await.unwrap();

    assert!(lost.is_cancelled());
    assert!(set.take().await.unwrap().token > token);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_guard_renews_nothing_and_its_lease_ends_by_itself() {
    let set = Set::up();
    let guard = set.guard().await;
    let lost = guard.lost().clone();

    drop(guard);
    lost.cancelled().await;
    let at_once = set.take().await;
    sleep(Duration::from_secs(LASTS_S)).await;

    assert_eq!(at_once, None);
    assert!(set.take().await.is_some());
}
