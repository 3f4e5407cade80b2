//! Many tenants at once, each with a log of its own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use platform_audit::{
    Checkpoint, CheckpointInvalid, EventState, RoundStep, Sequencer, SequencerConfig, SequencerError,
    Verifiers,
};
use platform_core::pg::DbError;
use platform_core::sqlx;

use crate::support::{Trail, settle};

#[tokio::test]
async fn the_log_of_a_tenant_never_holds_an_event_of_another() {
    let trail = Trail::new().await;
    let contexts: Vec<_> = (0..5).map(|_| trail.tenant()).collect();
    let sequencer = trail.sequencer();
    let mut recorded: Vec<BTreeSet<_>> = vec![BTreeSet::new(); contexts.len()];
    for round in 0..6 {
        for (at, ctx) in contexts.iter().enumerate() {
            recorded[at].extend(trail.record_many(ctx, (at + round) % 4).await);
        }
        settle(&sequencer).await;
    }

    for (ctx, recorded) in contexts.iter().zip(&recorded) {
        // Each entry is looked at: it has to name the tenant itself.
        let proven = trail.prove_whole(ctx.tenant()).await;
        assert_eq!(&proven.events, recorded);
    }
}

#[tokio::test]
async fn a_checkpoint_of_one_tenant_is_none_of_another_though_one_key_signs_for_both() {
    let trail = Trail::new().await;
    let (ours, theirs) = (trail.tenant(), trail.tenant());
    trail.record(&ours).await;
    settle(&trail.sequencer()).await;
    let note: String = sqlx::query_scalar("select note from platform_audit.checkpoint")
        .fetch_one(&mut trail.superuser().await)
        .await
        .unwrap();

    let origin = trail.key.origin(theirs.tenant());
    let verifiers = Verifiers::from(trail.key.verifier(theirs.tenant()));
    let opened = Checkpoint::open(&note, &origin, &verifiers);

    assert!(
        matches!(opened, Err(CheckpointInvalid::Unverified(_))),
        "{opened:?}"
    );
}

#[tokio::test]
async fn a_tenant_sees_the_state_of_its_own_events_alone() {
    let trail = Trail::new().await;
    let (ours, theirs) = (trail.tenant(), trail.tenant());
    let event = trail.record(&ours).await;
    settle(&trail.sequencer()).await;

    assert_eq!(trail.state(&ours, event).await, Some(EventState::Published));
    assert_eq!(trail.state(&theirs, event).await, None);
}

/// More rounds than there are tenants to be done one by one.
const ROUNDS_MAX: usize = 2_000;

