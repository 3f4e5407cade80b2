use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use platform_core::Sources;
use time::macros::datetime;
use tokio::sync::Barrier;

use super::*;

const NOW: Timestamp = datetime!(2026-01-02 03:04:05 UTC);
const GOOD_FOR: Duration = Duration::from_secs(1);

/// A credential that says how often it has been read.
#[derive(Debug)]
struct Read {
    owner: PrincipalId,
    times: usize,
    /// Is over from this instant on.
    until: Timestamp,
}

impl Credential for Read {
    fn owner(&self) -> PrincipalId {
        self.owner
    }

    fn weight(&self) -> u32 {
        1
    }

    fn may_be_kept(&self, now: Timestamp) -> bool {
        now < self.until
    }
}

struct World {
    cache: CredentialCache<Read>,
    marks: Arc<Marks>,
    key: CredentialKey,
    owner: PrincipalId,
    reads: AtomicUsize,
}

impl World {
    fn new() -> Arc<Self> {
        Self::remembering(GOOD_FOR)
    }

    fn remembering(age_max: Duration) -> Arc<Self> {
        let (sources, marks) = (Sources::system(), Arc::new(Marks::new()));
        Arc::new(Self {
            cache: CredentialCache::new(100, age_max, &marks),
            marks,
            key: CredentialKey {
                tenant: TenantId::generate(&sources),
                hash: [7; 32],
            },
            owner: PrincipalId::generate(&sources),
            reads: AtomicUsize::new(0),
        })
    }

    async fn read(&self) -> Result<Option<Read>, &'static str> {
        Ok(Some(Read {
            owner: self.owner,
            times: self.reads.fetch_add(1, Ordering::SeqCst) + 1,
            until: NOW + 10 * GOOD_FOR,
        }))
    }

    async fn get(&self, now: Timestamp) -> usize {
        let got = self.cache.get(self.key, now, self.read()).await;
        got.unwrap().unwrap().times
    }
}

#[tokio::test]
async fn what_was_read_counts_up_to_its_age_and_not_at_it() {
    let world = World::new();

    assert_eq!(world.get(NOW).await, 1);
    assert_eq!(world.get(NOW + GOOD_FOR - Duration::from_millis(1)).await, 1);
    assert_eq!(world.get(NOW + GOOD_FOR).await, 2);
    // The clock was set back.
    assert_eq!(world.get(NOW).await, 3);
}

#[tokio::test]
async fn who_began_a_moment_before_the_one_that_read_does_not_read_again() {
    let world = World::new();

    assert_eq!(world.get(NOW + AHEAD_MAX).await, 1);
    assert_eq!(world.get(NOW).await, 1);
    assert_eq!(world.get(NOW - Duration::from_millis(1)).await, 2);
}

#[tokio::test]
async fn what_is_marked_about_the_owner_or_the_tenant_is_seen_at_once_and_nothing_else_is() {
    let world = World::new();
    let stranger = PrincipalId::generate(&Sources::system());
    assert_eq!(world.get(NOW).await, 1);

    world.marks.mark(world.owner.as_uuid());
    assert_eq!(world.get(NOW).await, 2);
    world.marks.mark(world.key.tenant.as_uuid());
    assert_eq!(world.get(NOW).await, 3);
    // Two of some thousand share a mark.
    if Slot::of(stranger.as_uuid()) != Slot::of(world.owner.as_uuid())
        && Slot::of(stranger.as_uuid()) != Slot::of(world.key.tenant.as_uuid())
    {
        world.marks.mark(stranger.as_uuid());
        assert_eq!(world.get(NOW).await, 3);
    }
    world.marks.mark_everything();
    assert_eq!(world.get(NOW).await, 4);
}

#[tokio::test]
async fn what_was_read_before_a_change_that_came_between_is_not_used_again() {
    let world = World::new();
    let late = async {
        let read = world.read().await;
        world.marks.mark(world.owner.as_uuid());
        read
    };

    let got = world.cache.get(world.key, NOW, late).await;

    assert_eq!(got.unwrap().unwrap().times, 1, "who asked before the change");
    assert_eq!(world.get(NOW).await, 2, "who asks after it");
}

