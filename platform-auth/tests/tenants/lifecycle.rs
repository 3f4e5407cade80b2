use axum::http::{Method, StatusCode};
use futures::future::{join, join_all};
use platform_core::pg::{Slug, TenantStatus, TenantVerb, Tenants};
use platform_core::uuid::Uuid;
use platform_core::{axum, sqlx};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{App, PASSWORD, Place};
use crate::world::{Platform, TENANTS, call, fresh_slug, get, new_tenant, of, post, recorded};

#[tokio::test]
async fn an_operator_makes_a_tenant_with_its_first_admin() {
    let world = Platform::new().await;
    let slug = fresh_slug(&world.app);

    let made = post(&world.app, &world.operator, TENANTS, new_tenant(&slug)).await;

    let made = made.expect(201).json();
    assert_eq!(made["tenant"]["slug"], slug);
    assert_eq!(made["tenant"]["status"], "active");
    let id = made["tenant"]["id"].as_str().unwrap();
    let place = crate::support::Place {
        id: id.parse().unwrap(),
        slug,
    };
    let admin = world.app.sign_in(&place, "admin@example.com", PASSWORD).await;
    assert_eq!(admin.json()["user"]["id"], made["admin_id"]);
    get(&world.app, &admin.token(), "/admin/v1/users")
        .await
        .expect(200);
    let shown = get(&world.app, &world.operator, &format!("{TENANTS}/{id}"))
        .await
        .json();
    assert_eq!(shown, made["tenant"]);

    let (outcome, _, _, detail) = recorded(&world.app, &place, "tenant.create").await.remove(0);
    assert_eq!(outcome, "success");
    assert_eq!(detail.unwrap()["by_tenant"], json!(world.home.id));
    let ours = recorded(&world.app, &world.home, "tenant.oversee").await;
    assert_eq!(ours.len(), 1);
    assert_eq!(ours[0].3, Some(json!({ "verb": "create", "stage": "begun" })));
}

/// What a tenant's trail says of an action: the request, on whose behalf, and from which tenant.
async fn traced(app: &App, place: &Place, action: &str) -> Vec<(String, Option<Uuid>, Option<Value>)> {
    sqlx::query_as(
        "select request_id::text, coalesce(on_behalf_of, actor_id), detail::jsonb -> 'by_tenant' from platform_audit.event
         where tenant_id = $1 and action = $2 order by xid, id",
    )
    .bind(place.id)
    .bind(action)
    .fetch_all(&mut app.superuser().await)
    .await
    .unwrap()
}

#[tokio::test]
async fn what_is_done_in_another_tenant_is_traced_to_who_did_it_from_where_in_which_request() {
    let world = Platform::new().await;
    let app = &world.app;
    let (place, _) = world.make().await;
    let invite = json!({ "email": "ada@example.com" });
    post(app, &world.operator, &of(&place, "invitations"), invite)
        .await
        .expect(201);
    let host = format!("{}.example.com", place.slug);
    let hosts = of(&place, "hosts");
    post(app, &world.operator, &hosts, json!({ "host": host }))
        .await
        .expect(201);
    call(
        app,
        &world.operator,
        Method::DELETE,
        &format!("{hosts}/{host}"),
        None,
    )
    .await
    .expect(204);
    let announced = traced(app, &world.home, "tenant.oversee").await;

    let [made, invited, added, removed] = announced.as_slice() else {
        panic!("{announced:?}");
    };
    for (action, begun) in [
        ("tenant.create", made),
        ("auth.register", made),
        ("auth.invitation_create", invited),
        ("tenant.host_verify", added),
        ("tenant.host_remove", removed),
    ] {
        let (request, operator, _) = begun;
        assert_eq!(
            traced(app, &place, action).await,
            [(request.clone(), *operator, Some(json!(world.home.id)))],
            "{action}"
        );
    }
}

