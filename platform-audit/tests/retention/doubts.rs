use platform_audit::{EventId, LogKey, PruneError, Retention};
use platform_core::Sources;
use platform_core::sqlx::{self, Executor};

use crate::run::{at_once, excused, missing, prune, pruner};
use crate::support::{Trail, days, event};

#[tokio::test]
async fn an_event_that_was_altered_is_evidence_and_stays() {
    let trail = Trail::new().await;
    // Made to look as if it had been of a class that is kept for a shorter time.
    let altered = trail.record_aged(days(400), event(Retention::REGULATORY)).await;
    let due = trail.record_aged(days(400), event(Retention::OPERATIONAL)).await;
    trail.sequence().await;
    alter(&trail, altered, "retention = 'operational'").await;

    let first = prune(&trail).await;
    // After it was announced, too.
    alter(&trail, due, "outcome = 'denied'").await;
    trail.sequence().await;
    let second = prune(&trail).await;

    assert_eq!((first.announced, first.doubtful), (1, 1));
    assert_eq!((second.deleted, second.kept, second.doubtful), (0, 1, 2));
    assert!(missing(&trail).await.is_empty());
    trail.sequence().await;
    assert!(excused(&trail).await.is_empty());
}

#[tokio::test]
async fn a_checkpoint_that_the_log_has_not_signed_covers_nothing() {
    let mut trail = Trail::new().await;
    let real = std::mem::replace(
        &mut trail.key,
        LogKey::generate("audit.example.com", &Sources::system()).unwrap(),
    );
    trail.record_aged(days(400), event(Retention::OPERATIONAL)).await;
    trail.sequence().await;
    trail.key = real;

    let summary = prune(&trail).await;

    assert_eq!((summary.announced, summary.unsigned), (0, 1));
}

#[tokio::test]
async fn an_announcement_that_nobody_recorded_deletes_nothing() {
    let trail = Trail::new().await;
    trail.record_aged(days(400), event(Retention::OPERATIONAL)).await;
    let mine = trail.record_aged(days(1), event(Retention::OPERATIONAL)).await;
    trail.sequence().await;
    let forged = EventId::generate(&Sources::system());
    trail
        .superuser()
        .await
        .execute("alter table platform_audit.pruning disable trigger pruning_is_announced")
        .await
        .unwrap();
    for id in [mine, forged] {
        sqlx::query("insert into platform_audit.pruning (tenant_id, id) values ($1, $2)")
            .bind(trail.tenant)
            .bind(id)
            .execute(&mut trail.superuser().await)
            .await
            .unwrap();
    }

    let summary = prune(&trail).await;

    assert_eq!((summary.deleted, summary.announced), (0, 1));
    assert_eq!(trail.count("pruning").await, 1);
}

#[tokio::test]
async fn a_program_lists_no_deletion_that_it_does_not_announce_in_the_same_transaction() {
    let trail = Trail::new().await;
    trail.record_aged(days(400), event(Retention::OPERATIONAL)).await;
    let mine = trail.record_aged(days(1), event(Retention::OPERATIONAL)).await;
    trail.sequence().await;
    prune(&trail).await;
    let announced: EventId = sqlx::query_scalar("select id from platform_audit.pruning")
        .fetch_one(&mut trail.superuser().await)
        .await
        .unwrap();
    for id in [mine, announced, EventId::generate(&Sources::system())] {
        let mut tx = trail.test.db().begin(&trail.ctx).await.unwrap();
        let listed = sqlx::query("insert into platform_audit.pruning (tenant_id, id) values ($1, $2)")
            .bind(trail.tenant)
            .bind(id)
            .execute(&mut tx)
            .await;
        let refused = listed.unwrap_err().to_string();
        assert!(refused.contains("announced in the transaction"), "{refused}");
    }
}

#[tokio::test]
async fn an_announcement_that_the_sequencer_never_takes_is_made_again() {
    let trail = Trail::new().await;
    trail.record_aged(days(400), event(Retention::OPERATIONAL)).await;
    trail.sequence().await;
    prune(&trail).await;
    let announced: EventId = sqlx::query_scalar("select id from platform_audit.pruning")
        .fetch_one(&mut trail.superuser().await)
        .await
        .unwrap();
    // Rejected, and a day has passed.
    trail
        .superuser()
        .await
        .execute("delete from platform_audit.pending")
        .await
        .unwrap();
    alter(&trail, announced, "recorded_at = now() - interval '25 hours'").await;

    let summary = prune(&trail).await;

    assert_eq!((summary.announced, summary.waiting), (1, 1));
    trail.sequence().await;
    assert_eq!(prune(&trail).await.deleted, 1);
    assert_eq!(excused(&trail).await, missing(&trail).await);
}

#[tokio::test]
async fn without_the_table_of_announcements_nothing_is_deleted() {
    let trail = Trail::new().await;
    trail.record_aged(days(400), event(Retention::OPERATIONAL)).await;
    trail.sequence().await;
    trail
        .superuser()
        .await
        .execute("revoke insert on platform_audit.pruning from platform_app")
        .await
        .unwrap();

    let error = pruner(&trail).run(&at_once()).await.unwrap_err();

    assert!(matches!(error, PruneError::Db(_)), "{error:?}");
    assert_eq!(trail.count("event").await, 1);
}

/// What only a superuser can do, who switches the triggers off.
async fn alter(trail: &Trail, id: EventId, set: &str) {
    let mut superuser = trail.superuser().await;
    superuser
        .execute("alter table platform_audit.event disable trigger is_insert_only")
        .await
        .unwrap();
    let sql = format!("update platform_audit.event set {set} where tenant_id = $1 and id = $2");
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(trail.tenant)
        .bind(id)
        .execute(&mut superuser)
        .await
        .unwrap();
    superuser
        .execute("alter table platform_audit.event enable always trigger is_insert_only")
        .await
        .unwrap();
}
