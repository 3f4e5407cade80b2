use std::net::IpAddr;

use platform_audit::{
    Action, AuditError, Event, EventPage, Outcome, SignInFailure, registered, sign_in_failed,
    sign_in_succeeded, signed_out,
};
use platform_core::uuid::Uuid;
use platform_core::{PermissionSet, Principal, PrincipalId, RequestContext, RequestMeta, Sources, sqlx};
use serde_json::json;

use crate::support::{context, events, log, shared};

const SENT: Action = Action::new("parcel.send");

#[tokio::test]
async fn an_event_says_who_did_what_to_what_from_where() {
    let test = shared().await;
    let tenant = test.tenant().await;
    let sources = Sources::system();
    let user = PrincipalId::generate(&sources);
    let customer = PrincipalId::generate(&sources);
    let session = sources.uuid_v7();
    let meta = RequestMeta {
        source_address: Some("2001:db8::1".parse::<IpAddr>().unwrap()),
        user_agent: Some("curl/8".to_owned()),
        ..RequestMeta::internal(&sources)
    };
    let ctx = RequestContext::authenticated(
        tenant,
        Principal::user(user, PermissionSet::default()),
        meta.clone(),
    )
    .on_behalf_of(Principal::user(customer, PermissionSet::default()))
    .in_session(session);
    let event = Event::new(SENT, Outcome::Denied)
        .target("parcel", "p-1")
        .target("customer", customer.to_string())
        .reason("too_heavy")
        .detail(json!({ "weight_grams": 20_000, "note": "snow ☃" }));

    let id = log().record_alone(&test.db(), &ctx, event).await.unwrap();

    let found = events(&test, &ctx, "parcel", "p-1").await;
    assert_eq!(found.len(), 1);
    let event = &found[0];
    assert_eq!(event.id, id);
    assert_eq!(
        (event.action.as_str(), event.outcome),
        ("parcel.send", Outcome::Denied)
    );
    assert_eq!(event.reason.as_deref(), Some("too_heavy"));
    assert_eq!((event.actor_kind.as_str(), event.actor_id), ("user", Some(user)));
    assert_eq!(event.on_behalf_of, Some(customer));
    assert_eq!(event.session_id, Some(session));
    assert_eq!(event.targets.len(), 2);
    assert_eq!(event.targets[1].id, customer.to_string());
    assert_eq!(event.source_address.as_deref(), Some("2001:db8::1"));
    assert_eq!(event.user_agent.as_deref(), Some("curl/8"));
    assert_eq!(event.request_id, meta.request_id);
    assert_eq!(event.trace_id, meta.trace.trace_id());
    assert_eq!(
        event.detail,
        Some(json!({ "weight_grams": 20_000, "note": "snow ☃" }))
    );
}

#[tokio::test]
async fn an_event_under_an_api_key_names_the_key_last() {
    let test = shared().await;
    let tenant = test.tenant().await;
    let sources = Sources::system();
    let service = PrincipalId::generate(&sources);
    let key = sources.uuid_v7();
    let ctx = RequestContext::authenticated(
        tenant,
        Principal::service(service, PermissionSet::default()),
        RequestMeta::internal(&sources),
    )
    .with_api_key(key);

    let event = Event::new(SENT, Outcome::Success).target("parcel", "p-1");
    log().record_alone(&test.db(), &ctx, event).await.unwrap();

    let found = events(&test, &ctx, "parcel", "p-1").await;
    assert_eq!(
        (found[0].actor_kind.as_str(), found[0].actor_id),
        ("service", Some(service))
    );
    let last = found[0].targets.last().unwrap();
    assert_eq!((&*last.kind, &last.id), ("credential_api_key", &key.to_string()));
    assert_eq!(found[0].session_id, None);
}

#[tokio::test]
async fn a_system_job_is_recorded_with_its_reason() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;

    log()
        .record_alone(
            &test.db(),
            &ctx,
            Event::new(SENT, Outcome::Success).target("parcel", "p"),
        )
        .await
        .unwrap();

    let found = events(&test, &ctx, "parcel", "p").await;
    assert_eq!(found[0].actor_kind, "system");
    assert_eq!(found[0].purpose.as_deref(), Some("test"));
    assert_eq!(found[0].actor_id, None);
}

#[tokio::test]
async fn an_event_stands_or_falls_with_its_transaction() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let db = test.db();

    let mut kept = db.begin(&ctx).await.unwrap();
    log()
        .record(
            &mut kept,
            &ctx,
            Event::new(SENT, Outcome::Success).target("parcel", "kept"),
        )
        .await
        .unwrap();
    kept.commit().await.unwrap();
    let mut undone = db.begin(&ctx).await.unwrap();
    log()
        .record(
            &mut undone,
            &ctx,
            Event::new(SENT, Outcome::Success).target("parcel", "undone"),
        )
        .await
        .unwrap();
    undone.rollback().await.unwrap();

    assert_eq!(events(&test, &ctx, "parcel", "kept").await.len(), 1);
    assert_eq!(events(&test, &ctx, "parcel", "undone").await.len(), 0);
}

