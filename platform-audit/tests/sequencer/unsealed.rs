//! Events without a seal.

use std::num::NonZeroU8;
use std::time::Duration;

use platform_audit::{
    AdoptError, AuditLog, EventId, EventState, Marks, Outlet, Refusal, Rejection, RoundStep, Sequencer,
    SequencerConfig, Unsealed,
};
use platform_core::Sources;
use platform_core::sqlx::{self, AssertSqlSafe};

use crate::rejected::{only_it_is_rejected, rejected};
use crate::support::{Trail, event, settle};
use crate::tampering::{grown, rolled_back, root_at, successor};

pub(crate) const UNTIL_SEALED: SequencerConfig = SequencerConfig {
    shards: NonZeroU8::MIN,
    batch_max: 10_000,
    interval: Duration::from_millis(200),
    wake_at: 1_000,
    lease: Duration::from_secs(10),
    trees: 4_096,
    unsealed: Unsealed::UntilSealed,
};

#[tokio::test]
async fn an_event_without_a_seal_has_no_place_behind_one_with_a_seal() {
    let trail = Trail::new().await;
    let (ctx, other) = (trail.tenant(), trail.tenant());
    let unsealed = AuditLog::new(Sources::system());
    let db = trail.test.db();
    // Those of a program that does not have the key yet come first.
    let old = unsealed.record_alone(&db, &ctx, event()).await.unwrap();
    let sequencer = trail.sequencer_with(UNTIL_SEALED);
    settle(&sequencer).await;
    let new = trail.record(&ctx).await;
    settle(&sequencer).await;
    assert_eq!(trail.state(&ctx, old).await, Some(EventState::Published));
    assert_eq!(trail.state(&ctx, new).await, Some(EventState::Published));

    let slipped_in = unsealed.record_alone(&db, &ctx, event()).await.unwrap();
    let of_other = unsealed.record_alone(&db, &other, event()).await.unwrap();
    // Also for a process that has not seen the sealed one, and whose marks are gone.
    trail
        .sql("update platform_audit.lease set until = clock_timestamp()")
        .await;
    std::fs::remove_dir_all(trail.marks_folder()).unwrap();
    settle(&trail.sequencer_with(UNTIL_SEALED)).await;

    assert_eq!(trail.state(&ctx, slipped_in).await, Some(EventState::Rejected));
    assert_eq!(
        rejected(&trail, ctx.tenant()).await,
        [(slipped_in, Rejection::SealMissing.as_str().to_owned())]
    );
    assert_eq!(trail.state(&other, of_other).await, Some(EventState::Published));
}

#[tokio::test]
async fn within_one_batch_too_a_seal_ends_the_time_without_seals() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let unsealed = AuditLog::new(Sources::system());
    let db = trail.test.db();
    let old = unsealed.record_alone(&db, &ctx, event()).await.unwrap();
    let new = trail.record(&ctx).await;
    let slipped_in = unsealed.record_alone(&db, &ctx, event()).await.unwrap();

    let sequencer = trail.sequencer_with(UNTIL_SEALED);

    only_it_is_rejected(
        &trail,
        &ctx,
        &sequencer,
        (slipped_in, Rejection::SealMissing),
        &[old, new],
    )
    .await;
}

/// Makes an event on the work list one that the migration has put there.
async fn before_seals(trail: &Trail, event: EventId) {
    trail
        .tamper(&format!(
            "update platform_audit.pending set before_seals = true where id = '{event}'"
        ))
        .await;
}