#[tokio::test]
async fn a_suspended_tenant_is_shut_out_at_once_and_comes_back_with_its_sessions() {
    let world = Platform::new().await;
    let (place, admin) = world.make().await;
    let app = &world.app;

    let suspended = world.act(&place, "suspend").await;
    assert_eq!(suspended.expect(200).json()["status"], "suspended");
    app.me(&admin).await.refused(403, "tenant_suspended");
    app.sign_in(&place, "admin@example.com", PASSWORD)
        .await
        .refused(403, "tenant_suspended");
    app.register(&place, "ada@example.com")
        .await
        .refused(403, "tenant_suspended");
    world.act(&place, "suspend").await.refused(409, "tenant_status");

    world.act(&place, "resume").await.expect(200);
    app.me(&admin).await.expect(200);
    world.act(&place, "resume").await.refused(409, "tenant_status");

    let (_, _, changes, detail) = recorded(app, &place, "tenant.suspend").await.remove(0);
    assert_eq!(
        changes.unwrap()["status"],
        json!({ "before": "active", "after": "suspended" })
    );
    assert_eq!(detail.unwrap()["why"], "ticket 7");
    let ours: Vec<_> = recorded(app, &world.home, "tenant.oversee")
        .await
        .into_iter()
        .map(|(outcome, reason, _, detail)| {
            (
                outcome,
                reason,
                detail.unwrap()["verb"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let begun = |verb: &str| ("success".to_owned(), None, verb.to_owned());
    let refused = |verb: &str| {
        (
            "failure".to_owned(),
            Some("tenant_status".to_owned()),
            verb.to_owned(),
        )
    };
    assert_eq!(
        ours,
        [
            begun("create"),
            begun("suspend"),
            begun("suspend"),
            refused("suspend"),
            begun("resume"),
            begun("resume"),
            refused("resume"),
        ]
    );
}

#[tokio::test]
async fn a_closed_tenant_is_over_for_good() {
    let world = Platform::new().await;
    let (place, admin) = world.make().await;
    let app = &world.app;

    world.act(&place, "close").await.expect(200);

    app.me(&admin).await.refused(401, "invalid_token");
    app.sign_in(&place, "admin@example.com", PASSWORD)
        .await
        .refused(404, "tenant_unknown");
    for verb in ["suspend", "resume", "close"] {
        let refused = world.act(&place, verb).await;
        refused.refused(409, "tenant_status");
        assert_eq!(refused.json()["tenant_status"], "closed");
    }
    let taken = post(app, &world.operator, TENANTS, new_tenant(&place.slug)).await;
    taken.refused(409, "slug_taken");
    let ended: (i64, i64) = sqlx::query_as(
        "select count(*) filter (where end_reason = 'tenant_closed'), count(*) from platform_auth.session where tenant_id = $1",
    )
    .bind(place.id)
    .fetch_one(&mut app.superuser().await)
    .await
    .unwrap();
    assert_eq!(ended, (1, 1));
    let (_, _, _, detail) = recorded(app, &place, "tenant.close").await.remove(0);
    assert_eq!(detail.unwrap()["sessions_ended"], 1);
    assert!(
        !recorded(app, &place, "auth.sign_in").await.is_empty(),
        "the trail stays"
    );
}

#[tokio::test]
async fn of_many_who_do_the_same_at_once_one_does_it() {
    let world = Platform::new().await;
    let (place, _) = world.make().await;
    for (verb, times) in [("suspend", 8), ("resume", 8), ("close", 8)] {
        let answers = join_all((0..times).map(|_| world.act(&place, verb))).await;
        let done = answers
            .iter()
            .filter(|answer| answer.status == StatusCode::OK)
            .count();
        assert_eq!(done, 1, "{verb}");
    }
    assert_eq!(recorded(&world.app, &place, "tenant.suspend").await.len(), 1);
    assert_eq!(recorded(&world.app, &place, "tenant.close").await.len(), 1);
}

#[tokio::test]
async fn who_signs_in_while_the_tenant_is_suspended_has_nothing_of_it() {
    let world = Platform::new().await;
    let (place, _) = world.make().await;
    for _ in 0..4 {
        let signing_in = join_all((0..4).map(|_| world.app.sign_in(&place, "admin@example.com", PASSWORD)));
        let (answers, suspended) = join(signing_in, world.act(&place, "suspend")).await;
        suspended.expect(200);
        for answer in answers {
            match answer.status {
                StatusCode::OK => world
                    .app
                    .me(&answer.token())
                    .await
                    .refused(403, "tenant_suspended"),
                _ => answer.refused(403, "tenant_suspended"),
            }
        }
        world.act(&place, "resume").await.expect(200);
    }
}

#[tokio::test]
async fn a_tenant_that_cannot_be_made_leaves_nothing() {
    let world = Platform::new().await;
    let app = &world.app;
    let slug = fresh_slug(app);
    let with = |field: &str, value: Value| {
        let mut body = new_tenant(&slug);
        body[field] = value;
        body
    };
    let weak = json!({ "email": "admin@example.com", "password": "password" });
    let nobody = json!({ "email": "admin", "password": PASSWORD });
    let unknown = json!(app.test.sources().uuid_v7());
    for (body, field) in [
        (with("slug", json!("Acme!")), "slug"),
        (with("slug", json!("a".repeat(64))), "slug"),
        (with("name", json!("")), "name"),
        (with("name", json!("a".repeat(201))), "name"),
        (with("name", json!("a\nb")), "name"),
        (with("admin", weak), "admin.password"),
        (with("admin", nobody), "admin.email"),
        (with("parent_id", unknown), "parent_id"),
    ] {
        let answer = post(app, &world.operator, TENANTS, body.clone()).await;
        answer.refused(422, "invalid_body");
        assert_eq!(answer.json()["errors"][0]["field"], field, "{body}");
    }
    let parsed: Slug = slug.parse().unwrap();
    assert!(Tenants::new(&app.db).by_slug(&parsed).await.unwrap().is_none());
}

#[tokio::test]
async fn a_reason_is_bounded_and_of_one_line() {
    let world = Platform::new().await;
    let (place, _) = world.make().await;
    for reason in ["", "a\nb", &"x".repeat(201)] {
        let answer = post(
            &world.app,
            &world.operator,
            &of(&place, "suspend"),
            json!({ "reason": reason }),
        )
        .await;
        answer.refused(422, "invalid_body");
    }
    let answer = post(
        &world.app,
        &world.operator,
        &of(&place, "suspend"),
        json!({ "why": "x" }),
    )
    .await;
    answer.refused(422, "invalid_body");
}

/// The table once more, written another way.
fn after(status: TenantStatus, verb: TenantVerb) -> Option<TenantStatus> {
    match (status, verb) {
        (TenantStatus::Active, TenantVerb::Suspend) => Some(TenantStatus::Suspended),
        (TenantStatus::Suspended, TenantVerb::Resume) => Some(TenantStatus::Active),
        (TenantStatus::Active | TenantStatus::Suspended, TenantVerb::Close) => Some(TenantStatus::Closed),
        _ => None,
    }
}

fn verbs() -> impl Strategy<Value = Vec<TenantVerb>> {
    let verb = prop_oneof![
        4 => Just(TenantVerb::Suspend),
        4 => Just(TenantVerb::Resume),
        1 => Just(TenantVerb::Close),
    ];
    proptest::collection::vec(verb, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn whatever_is_done_in_whatever_order_a_tenant_follows_the_table(verbs in verbs()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(follows_the_table(&verbs));
    }
}

async fn follows_the_table(verbs: &[TenantVerb]) {
    let app = App::new().await;
    let place = app.place().await;
    let tenants = Tenants::new(&app.db);
    let ctx = app.test.context(place.id);
    let mut status = TenantStatus::Active;
    for verb in verbs {
        let mut tx = app.db.begin(&ctx).await.unwrap();
        let done = tenants.transition_in(&mut tx, *verb, None).await;
        tx.commit().await.unwrap();
        match after(status, *verb) {
            Some(next) => {
                assert_eq!(done.unwrap(), status);
                status = next;
            }
            None => assert!(done.is_err(), "{status:?} {verb:?}"),
        }
        let found = tenants.by_id(place.id).await.unwrap().unwrap();
        assert_eq!(found.status, status);
    }
}
