//! Several processes over one database.

use std::num::NonZeroU8;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use platform_audit::{RoundStep, Sequencer, SequencerConfig};
use platform_core::TenantId;
use platform_core::sqlx;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::support::{Trail, settle};

const EXPIRE: &str = "update platform_audit.lease set until = clock_timestamp() - interval '1 second'";

#[tokio::test]
async fn one_process_holds_the_lease_and_the_other_waits() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let (first, second) = (trail.sequencer(), trail.sequencer());
    assert_eq!(first.round().await.unwrap().shards, 1);

    trail.record(&ctx).await;
    let idle = second.round().await.unwrap();
    assert_eq!((idle.shards, idle.sequenced), (0, 0));
    trail.sql(EXPIRE).await;
    let taken = second.round().await.unwrap();

    assert_eq!((taken.shards, taken.sequenced), (1, 1));
    // The first one finds out when it wants to write.
    trail.record(&ctx).await;
    assert_eq!(first.round().await.unwrap().shards, 0);
    assert_eq!(settle(&second).await.sequenced, 1);
    assert_eq!(trail.prove_whole(ctx.tenant()).await.size, 2);
}

#[tokio::test]
async fn a_lease_that_has_run_out_is_kept_until_somebody_takes_it() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    trail.record(&ctx).await;
    sequencer.round().await.unwrap();

    trail.sql(EXPIRE).await;
    trail.record(&ctx).await;
    let round = sequencer.round().await.unwrap();

    assert_eq!((round.shards, round.signed), (1, 1));
    let renewed = trail
        .count("platform_audit.lease where until > clock_timestamp() and epoch = 0")
        .await;
    assert_eq!(renewed, 1);
}

/// One row at a time, so that those who do so do not wait for each other in a circle.
async fn expire_one(trail: &Trail, shard: usize) {
    trail.sql(&format!("{EXPIRE} where shard = {shard}")).await;
}

/// A round of a process that stands still at one step, for as long as the test likes.
struct Standing {
    at: oneshot::Receiver<()>,
    go_on: std::sync::mpsc::Sender<()>,
    round: tokio::task::JoinHandle<platform_audit::Round>,
}