#[tokio::test]
async fn events_from_before_there_were_seals_are_taken_when_an_operator_adopts_them_and_then_come_first() {
    let trail = Trail::new().await;
    let (ctx, new) = (trail.tenant(), trail.tenant());
    let unsealed = AuditLog::new(Sources::system());
    let db = trail.test.db();
    // As in a database that was dumped and read back, where the numbers of transactions began again.
    let mut sealed = Vec::new();
    for _ in 0..3 {
        sealed.push(trail.record(&ctx).await);
    }
    let mut old = Vec::new();
    for _ in 0..3 {
        let event = unsealed.record_alone(&db, &ctx, event()).await.unwrap();
        before_seals(&trail, event).await;
        old.push(event);
    }
    let forged = unsealed.record_alone(&db, &new, event()).await.unwrap();
    let sequencer = trail.sequencer_with(SequencerConfig {
        batch_max: 2,
        ..SequencerConfig::default()
    });

    settle(&sequencer).await;

    assert_eq!(trail.state(&new, forged).await, Some(EventState::Rejected));
    // Nobody has adopted them: the column that says so is one that a superuser can write.
    let waiting = [(ctx.tenant(), Refusal::UnsealedWaiting)];
    assert_eq!(sequencer.health().refused, waiting);
    assert_eq!(trail.count("platform_audit.leaf").await, 0);
    assert_eq!(trail.count("platform_audit.pending").await, 6);

    let adopted = sequencer.adopt(&trail.audit, &ctx, "the upgrade").await.unwrap();
    settle(&sequencer).await;

    let order: Vec<EventId> = sqlx::query_scalar("select id from platform_audit.leaf order by seq")
        .fetch_all(&mut trail.superuser().await)
        .await
        .unwrap();
    assert_eq!(order, [old.clone(), sealed, vec![adopted.event]].concat());
    assert_eq!((adopted.before.head.size, adopted.head.size), (0, 3));
    let told: serde_json::Value =
        sqlx::query_scalar("select detail -> 'unsealed' from platform_audit.event where id = $1")
            .bind(adopted.event)
            .fetch_one(&mut trail.superuser().await)
            .await
            .unwrap();
    assert_eq!(
        told,
        serde_json::json!({ "events": 3, "first": old[0], "last": old[2] })
    );
    assert_eq!(sequencer.health().complaint(), None);
    trail.prove_whole(ctx.tenant()).await;
    // That time is over.
    let late = unsealed.record_alone(&db, &ctx, event()).await.unwrap();
    before_seals(&trail, late).await;
    settle(&sequencer).await;
    assert_eq!(trail.state(&ctx, late).await, Some(EventState::Rejected));
}

#[tokio::test]
async fn an_adoption_that_is_cut_off_half_way_can_be_repeated() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let unsealed = AuditLog::new(Sources::system());
    for _ in 0..4 {
        let event = unsealed
            .record_alone(&trail.test.db(), &ctx, event())
            .await
            .unwrap();
        before_seals(&trail, event).await;
    }
    let config = SequencerConfig {
        batch_max: 2,
        ..SequencerConfig::default()
    };
    let stopped = trail.sequencer_with(config).observed_by(|step| {
        assert!(step != RoundStep::Committed, "stopped");
    });
    settle(&stopped).await;
    let (audit, context) = (trail.audit.clone(), ctx.clone());
    let cut_off = tokio::spawn(async move { stopped.adopt(&audit, &context, "the upgrade").await }).await;
    assert!(cut_off.is_err());
    assert_eq!(trail.count("platform_audit.leaf").await, 2);

    trail
        .sql("update platform_audit.lease set until = clock_timestamp()")
        .await;
    let next = trail.sequencer_with(config);
    settle(&next).await;
    assert_eq!(next.health().refused, [(ctx.tenant(), Refusal::UnsealedWaiting)]);
    let adopted = next.adopt(&trail.audit, &ctx, "the upgrade").await.unwrap();
    settle(&next).await;

    assert_eq!(adopted.head.size, 4);
    assert_eq!(next.health().complaint(), None);
    assert_eq!(trail.prove_whole(ctx.tenant()).await.size, 6);
}

#[tokio::test]
async fn leaves_without_a_seal_that_nobody_has_signed_are_not_signed() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let unsealed = AuditLog::new(Sources::system());
    unsealed
        .record_alone(&trail.test.db(), &ctx, event())
        .await
        .unwrap();
    settle(&trail.sequencer_with(UNTIL_SEALED)).await;
    // As if somebody had written leaf, tiles and head, which a superuser can do.
    trail
        .tamper(
            "delete from platform_audit.checkpoint; update platform_audit.lease set until = clock_timestamp()",
        )
        .await;
    let elsewhere = trail.folder.path().join("elsewhere");
    let marks = Marks::open_or_begin(elsewhere.join("marks"), &trail.key).unwrap();
    let config = SequencerConfig::default();
    let sequencer = Sequencer::new(&trail.test.db(), &trail.key, marks, config)
        .publish_to(Outlet::directory(elsewhere.join("outlet")));

    settle(&sequencer).await;

    assert_eq!(sequencer.health().refused, [(ctx.tenant(), Refusal::LeafForeign)]);
    assert_eq!(trail.count("platform_audit.checkpoint").await, 0);
}

