//! Recording the same event again.

use std::time::Duration;

use platform_audit::{AuditError, Changes, Event, EventId, InvalidEvent, Outcome, Severity};
use platform_core::pg::DbError;
use platform_core::uuid::Uuid;
use platform_core::{PermissionSet, Principal, PrincipalId, RequestContext, RequestMeta, Sources};
use serde_json::json;

use crate::support::{SENT, context, events, log, sealed_log, sent, shared, sources_at, stored};

fn new_id() -> EventId {
    EventId::generate(&Sources::system())
}

fn named(id: EventId) -> Event {
    sent("p").id(id).reason("because").detail(json!({ "lots": 3.0 }))
}

#[tokio::test]
async fn an_event_that_is_recorded_again_by_another_request_is_there_once() {
    let test = shared().await;
    let tenant = test.tenant().await;
    let user = Principal::user(PrincipalId::generate(test.sources()), PermissionSet::default());
    let request = || {
        let meta = RequestMeta {
            user_agent: Some("curl/8".to_owned()),
            ..RequestMeta::internal(test.sources())
        };
        RequestContext::authenticated(tenant, user.clone(), meta).in_session(test.sources().uuid_v7())
    };
    let log = sealed_log();
    let id = new_id();

    for _ in 0..3 {
        let again = log.record_alone(&test.db(), &request(), named(id)).await;
        assert_eq!(again.unwrap(), id);
    }

    assert_eq!(stored(&test, &request()).await.len(), 1);
    assert_eq!((log.counts().recorded, log.counts().repeated), (1, 2));
}

#[tokio::test]
async fn another_event_under_the_same_id_is_refused_by_name_of_what_differs() {
    let test = shared().await;
    let (tenant, ctx) = context(&test).await;
    let id = new_id();
    log().record_alone(&test.db(), &ctx, named(id)).await.unwrap();
    let now = test.sources().now();
    let job = RequestContext::system(tenant, "another job", test.sources());
    let changes = Changes::new().field("lots", 3, 4);

    for (ctx, event, columns) in [
        (&ctx, named(id).severity(Severity::High), vec!["severity"]),
        (&ctx, named(id).target("order", "7"), vec!["targets"]),
        (&ctx, named(id).detail(json!({ "lots": 4 })), vec!["detail"]),
        (&ctx, named(id).changes(changes), vec!["changes"]),
        (&ctx, named(id).occurred_at(now), vec!["occurred_at"]),
        (
            &ctx,
            named(id).version(2).reason("other"),
            vec!["action_version", "reason"],
        ),
        (&job, named(id), vec!["purpose"]),
        (
            &ctx,
            Event::new(SENT, Outcome::Denied).id(id),
            vec!["outcome", "reason", "targets", "detail"],
        ),
    ] {
        let refused = log().record_alone(&test.db(), ctx, event).await;

        let Err(AuditError::IdTaken {
            id: taken,
            columns: differing,
        }) = refused
        else {
            panic!("{columns:?}: {refused:?}");
        };
        assert_eq!((taken, differing), (id, columns));
    }
    assert_eq!(stored(&test, &ctx).await.len(), 1);
}

// A20
#[tokio::test]
async fn the_id_of_another_tenants_event_is_free() {
    let test = shared().await;
    let (_, ours) = context(&test).await;
    let (_, theirs) = context(&test).await;
    let id = new_id();

    log().record_alone(&test.db(), &ours, named(id)).await.unwrap();
    log()
        .record_alone(&test.db(), &theirs, sent("something else").id(id))
        .await
        .unwrap();

    assert_eq!(stored(&test, &ours).await.len(), 1);
    assert_eq!(events(&test, &theirs, "parcel", "something else").await[0].id, id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_that_record_one_event_at_once_both_are_told_that_it_is_recorded() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let log = sealed_log();

    for _ in 0..20 {
        let id = new_id();
        let record = || {
            let (test, log, ctx) = (test.clone(), log.clone(), ctx.clone());
            tokio::spawn(async move { log.record_alone(&test.db(), &ctx, named(id)).await })
        };
        let (one, other) = tokio::join!(record(), record());
        assert_eq!((one.unwrap().unwrap(), other.unwrap().unwrap()), (id, id));
    }

    assert_eq!(stored(&test, &ctx).await.len(), 20);
    assert_eq!(log.counts().repeated, 20);
}

#[tokio::test]
async fn an_event_whose_first_recording_was_undone_is_recorded() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let id = new_id();
    let mut tx = test.db().begin(&ctx).await.unwrap();
    log().record(&mut tx, &ctx, named(id)).await.unwrap();
    tx.rollback().await.unwrap();

    log().record_alone(&test.db(), &ctx, named(id)).await.unwrap();

    assert_eq!(stored(&test, &ctx).await.len(), 1);
}

