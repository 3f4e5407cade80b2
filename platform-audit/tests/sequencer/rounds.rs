//! What a round does when nothing is wrong.

use platform_audit::{EventState, Round, Sequencer, SequencerConfig};
use platform_core::sqlx;

use crate::support::{Trail, event, settle};

#[tokio::test]
async fn an_event_is_recorded_then_sequenced_signed_and_published() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    let event = trail.record(&ctx).await;
    assert_eq!(trail.state(&ctx, event).await, Some(EventState::Recorded));

    let round = sequencer.round().await.unwrap();

    assert_eq!(
        round,
        Round {
            shards: 1,
            sequenced: 1,
            signed: 1,
            published: 1,
            ..Round::default()
        }
    );
    assert_eq!(trail.state(&ctx, event).await, Some(EventState::Published));
    let proven = trail.prove_whole(ctx.tenant()).await;
    assert_eq!(proven.checkpoints, [1]);
    assert_eq!(sequencer.health().complaint(), None);
}

#[tokio::test]
async fn rounds_without_events_leave_everything_as_it_was() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    trail.record(&ctx).await;
    settle(&sequencer).await;

    for _ in 0..3 {
        let round = sequencer.round().await.unwrap();
        assert_eq!(
            round,
            Round {
                shards: 1,
                ..Round::default()
            }
        );
    }

    assert_eq!(trail.prove_whole(ctx.tenant()).await.checkpoints, [1]);
}

#[tokio::test]
async fn a_tree_grows_over_many_rounds_and_every_head_is_a_prefix_of_the_next() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    let mut expected = Vec::new();
    let mut size = 0;
    for count in [1, 2, 252, 1, 1, 255, 300, 7] {
        trail.record_many(&ctx, count).await;
        sequencer.round().await.unwrap();
        size += u64::try_from(count).unwrap();
        expected.push(size);
    }

    let proven = trail.prove_whole(ctx.tenant()).await;

    assert_eq!(proven.checkpoints, expected);
}

#[tokio::test]
async fn an_event_that_is_committed_late_is_sequenced_once_and_none_is_skipped() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    // A takes its id, its transaction and its time first, and commits last.
    let mut late = trail.test.db().begin(&ctx).await.unwrap();
    let first = trail.audit.record(&mut late, &ctx, event()).await.unwrap();
    let second = trail.record(&ctx).await;

    sequencer.round().await.unwrap();
    assert_eq!(trail.state(&ctx, second).await, Some(EventState::Published));
    assert_eq!(trail.state(&ctx, first).await, None);
    late.commit().await.unwrap();
    assert_eq!(trail.state(&ctx, first).await, Some(EventState::Recorded));
    sequencer.round().await.unwrap();

    assert_eq!(trail.state(&ctx, first).await, Some(EventState::Published));
    let proven = trail.prove_whole(ctx.tenant()).await;
    assert_eq!(proven.checkpoints, [1, 2]);
    assert_eq!(settle(&sequencer).await.sequenced, 0);
}

#[tokio::test]
async fn an_event_that_is_rolled_back_never_gets_a_place() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    let mut tx = trail.test.db().begin(&ctx).await.unwrap();
    let event = trail.audit.record(&mut tx, &ctx, event()).await.unwrap();

    tx.rollback().await.unwrap();
    settle(&sequencer).await;

    assert_eq!(trail.state(&ctx, event).await, None);
    assert_eq!(trail.prove_whole(ctx.tenant()).await.size, 0);
}

#[tokio::test]
async fn within_a_batch_the_older_event_comes_first() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let ids = trail.record_in_turn(&ctx, 50).await;
    let later = trail.record_in_turn(&ctx, 50).await;

    settle(&trail.sequencer()).await;

    let mut database = trail.superuser().await;
    let order: Vec<platform_audit::EventId> =
        platform_core::sqlx::query_scalar("select id from platform_audit.leaf order by seq")
            .fetch_all(&mut database)
            .await
            .unwrap();
    assert_eq!(order, [ids, later].concat());
}

#[tokio::test]
async fn a_new_process_goes_on_with_the_trees_of_the_one_before() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    for round in 0..3 {
        trail.record_many(&ctx, 100 + round).await;
        let sequencer = trail.sequencer();
        // The one before has not given its lease back.
        trail
            .sql("update platform_audit.lease set until = clock_timestamp()")
            .await;
        let round = sequencer.round().await.unwrap();
        assert_eq!((round.shards, round.signed), (1, 1));
    }

    assert_eq!(trail.prove_whole(ctx.tenant()).await.checkpoints, [100, 201, 303]);
}

#[tokio::test]
async fn what_was_prepared_while_a_month_was_empty_does_not_go_through_all_of_it_once_it_is_full() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    // One connection, so that every statement is one that was prepared before.
    let db = trail.test.connect_with(1).await;
    let sequencer = Sequencer::new(&db, &trail.key, trail.marks(), SequencerConfig::default());
    for _ in 0..10 {
        trail.record(&ctx).await;
        settle(&sequencer).await;
    }
    trail.record_many(&ctx, 3_000).await;
    settle(&sequencer).await;

    // What was counted is told when a connection ends.
    let mut superuser = trail.superuser().await;
    sqlx::query(
        "select pg_terminate_backend(pid, 10000) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'",
    )
    .execute(&mut superuser)
    .await
    .unwrap();
    let (inserted, read): (i64, i64) = sqlx::query_as(
        "select sum(n_tup_ins)::bigint, sum(coalesce(idx_tup_fetch, 0) + seq_tup_read)::bigint from pg_stat_user_tables
         where schemaname = 'platform_audit' and relname like 'event%'",
    )
    .fetch_one(&mut superuser)
    .await
    .unwrap();
    assert_eq!(inserted, 3_010);
    assert!(read < 30_000, "{read}");
}