#[tokio::test]
async fn no_program_can_say_that_an_event_is_from_before_there_were_seals() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let event = trail.record(&ctx).await;
    for statement in [
        format!("update platform_audit.pending set before_seals = true where id = '{event}'"),
        "insert into platform_audit.pending (id, before_seals) values (gen_random_uuid(), true)".to_owned(),
    ] {
        let mut tx = trail.test.db().begin(&ctx).await.unwrap();
        let done = sqlx::query(AssertSqlSafe(statement)).execute(&mut tx).await;
        assert!(done.unwrap_err().to_string().contains("permission denied"));
    }
    assert_eq!(trail.count("platform_audit.pending where before_seals").await, 0);
}

#[tokio::test]
async fn a_service_that_always_sealed_takes_no_event_without_a_seal() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let unsealed = AuditLog::new(Sources::system());
    let slipped_in = unsealed
        .record_alone(&trail.test.db(), &ctx, event())
        .await
        .unwrap();

    let sequencer = trail.sequencer_with(SequencerConfig {
        unsealed: Unsealed::Never,
        ..SequencerConfig::default()
    });

    only_it_is_rejected(
        &trail,
        &ctx,
        &sequencer,
        (slipped_in, Rejection::SealMissing),
        &[],
    )
    .await;
}

#[tokio::test]
async fn events_without_a_seal_that_come_while_others_are_adopted_are_not_adopted_with_them() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let unsealed = AuditLog::new(Sources::system());
    let db = trail.test.db();
    let mut old = Vec::new();
    for _ in 0..3 {
        let event = unsealed.record_alone(&db, &ctx, event()).await.unwrap();
        before_seals(&trail, event).await;
        old.push(event);
    }
    let sequencer = trail.sequencer_with(SequencerConfig {
        batch_max: 2,
        ..SequencerConfig::default()
    });
    settle(&sequencer).await;
    assert_eq!(
        sequencer.health().refused,
        [(ctx.tenant(), Refusal::UnsealedWaiting)]
    );
    // A superuser's trigger marks another one as old between the count and the taking, and it is the first on the list.
    let late = unsealed.record_alone(&db, &ctx, event()).await.unwrap();
    trail
        .sql(&format!(
            "alter table platform_audit.pending disable trigger all;
             create function public.slip_in() returns trigger language plpgsql security definer as $$
             begin
               update platform_audit.pending p set before_seals = true, xid = '1' where p.id = '{late}'
                 and exists (select from added where action = 'audit.adopt');
               return null;
             end $$;
             create trigger zz_slip_in after insert on platform_audit.event referencing new table as added
               for each statement execute function public.slip_in()"
        ))
        .await;

    let refused = sequencer.adopt(&trail.audit, &ctx, "the upgrade").await;

    assert!(matches!(refused, Err(AdoptError::Changed)), "{refused:?}");
    assert_ne!(trail.state(&ctx, late).await, Some(EventState::Sequenced));
    assert_eq!(trail.count("platform_audit.checkpoint").await, 0);
    settle(&sequencer).await;
    assert_eq!(
        sequencer.health().refused,
        [(ctx.tenant(), Refusal::UnsealedWaiting)]
    );
    // Now they are counted, and told.
    trail.sql("drop trigger zz_slip_in on platform_audit.event").await;
    sequencer.adopt(&trail.audit, &ctx, "those too").await.unwrap();
    settle(&sequencer).await;
    assert_eq!(trail.state(&ctx, old[0]).await, Some(EventState::Published));
    let told: i64 = sqlx::query_scalar(
        "select max((detail -> 'unsealed' ->> 'events')::bigint) from platform_audit.event where action = 'audit.adopt'",
    )
    .fetch_one(&mut trail.superuser().await)
    .await
    .unwrap();
    assert_eq!(told, 4);
}

#[tokio::test]
async fn a_trail_that_is_adopted_for_another_reason_takes_no_event_without_a_seal() {
    let trail = Trail::new().await;
    let ctx = grown(&trail, 2).await;
    let root = root_at(&trail, ctx.tenant(), 100).await;
    let unsealed = AuditLog::new(Sources::system());
    let event = unsealed
        .record_alone(&trail.test.db(), &ctx, event())
        .await
        .unwrap();
    trail.tamper(&rolled_back(ctx.tenant(), 100, &root)).await;
    before_seals(&trail, event).await;
    let sequencer = successor(&trail).await;
    settle(&sequencer).await;
    assert_eq!(sequencer.health().refused, [(ctx.tenant(), Refusal::TreeShrunk)]);

    sequencer.adopt(&trail.audit, &ctx, "restored").await.unwrap();

    assert_eq!(trail.count("platform_audit.leaf").await, 100);
    let told = "platform_audit.event where action = 'audit.adopt' and detail -> 'unsealed' = 'null'";
    assert_eq!(trail.count(told).await, 1);
}
