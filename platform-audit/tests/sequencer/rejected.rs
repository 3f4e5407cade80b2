//! Events that are not what a program recorded.

use std::time::Duration;

use platform_audit::{AwaitError, EventId, EventState, Rejection, Sequencer};
use platform_core::sqlx::{self, AssertSqlSafe};
use platform_core::{RequestContext, TenantId};

use crate::support::{Trail, settle};
use crate::unsealed::UNTIL_SEALED;

/// Every reason that is noted for a tenant, with its event.
pub(crate) async fn rejected(trail: &Trail, tenant: TenantId) -> Vec<(EventId, String)> {
    sqlx::query_as("select id, reason from platform_audit.rejected where tenant_id = $1 order by id, reason")
        .bind(tenant)
        .fetch_all(&mut trail.superuser().await)
        .await
        .unwrap()
}

/// The event was kept out for this reason, and what was recorded around it was not.
pub(crate) async fn only_it_is_rejected(
    trail: &Trail,
    ctx: &RequestContext,
    sequencer: &Sequencer,
    (event, reason): (EventId, Rejection),
    others: &[EventId],
) {
    let round = settle(sequencer).await;

    assert_eq!((round.rejected, round.sequenced), (1, others.len()), "{reason}");
    assert_eq!(
        rejected(trail, ctx.tenant()).await,
        [(event, reason.as_str().to_owned())]
    );
    assert_eq!(trail.state(ctx, event).await, Some(EventState::Rejected));
    for other in others {
        assert_eq!(trail.state(ctx, *other).await, Some(EventState::Published));
    }
    assert!(!trail.prove(ctx.tenant()).await.events.contains(&event));
    assert_eq!(trail.count("platform_audit.pending").await, 0);
    assert_eq!(sequencer.metrics().rejected_for(reason), 1);
}

#[tokio::test]
async fn an_event_that_was_deleted_before_it_was_sequenced_is_missed() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let ids = trail.record_many(&ctx, 3).await;
    trail
        .tamper(&format!(
            "delete from platform_audit.event where id = '{}'",
            ids[1]
        ))
        .await;

    let sequencer = trail.sequencer();

    only_it_is_rejected(
        &trail,
        &ctx,
        &sequencer,
        (ids[1], Rejection::EventMissing),
        &[ids[0], ids[2]],
    )
    .await;
}

#[tokio::test]
async fn an_event_that_was_changed_before_it_was_sequenced_gets_no_place() {
    for change in [
        "outcome = 'failure'",
        "actor_id = gen_random_uuid()",
        "counter = counter + 1",
        "seal = sha256('')",
        "visibility = 'platform'",
        "id = gen_random_uuid()",
    ] {
        let trail = Trail::new().await;
        let ctx = trail.tenant();
        let ids = trail.record_many(&ctx, 3).await;
        // An event that is renamed is taken along on the work list.
        trail
            .tamper(&format!(
                "with changed as (update platform_audit.event set {change} where id = '{0}' returning id)
                 update platform_audit.pending set id = changed.id from changed where pending.id = '{0}'",
                ids[1]
            ))
            .await;
        let changed = trail.recorded(ctx.tenant()).await;
        let event = changed
            .into_iter()
            .find(|id| *id != ids[0] && *id != ids[2])
            .unwrap();

        let sequencer = trail.sequencer();

        only_it_is_rejected(
            &trail,
            &ctx,
            &sequencer,
            (event, Rejection::SealWrong),
            &[ids[0], ids[2]],
        )
        .await;
    }
}

#[tokio::test]
async fn what_the_database_adds_is_no_part_of_the_seal() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    trail.record(&ctx).await;
    trail
        .tamper("update platform_audit.event set recorded_at = recorded_at - interval '1 hour'")
        .await;

    assert_eq!(settle(&trail.sequencer()).await.sequenced, 1);
}

#[tokio::test]
async fn an_event_that_is_inserted_again_does_not_keep_the_others_waiting() {
    let trail = Trail::new().await;
    let (ctx, other) = (trail.tenant(), trail.tenant());
    let sequencer = trail.sequencer();
    let event = trail.record(&ctx).await;
    settle(&sequencer).await;
    let others = trail.record(&other).await;
    trail
        .tamper(&format!(
            "create temp table kept as select * from platform_audit.event where id = '{event}';
             delete from platform_audit.event where id = '{event}';
             insert into platform_audit.event select * from kept"
        ))
        .await;

    let round = sequencer.round().await.unwrap();

    // In one batch: one that fails, so that each tenant is tried by itself, has more to do.
    assert_eq!((round.rejected, round.sequenced, round.more), (1, 1, false));
    assert_eq!(trail.state(&other, others).await, Some(EventState::Published));
    assert_eq!(
        rejected(&trail, ctx.tenant()).await,
        [(event, "sequenced_already".to_owned())]
    );
    assert_eq!(trail.prove(ctx.tenant()).await.size, 1);
}