#[tokio::test]
async fn an_id_that_says_no_time_or_one_to_come_is_refused() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let now = Sources::system().now();
    let id_at = |days: i64| {
        let (_, sources) = sources_at(now + platform_core::time::Duration::days(days));
        EventId::generate(&sources)
    };
    let (clock, sources) = sources_at(now);
    let log = platform_audit::AuditLog::new(sources);

    for id in [
        EventId::from_stored(Uuid::nil()),
        EventId::from_stored(Uuid::max()),
        // Of version 4.
        "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d".parse().unwrap(),
        // Of version 7, and of no variant that has versions.
        "018f2b6e-7c1a-7d3e-1b1a-2f4e6d8c0a12".parse().unwrap(),
        id_at(2),
    ] {
        let refused = log.record_alone(&test.db(), &ctx, sent("p").id(id)).await;
        assert!(
            matches!(refused, Err(AuditError::Invalid(InvalidEvent::Id))),
            "{id}"
        );
    }
    for id in [id_at(1), id_at(0), id_at(-10_000)] {
        log.record_alone(&test.db(), &ctx, sent("p").id(id))
            .await
            .unwrap();
    }
    clock.advance(Duration::from_secs(86_400));
    log.record_alone(&test.db(), &ctx, sent("p").id(id_at(2)))
        .await
        .unwrap();
    assert_eq!(stored(&test, &ctx).await.len(), 4);
}

#[tokio::test]
async fn many_events_are_recorded_together_in_their_order() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let log = sealed_log();
    let mut tx = test.db().begin(&ctx).await.unwrap();
    let batch = (0..2_500)
        .map(|at| sent(&at.to_string()).detail(json!(at)))
        .collect();

    let ids = log.record_all(&mut tx, &ctx, batch).await.unwrap();
    tx.commit().await.unwrap();

    let rows = stored(&test, &ctx).await;
    assert_eq!(rows.len(), 2_500);
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(row.entry.id, ids[at]);
        assert_eq!(row.entry.counter, Some(at as u64));
        assert_eq!(row.target_id.as_deref(), Some(at.to_string().as_str()));
        assert_eq!(row.entry.detail.as_ref().unwrap().as_str(), at.to_string());
        assert!(row.derived_columns_changed().is_empty());
    }
}

#[tokio::test]
async fn a_batch_with_an_event_that_is_not_valid_records_none() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let mut tx = test.db().begin(&ctx).await.unwrap();

    let refused = log().record_all(&mut tx, &ctx, vec![sent("p"), sent("")]).await;
    assert!(matches!(refused, Err(AuditError::Invalid(InvalidEvent::Target))));
    assert!(
        log()
            .record_all(&mut tx, &ctx, Vec::new())
            .await
            .unwrap()
            .is_empty()
    );
    tx.commit().await.unwrap();

    assert!(stored(&test, &ctx).await.is_empty());
}

#[tokio::test]
async fn an_event_that_is_twice_in_a_batch_is_there_once_unless_the_two_differ() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let id = new_id();
    let mut tx = test.db().begin(&ctx).await.unwrap();

    let ids = log()
        .record_all(&mut tx, &ctx, vec![named(id), named(id), sent("q")])
        .await
        .unwrap();
    assert_eq!(ids[..2], [id, id]);
    let other = new_id();
    let refused = log()
        .record_all(&mut tx, &ctx, vec![named(other), sent("r").id(other)])
        .await;
    assert!(matches!(refused, Err(AuditError::IdTaken { id, .. }) if id == other));
    tx.rollback().await.unwrap();
}

// A9
#[tokio::test]
async fn a_change_whose_event_cannot_be_stored_is_not_made() {
    let test = crate::support::own().await;
    let (_, ctx) = context(&test).await;
    let mut owner = crate::support::owner(&test).await;
    for sql in [
        "create schema shelf",
        "grant usage on schema shelf to platform_app",
        "create table shelf.book (tenant_id uuid not null default current_setting('platform.tenant_id')::uuid, id uuid not null, primary key (tenant_id, id))",
        "select platform_core.tenant_table('shelf.book', 'select, insert')",
        "revoke insert on platform_audit.event from platform_app",
        "revoke insert (tenant_id, id) on platform_audit.event from platform_app",
    ] {
        platform_core::sqlx::query(sql).execute(&mut owner).await.unwrap();
    }
    let mut tx = test.db().begin(&ctx).await.unwrap();
    platform_core::sqlx::query("insert into shelf.book (id) values (gen_random_uuid())")
        .execute(&mut tx)
        .await
        .unwrap();

    assert!(matches!(
        log().record(&mut tx, &ctx, sent("p")).await,
        Err(AuditError::Db(DbError::Query(_)))
    ));
    // Whoever overlooks it loses the change all the same.
    assert!(matches!(tx.commit().await, Err(DbError::Aborted)));

    let mut read = test.db().read(&ctx).await.unwrap();
    let books: i64 = platform_core::sqlx::query_scalar("select count(*) from shelf.book")
        .fetch_one(&mut read)
        .await
        .unwrap();
    assert_eq!(books, 0);
}