impl Standing {
    /// Begins a round that stops before what follows `step`.
    async fn before(sequencer: Sequencer, step: RoundStep) -> Self {
        let (arrived, at) = oneshot::channel();
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let arrived = std::sync::Mutex::new(Some(arrived));
        let wait = std::sync::Mutex::new(wait);
        let sequencer = sequencer.observed_by(move |now| {
            if now == step
                && let Some(arrived) = arrived.lock().unwrap().take()
            {
                let _ = arrived.send(());
                let _ = tokio::task::block_in_place(|| wait.lock().unwrap().recv());
            }
        });
        let round = tokio::spawn(async move { sequencer.round().await.unwrap() });
        Self { at, go_on, round }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_takes_a_lease_from_under_an_open_transaction() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    trail.record(&ctx).await;
    let standing = Standing::before(trail.sequencer(), RoundStep::Appended).await;
    standing.at.await.unwrap();
    // Its time is over by the clock, though not by a superuser's update, which would wait for it.
    let other = trail.sequencer();

    let meanwhile = other.round().await.unwrap();
    standing.go_on.send(()).unwrap();
    let round = standing.round.await.unwrap();

    assert_eq!((meanwhile.shards, meanwhile.sequenced), (0, 0));
    assert_eq!((round.sequenced, round.signed), (1, 1));
    assert_eq!(trail.prove_whole(ctx.tenant()).await.size, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_lost_its_lease_between_two_transactions_writes_nothing_more() {
    for step in [RoundStep::Committed, RoundStep::Stored, RoundStep::Noted] {
        let trail = Trail::new().await;
        let ctx = trail.tenant();
        trail.record(&ctx).await;
        let standing = Standing::before(trail.sequencer(), step).await;
        standing.at.await.unwrap();

        trail.sql(EXPIRE).await;
        let other = trail.sequencer();
        assert_eq!(other.round().await.unwrap().shards, 1, "{step:?}");
        let before = (
            trail.prove(ctx.tenant()).await,
            trail
                .count("platform_audit.checkpoint where published_at is not null")
                .await,
        );
        standing.go_on.send(()).unwrap();
        let round = standing.round.await.unwrap();

        // After the last step it has nothing left to write, and has yet to find out.
        assert_eq!(round.shards, usize::from(step == RoundStep::Noted), "{step:?}");
        let after = (
            trail.prove(ctx.tenant()).await,
            trail
                .count("platform_audit.checkpoint where published_at is not null")
                .await,
        );
        assert_eq!(before, after, "{step:?}");
        trail.record(&ctx).await;
        settle(&other).await;
        assert_eq!(trail.prove_whole(ctx.tenant()).await.size, 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_whose_epoch_is_gone_cannot_write_though_it_was_about_to() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    trail.record(&ctx).await;
    sequencer.round().await.unwrap();
    trail.record(&ctx).await;

    trail
        .sql("update platform_audit.lease set epoch = epoch + 1")
        .await;
    let round = sequencer.round().await.unwrap();

    assert_eq!((round.shards, round.sequenced, round.signed), (0, 0, 0));
    assert_eq!(trail.prove(ctx.tenant()).await.size, 1);
}

/// Two and then more sequencers work on the same tenants while events are recorded, leases are taken away, and shares are counted
/// differently; in the end there is one tree for each tenant.
async fn contend(configs: Vec<SequencerConfig>) {
    const TENANTS: usize = 4;
    const EVENTS: usize = 120;
    let trail = Arc::new(Trail::new().await);
    let contexts: Vec<_> = (0..TENANTS).map(|_| trail.tenant()).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let worked: Arc<[AtomicBool]> = configs.iter().map(|_| AtomicBool::new(false)).collect();
    let sequencers: Vec<_> = configs
        .into_iter()
        .enumerate()
        .map(|(at, config)| {
            let (sequencer, stop) = (trail.sequencer_with(config), Arc::clone(&stop));
            let worked = Arc::clone(&worked);
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    // A round that lost against another one is tried again.
                    if sequencer.round().await.is_ok_and(|round| round.sequenced > 0) {
                        worked[at].store(true, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    let writers: Vec<_> = contexts
        .iter()
        .map(|ctx| {
            let (trail, ctx) = (Arc::clone(&trail), ctx.clone());
            tokio::spawn(async move {
                for at in 0..EVENTS {
                    trail.record(&ctx).await;
                    if at.is_multiple_of(5) {
                        expire_one(&trail, at / 5 % 3).await;
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    // However the machine shares its time: until they have contended.
    let mut recorded = EVENTS;
    let contending = async {
        while worked.iter().filter(|one| one.load(Ordering::Relaxed)).count() < 2
            || changes(&trail).await <= 5
        {
            for ctx in &contexts {
                trail.record(ctx).await;
            }
            recorded += 1;
            for shard in 0..3 {
                expire_one(&trail, shard).await;
            }
        }
    };
    timeout(Duration::from_secs(60), contending).await.unwrap();
    while trail.count("platform_audit.pending").await > 0 {
        for shard in 0..3 {
            expire_one(&trail, shard).await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    for sequencer in sequencers {
        sequencer.await.unwrap();
    }

    trail.sql(EXPIRE).await;
    settle(&trail.sequencer()).await;
    for ctx in &contexts {
        let proven = trail.prove_whole(ctx.tenant()).await;
        assert_eq!(proven.size, u64::try_from(recorded).unwrap());
    }
}

/// How often leases have changed hands.
async fn changes(trail: &Trail) -> i64 {
    sqlx::query_scalar("select coalesce(sum(epoch), 0)::bigint from platform_audit.lease")
        .fetch_one(&mut trail.superuser().await)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_processes_that_take_leases_from_each_other_make_one_tree_without_gaps() {
    contend(vec![SequencerConfig::default(); 3]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn even_processes_that_count_shares_differently_make_one_tree_without_gaps() {
    let of = |shards| SequencerConfig {
        shards: NonZeroU8::new(shards).unwrap(),
        ..SequencerConfig::default()
    };
    contend(vec![of(1), of(2), of(3)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_tenant_that_two_processes_meet_at_a_time_is_not_taken_for_a_broken_one() {
    let trail = Trail::new().await;
    let config = SequencerConfig {
        shards: NonZeroU8::new(3).unwrap(),
        ..SequencerConfig::default()
    };
    let (first, second) = (trail.sequencer(), trail.sequencer_with(config));
    first.round().await.unwrap();
    for _ in 0..3 {
        second.round().await.unwrap();
    }
    assert_eq!(second.health().shards.len(), 2);
    // Both think that it is theirs.
    let of_both =
        |ctx: &platform_core::RequestContext| !ctx.tenant().as_uuid().as_bytes()[15].is_multiple_of(3);
    let ctx = (0..1_000).map(|_| trail.tenant()).find(of_both).unwrap();
    trail.record(&ctx).await;

    let standing = Standing::before(first, RoundStep::Appended).await;
    standing.at.await.unwrap();
    let meanwhile = {
        let second = second.clone();
        tokio::spawn(async move { second.round().await })
    };
    // It does not look at a tree that it has not locked, also when there is none yet.
    let waiting = "pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
                   and query like 'insert into platform_audit.tree%'";
    let waits = async { while trail.count(waiting).await < 1 {} };
    timeout(Duration::from_secs(30), waits).await.unwrap();
    standing.go_on.send(()).unwrap();
    // It may have lost against the other one.
    let _ = meanwhile.await.unwrap();
    standing.round.await.unwrap();
    settle(&second).await;

    assert_eq!(second.health().complaint(), None);
    assert_eq!(trail.marks().get(ctx.tenant()).unwrap().refused, None);
    assert_eq!(trail.prove_whole(ctx.tenant()).await.size, 1);
}

#[tokio::test]
async fn processes_that_start_together_share_the_tenants() {
    let trail = Trail::new().await;
    let config = SequencerConfig {
        shards: NonZeroU8::new(4).unwrap(),
        ..SequencerConfig::default()
    };
    let (first, second) = (trail.sequencer_with(config), trail.sequencer_with(config));
    for _ in 0..3 {
        first.round().await.unwrap();
        second.round().await.unwrap();
    }
    let held = |sequencer: &Sequencer| sequencer.health().shards;
    assert_eq!((held(&first).len(), held(&second).len()), (2, 2));
    let contexts: Vec<_> = (0..40).map(|_| trail.tenant()).collect();
    for ctx in &contexts {
        trail.record(ctx).await;
    }

    let (by_first, by_second) = (settle(&first).await.sequenced, settle(&second).await.sequenced);

    let of = |shards: Vec<u8>| {
        let share = |tenant: TenantId| tenant.as_uuid().as_bytes()[15] % 4;
        contexts
            .iter()
            .filter(|ctx| shards.contains(&share(ctx.tenant())))
            .count()
    };
    assert_eq!((by_first, by_second), (of(held(&first)), of(held(&second))));
    assert_eq!(by_first + by_second, 40);
    for ctx in &contexts {
        assert_eq!(trail.prove_whole(ctx.tenant()).await.size, 1);
    }
}