#[tokio::test]
async fn what_is_over_is_asked_about_anew_while_it_is_young() {
    let world = World::new();
    let short = async {
        let read = world.read().await?;
        Ok::<_, &str>(read.map(|read| Read {
            until: NOW + GOOD_FOR / 2,
            ..read
        }))
    };
    assert_eq!(
        world
            .cache
            .get(world.key, NOW, short)
            .await
            .unwrap()
            .unwrap()
            .times,
        1
    );

    assert_eq!(world.get(NOW + GOOD_FOR / 2 - Duration::from_millis(1)).await, 1);
    assert_eq!(world.get(NOW + GOOD_FOR / 2).await, 2);
}

#[tokio::test]
async fn however_many_ask_one_reads() {
    let world = World::new();
    let all_ask = Arc::new(Barrier::new(33));

    let asking: Vec<_> = (0..32)
        .map(|_| {
            let (world, all_ask) = (world.clone(), all_ask.clone());
            tokio::spawn(async move {
                let slow = async {
                    tokio::task::yield_now().await;
                    all_ask.wait().await;
                    world.read().await
                };
                let got = world.cache.get(world.key, NOW, slow).await;
                got.unwrap().unwrap().times
            })
        })
        .collect();
    // The one that reads waits for this; 31 others never do, so that only a reset of the barrier would let a second one through.
    for _ in 0..32 {
        let all_ask = all_ask.clone();
        tokio::spawn(async move { all_ask.wait().await });
    }

    for asked in asking {
        assert_eq!(asked.await.unwrap(), 1);
    }
    assert_eq!(world.reads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn with_no_age_every_request_reads_for_itself() {
    let world = World::remembering(Duration::ZERO);

    assert_eq!(world.get(NOW).await, 1);
    assert_eq!(world.get(NOW).await, 2);
    let gate = Barrier::new(2);
    let at_the_same_time = async || {
        let read = async {
            gate.wait().await;
            world.read().await
        };
        world
            .cache
            .get(world.key, NOW, read)
            .await
            .unwrap()
            .unwrap()
            .times
    };
    let (one, other) = tokio::join!(at_the_same_time(), at_the_same_time());
    assert_ne!(one, other);
}

#[tokio::test]
async fn what_cannot_be_read_is_no_answer_and_is_tried_again() {
    let world = World::new();
    assert_eq!(world.get(NOW).await, 1);
    let failing = async { Err("gone") };

    let got = world.cache.get(world.key, NOW + GOOD_FOR, failing).await;

    assert!(matches!(got, Err(NotLookedUp::Failed("gone"))));
    assert_eq!(world.get(NOW + GOOD_FOR).await, 2);
}

#[tokio::test]
async fn nothing_is_kept_of_what_nobody_has() {
    let world = World::new();
    let nothing = async || Ok::<_, &str>(None);

    let got = world.cache.get(world.key, NOW, nothing()).await;

    assert!(got.unwrap().is_none());
    world.cache.entries.run_pending_tasks();
    assert_eq!(world.cache.entries.entry_count(), 0);
    assert!(world.cache.flights.is_empty());
}

#[tokio::test]
async fn that_there_was_nothing_is_no_answer_to_who_asks_after_a_change() {
    let world = World::new();
    let (asked, answer) = (Barrier::new(2), Barrier::new(2));
    let before = async {
        let nothing = async {
            asked.wait().await;
            answer.wait().await;
            Ok::<_, &str>(None)
        };
        world.cache.get(world.key, NOW, nothing).await.unwrap().is_none()
    };
    let after = async {
        asked.wait().await;
        world.marks.mark(world.key.tenant.as_uuid());
        let mut waiting = Box::pin(world.get(NOW));
        assert!(futures::poll!(&mut waiting).is_pending());
        answer.wait().await;
        waiting.await
    };

    let (nothing, found) = tokio::join!(before, after);

    assert!(nothing, "who asked before the change");
    assert_eq!(found, 1, "who asks after it");
}

#[tokio::test]
async fn when_the_one_that_reads_goes_away_another_does() {
    let world = World::new();
    let never = std::future::pending::<Result<Option<Read>, &str>>();
    let mut gone = Box::pin(world.cache.get(world.key, NOW, never));
    assert!(futures::poll!(&mut gone).is_pending());
    let mut waiting = Box::pin(world.get(NOW));
    assert!(futures::poll!(&mut waiting).is_pending());

    drop(gone);

    assert_eq!(waiting.await, 1);
    assert!(world.cache.flights.is_empty());
}