/// Inserts an event as a program could that goes round the library, with these values in place of sound ones.
async fn insert_raw(trail: &Trail, ctx: &RequestContext, column: &str, value: &str) -> EventId {
    let id = EventId::generate(trail.test.sources());
    let sound = [
        ("occurred_at", "now()"),
        ("action", "'parcel.send'"),
        ("outcome", "'success'"),
        ("actor_kind", "'system'"),
        ("request_id", "gen_random_uuid()"),
        ("trace_id", "repeat('a', 32)"),
    ];
    let mut columns = vec![("id", format!("'{id}'"))];
    columns.extend(sound.iter().map(|(name, value)| (*name, (*value).to_owned())));
    columns.retain(|(name, _)| *name != column);
    columns.push((column, value.to_owned()));
    let (names, values): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let sql = format!(
        "insert into platform_audit.event ({}) values ({})",
        names.join(", "),
        values.join(", ")
    );
    let mut tx = trail.test.db().begin(ctx).await.unwrap();
    sqlx::query(AssertSqlSafe(sql)).execute(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    id
}

#[tokio::test]
async fn a_poisoned_row_does_not_hold_up_those_behind_it() {
    for (column, value) in [
        ("occurred_at", "'infinity'"),
        ("occurred_at", "'-infinity'"),
        ("occurred_at", "timestamptz '200000-01-01 00:00 UTC'"),
        ("occurred_at", "timestamptz '0044-03-15 00:00 UTC BC'"),
        ("targets", "'[1]'"),
        ("targets", "'[{\"kind\": \"parcel\"}]'"),
        ("targets", "'[{\"kind\": \"parcel\", \"id\": \"p-1\"}]'"),
        ("detail", "'1e-9000'"),
        ("detail", "(repeat('[', 2000) || repeat(']', 2000))::jsonb"),
        ("changes", "jsonb_build_object('a', repeat('x', 65400), 'b', 1)"),
        ("retention", "'x'"),
    ] {
        let trail = Trail::new().await;
        let ctx = trail.tenant();
        let poisoned = insert_raw(&trail, &ctx, column, value).await;
        let others = trail.record_many(&ctx, 2).await;
        let sequencer = trail.sequencer_with(UNTIL_SEALED);

        settle(&sequencer).await;

        let state = trail.state(&ctx, poisoned).await;
        if matches!((column, value), ("retention", _) | ("detail", "'1e-9000'")) {
            // Odd, but with a form of its own.
            assert_eq!(state, Some(EventState::Published), "{column} {value}");
        } else {
            assert_eq!(state, Some(EventState::Rejected), "{column} {value}");
            let reason = Rejection::NotAnEntry.as_str().to_owned();
            assert_eq!(
                rejected(&trail, ctx.tenant()).await,
                [(poisoned, reason)],
                "{column} {value}"
            );
        }
        for other in others {
            assert_eq!(
                trail.state(&ctx, other).await,
                Some(EventState::Published),
                "{column} {value}"
            );
        }
        assert_eq!(sequencer.health().complaint(), None);
    }
}

async fn put_on_the_list(trail: &Trail, ctx: &RequestContext, event: EventId) {
    let tenant = ctx.tenant();
    trail
        .tamper(&format!(
            "insert into platform_audit.pending (tenant_id, id) values ('{tenant}', '{event}')"
        ))
        .await;
}

#[tokio::test]
async fn an_event_that_is_on_the_work_list_twice_gets_one_place() {
    let trail = Trail::new().await;
    let (ctx, other) = (trail.tenant(), trail.tenant());
    let sequencer = trail.sequencer();
    let early = trail.record(&ctx).await;
    settle(&sequencer).await;
    // One that has a place already, one that has none yet, one that is another tenant's, and one that nobody has recorded.
    let late = trail.record(&ctx).await;
    let foreign = trail.record(&other).await;
    let nobody = EventId::generate(trail.test.sources());
    for event in [early, late, foreign, nobody] {
        put_on_the_list(&trail, &ctx, event).await;
    }

    let round = settle(&sequencer).await;

    assert_eq!((round.sequenced, round.rejected), (2, 4));
    let mut expected = vec![
        (early, "sequenced_already".to_owned()),
        (late, "sequenced_already".to_owned()),
        (foreign, "event_missing".to_owned()),
        (nobody, "event_missing".to_owned()),
    ];
    expected.sort();
    assert_eq!(rejected(&trail, ctx.tenant()).await, expected);
    // Having a place counts for more than having been on the list too often.
    for (ctx, event) in [(&ctx, early), (&ctx, late), (&other, foreign)] {
        assert_eq!(trail.state(ctx, event).await, Some(EventState::Published));
    }
    assert_eq!(trail.state(&ctx, nobody).await, Some(EventState::Rejected));
    assert_eq!(trail.prove_whole(ctx.tenant()).await.size, 2);
    assert_eq!(trail.prove_whole(other.tenant()).await.size, 1);
    assert_eq!(sequencer.health().complaint(), None);
}

#[tokio::test]
async fn bytes_that_somebody_laid_ready_hold_up_nothing() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let event = trail.record(&ctx).await;
    trail
        .sql(&format!(
            "insert into platform_audit.entry (tenant_id, id, bytes) values ('{}', '{event}', 'x')",
            ctx.tenant()
        ))
        .await;

    settle(&trail.sequencer()).await;

    assert_eq!(trail.state(&ctx, event).await, Some(EventState::Published));
}

#[tokio::test]
async fn a_time_on_the_work_list_that_is_none_holds_up_nothing() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    trail.record_many(&ctx, 3).await;
    trail
        .tamper("update platform_audit.pending set recorded_at = 'infinity'")
        .await;

    let sequencer = trail.sequencer();
    sequencer.observe().await.unwrap();

    assert_eq!(settle(&sequencer).await.sequenced, 3);
}

#[tokio::test]
async fn whoever_waits_for_an_event_that_was_kept_out_is_told_so() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let event = trail.record(&ctx).await;
    trail
        .tamper("update platform_audit.event set reason = 'because'")
        .await;
    settle(&trail.sequencer()).await;

    let waited = trail
        .audit
        .await_state(
            &trail.test.db(),
            &ctx,
            event,
            EventState::Sequenced,
            Duration::from_secs(60),
        )
        .await;

    assert!(matches!(waited, Err(AwaitError::Rejected)), "{waited:?}");
}