#[tokio::test]
async fn an_event_carries_the_id_of_its_transaction() {
    let test = shared().await;
    let (tenant, ctx) = context(&test).await;
    let mut tx = test.db().begin(&ctx).await.unwrap();

    let id = log()
        .record(&mut tx, &ctx, Event::new(SENT, Outcome::Success))
        .await
        .unwrap();

    let same: bool = sqlx::query_scalar(
        "select xid = pg_current_xact_id() from platform_audit.event where tenant_id = $1 and id = $2",
    )
    .bind(tenant)
    .bind(id)
    .fetch_one(&mut tx)
    .await
    .unwrap();
    assert!(same);
    tx.rollback().await.unwrap();
}

#[tokio::test]
async fn an_event_of_one_tenant_does_not_enter_the_transaction_of_another() {
    let test = shared().await;
    let (_, ours) = context(&test).await;
    let (_, theirs) = context(&test).await;
    let mut tx = test.db().begin(&ours).await.unwrap();

    let refused = log()
        .record(&mut tx, &theirs, Event::new(SENT, Outcome::Success))
        .await;

    assert!(matches!(refused, Err(AuditError::ForeignTransaction)));
    tx.rollback().await.unwrap();
}

#[tokio::test]
async fn a_tenant_sees_its_own_events_only() {
    let test = shared().await;
    let (_, ours) = context(&test).await;
    let (_, theirs) = context(&test).await;

    log()
        .record_alone(
            &test.db(),
            &ours,
            Event::new(SENT, Outcome::Success).target("parcel", "same"),
        )
        .await
        .unwrap();

    assert_eq!(events(&test, &ours, "parcel", "same").await.len(), 1);
    assert_eq!(events(&test, &theirs, "parcel", "same").await.len(), 0);
}

#[tokio::test]
async fn pages_follow_one_another_from_the_newest_without_gap_or_overlap() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let mut recorded = Vec::new();
    for _ in 0..7 {
        let event = Event::new(SENT, Outcome::Success).target("parcel", "p");
        recorded.push(log().record_alone(&test.db(), &ctx, event).await.unwrap());
    }
    recorded.sort();
    recorded.reverse();

    let mut read = test.db().read(&ctx).await.unwrap();
    let mut page = EventPage::newest(3);
    let mut seen = Vec::new();
    loop {
        let events = log()
            .events_for_target(&mut read, "parcel", "p", page)
            .await
            .unwrap();
        let Some(last) = events.last() else { break };
        page = EventPage::before(last.id, 3);
        seen.extend(events.iter().map(|event| event.id));
    }

    assert_eq!(seen, recorded);
}

#[tokio::test]
async fn the_events_of_signing_in_hold_no_address_in_the_clear() {
    let test = shared().await;
    let (_, ctx) = context(&test).await;
    let user = PrincipalId::generate(&Sources::system());
    let email = "ada.lovelace@example.com";

    for event in [
        registered(user, email),
        sign_in_succeeded(user, "password"),
        sign_in_failed(email, SignInFailure::WrongPassword(user)),
        sign_in_failed(email, SignInFailure::UserDisabled(user)),
        sign_in_failed(email, SignInFailure::UnknownUser),
        signed_out(user),
    ] {
        log().record_alone(&test.db(), &ctx, event).await.unwrap();
    }

    let found = events(&test, &ctx, "user", &user.to_string()).await;
    let mut actions: Vec<_> = found
        .iter()
        .map(|event| (event.action.as_str(), event.outcome.as_str()))
        .collect();
    actions.sort_unstable();
    assert_eq!(
        actions,
        [
            ("auth.register", "success"),
            ("auth.sign_in", "failure"),
            ("auth.sign_in", "failure"),
            ("auth.sign_in", "success"),
            ("auth.sign_out", "success"),
        ]
    );
    let text = format!("{found:?}");
    assert!(
        text.contains("a***@e***.com") && !text.contains("lovelace"),
        "{text}"
    );
}

#[tokio::test]
async fn the_same_event_cannot_be_stored_twice() {
    let test = shared().await;
    let (tenant, ctx) = context(&test).await;
    let id = log()
        .record_alone(&test.db(), &ctx, Event::new(SENT, Outcome::Success))
        .await
        .unwrap();
    let mut tx = test.db().begin(&ctx).await.unwrap();

    let again = sqlx::query(
        "insert into platform_audit.event (tenant_id, id, occurred_at, action, outcome, actor_kind, request_id, trace_id)
         values ($1, $2, now(), 'parcel.send', 'success', 'system', $3, repeat('0', 32))",
    )
    .bind(tenant)
    .bind(id)
    .bind(Uuid::nil())
    .execute(&mut tx)
    .await;

    assert!(again.is_err());
}