/// What rounds have done until so many events are published, however slow the machine: a statement that ran out of time is done again.
async fn published(sequencer: &Sequencer, events: usize) -> (usize, usize) {
    let (mut sequenced, mut signed, mut published) = (0, 0, 0);
    for _ in 0..ROUNDS_MAX {
        if published >= events {
            break;
        }
        match sequencer.round().await {
            Ok(round) => {
                sequenced += round.sequenced;
                signed += round.signed;
                published += round.published;
            }
            Err(SequencerError::Db(DbError::Timeout(_))) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    (sequenced, signed)
}

#[tokio::test]
async fn a_thousand_tenants_with_an_event_each_are_done_together() {
    let trail = Trail::new().await;
    let contexts: Vec<_> = (0..1_000).map(|_| trail.tenant()).collect();
    for ctx in &contexts {
        trail.record(ctx).await;
    }
    let commits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&commits);
    let sequencer = trail.sequencer().observed_by(move |step| {
        counted.fetch_add(usize::from(step == RoundStep::Committed), Ordering::Relaxed);
    });

    assert_eq!(published(&sequencer, 1_000).await, (1_000, 1_000));

    for ctx in contexts.iter().step_by(97) {
        assert_eq!(trail.prove_whole(ctx.tenant()).await.checkpoints, [1]);
    }
    // Known by now, and once more.
    for ctx in &contexts {
        trail.record(ctx).await;
    }
    assert_eq!(published(&sequencer, 1_000).await, (1_000, 1_000));
    // Not one by one: where nothing runs out of time it is one transaction for all of them.
    let commits = commits.load(Ordering::Relaxed);
    assert!((2..=40).contains(&commits), "{commits}");
}

#[tokio::test]
async fn more_tenants_than_are_kept_in_memory_go_on_all_the_same() {
    let trail = Trail::new().await;
    let contexts: Vec<_> = (0..60).map(|_| trail.tenant()).collect();
    let sequencer = trail.sequencer_with(SequencerConfig {
        trees: 16,
        ..SequencerConfig::default()
    });
    for round in 0..4 {
        for ctx in contexts.iter().skip(round % 2).step_by(2) {
            trail.record(ctx).await;
        }
        settle(&sequencer).await;
    }

    for ctx in &contexts {
        assert_eq!(trail.prove_whole(ctx.tenant()).await.checkpoints, [1, 2]);
    }
    assert_eq!(sequencer.health().complaint(), None);
}

#[tokio::test]
async fn a_tenant_with_a_large_backlog_does_not_keep_the_others_waiting() {
    let trail = Trail::new().await;
    let large = trail.tenant();
    trail.record_many(&large, 300).await;
    let small: Vec<_> = (0..9).map(|_| trail.tenant()).collect();
    let mut events = Vec::new();
    for ctx in &small {
        events.push(trail.record(ctx).await);
    }
    let sequencer = trail.sequencer_with(SequencerConfig {
        batch_max: 50,
        ..SequencerConfig::default()
    });

    let round = sequencer.round().await.unwrap();

    // Nine got their one, and what they left of their shares went to the large one.
    assert_eq!((round.sequenced, round.more), (50, true));
    for (ctx, event) in small.iter().zip(events) {
        assert_eq!(trail.state(ctx, event).await, Some(EventState::Published));
    }
    assert_eq!(trail.prove(large.tenant()).await.size, 41);
    settle(&sequencer).await;
    assert_eq!(trail.prove_whole(large.tenant()).await.size, 300);
}

#[tokio::test]
async fn with_more_tenants_than_a_batch_holds_each_has_its_turn() {
    let trail = Trail::new().await;
    let contexts: Vec<_> = (0..25).map(|_| trail.tenant()).collect();
    let sequencer = trail.sequencer_with(SequencerConfig {
        batch_max: 10,
        ..SequencerConfig::default()
    });
    for ctx in &contexts {
        trail.record_many(ctx, 10).await;
    }

    for _ in 0..3 {
        sequencer.round().await.unwrap();
    }

    for ctx in &contexts {
        let size = trail.prove(ctx.tenant()).await.size;
        assert!((1..=2).contains(&size), "{size}");
    }
    settle(&sequencer).await;
    for ctx in &contexts {
        assert_eq!(trail.prove_whole(ctx.tenant()).await.size, 10);
    }
}

#[tokio::test]
async fn a_backlog_larger_than_a_batch_is_taken_in_order() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let mut ids = Vec::new();
    for _ in 0..25 {
        ids.extend(trail.record_in_turn(&ctx, 20).await);
    }
    let sequencer = trail.sequencer_with(SequencerConfig {
        batch_max: 60,
        ..SequencerConfig::default()
    });

    settle(&sequencer).await;

    let order: Vec<platform_audit::EventId> =
        sqlx::query_scalar("select id from platform_audit.leaf order by seq")
            .fetch_all(&mut trail.superuser().await)
            .await
            .unwrap();
    assert_eq!(order, ids);
    assert_eq!(trail.prove_whole(ctx.tenant()).await.size, 500);
}

#[tokio::test]
async fn unsigned_leaves_of_an_earlier_process_are_looked_at_before_they_are_signed() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    trail.record(&ctx).await;
    settle(&sequencer).await;
    // So many as are not looked at in one round, and none of them signed.
    let marks = trail.folder.path().join("elsewhere");
    std::fs::rename(trail.marks_folder(), &marks).unwrap();
    for _ in 0..21 {
        trail.record_many(&ctx, 1_000).await;
    }
    settle(&sequencer).await;
    assert_eq!(trail.prove(ctx.tenant()).await.checkpoints, [1]);
    std::fs::rename(marks, trail.marks_folder()).unwrap();

    trail
        .sql("update platform_audit.lease set until = clock_timestamp()")
        .await;
    let next = trail.sequencer();
    settle(&next).await;

    assert_eq!(next.health().complaint(), None);
    assert_eq!(trail.prove_whole(ctx.tenant()).await.checkpoints, [1, 21_001]);
}
