use std::time::Duration;

use axum::http::{Method, StatusCode};
use futures::future::{join, join_all};
use platform_auth::Role;
use platform_core::{axum, sqlx};
use serde_json::{Value, json};

use crate::support::{Answer, App, Call, PASSWORD, Place};
use crate::world::{Platform, TENANTS, call, fresh_slug, get, post, recorded};

const INVITATIONS: &str = "/admin/v1/invitations";
const OTHER: &str = "battery horse correct";

async fn world() -> (App, Place, String) {
    let app = App::new().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    (app, place, admin)
}

async fn invite(app: &App, admin: &str, body: Value) -> (String, String) {
    let invited = post(app, admin, INVITATIONS, body).await;
    let invited = invited.expect(201).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&invited["invitation"]["id"]), text(&invited["token"]))
}

async fn accept(app: &App, place: &Place, token: &str) -> Answer {
    let body = json!({ "token": token, "password": OTHER, "first_name": "Ada" });
    app.post(place, "invitations/accept", &body).await
}

fn ids(page: &Value) -> Vec<String> {
    let data = page["data"].as_array().unwrap();
    data.iter()
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn who_is_invited_becomes_a_user_with_the_roles_of_the_invitation() {
    let (app, place, admin) = world().await;
    let role = json!({ "name": "Deputy", "permissions": ["grants:manage"] });
    let role = post(&app, &admin, "/admin/v1/roles", role)
        .await
        .expect(201)
        .json();
    let body = json!({ "email": "Ada@example.com", "roles": [role["id"]] });
    let (id, token) = invite(&app, &admin, body).await;
    let open = get(&app, &admin, INVITATIONS).await.expect(200).json();
    assert_eq!(open["data"][0]["email"], "Ada@example.com");
    assert_eq!(open["data"][0]["role"], "user");

    let accepted = accept(&app, &place, &token).await;

    let accepted = accepted.expect(201);
    assert_eq!(accepted.json()["user"]["email"], "Ada@example.com");
    let ada = accepted.token();
    get(&app, &ada, "/admin/v1/grants").await.expect(200);
    get(&app, &ada, "/admin/v1/users").await.refused(403, "forbidden");
    app.sign_in(&place, "ada@example.com", OTHER).await.expect(200);
    let credentials = get(&app, &ada, "/api/v1/auth/credentials").await.json();
    assert_eq!(credentials["email_verified"], true);
    assert!(ids(&get(&app, &admin, INVITATIONS).await.json()).is_empty());
    let (_, _, _, detail) = recorded(&app, &place, "auth.invitation_create").await.remove(0);
    assert_eq!(detail.unwrap()["email"], "A***@e***.com");
    for action in ["auth.invitation_accept", "auth.register", "access.role_grant"] {
        assert!(!recorded(&app, &place, action).await.is_empty(), "{action}");
    }
    let left: (bool,) =
        sqlx::query_as("select email_sealed is null from platform_auth.invitation where id = $1::uuid")
            .bind(id)
            .fetch_one(&mut app.superuser().await)
            .await
            .unwrap();
    assert!(left.0);
}

#[tokio::test]
async fn where_mail_is_sent_the_token_goes_to_the_address_alone() {
    let app = App::mailing().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;

    let body = json!({ "email": "ada@example.com" });
    let invited = post(&app, &admin, INVITATIONS, body).await.expect(201).json();

    assert_eq!(invited["token"], Value::Null);
    let mails = app.mails().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, "ada@example.com");
    let token = mails[0].token();
    accept(&app, &place, &token).await.expect(201);
}

#[tokio::test]
async fn of_many_who_accept_at_once_one_does() {
    let (app, place, admin) = world().await;
    let (_, token) = invite(&app, &admin, json!({ "email": "ada@example.com" })).await;

    let answers = join_all((0..32).map(|_| accept(&app, &place, &token))).await;

    let accepted = answers
        .iter()
        .filter(|answer| answer.status == StatusCode::CREATED)
        .count();
    assert_eq!(accepted, 1);
    for answer in answers
        .iter()
        .filter(|answer| answer.status != StatusCode::CREATED)
    {
        answer.refused(422, "invalid_invitation");
    }
    assert_eq!(recorded(&app, &place, "auth.invitation_accept").await.len(), 1);
    assert_eq!(recorded(&app, &place, "auth.register").await.len(), 2);
}

#[tokio::test]
async fn an_invitation_is_accepted_or_revoked_and_not_both() {
    let (app, place, admin) = world().await;
    for at in 0..6 {
        let email = format!("ada{at}@example.com");
        let (id, token) = invite(&app, &admin, json!({ "email": email })).await;
        let path = format!("{INVITATIONS}/{id}");

        let revoking = call(&app, &admin, Method::DELETE, &path, None);
        let (accepted, revoked) = join(accept(&app, &place, &token), revoking).await;

        match accepted.status {
            StatusCode::CREATED => revoked.refused(404, "not_found"),
            _ => {
                accepted.refused(422, "invalid_invitation");
                revoked.expect(204);
            }
        }
    }
}

#[tokio::test]
async fn every_token_that_does_not_hold_is_answered_alike() {
    let (app, place, admin) = world().await;
    let globex = app.place().await;
    let their_admin = app.admin(&globex).await;
    let (_, foreign) = invite(&app, &their_admin, json!({ "email": "ada@example.com" })).await;
    let (_, used) = invite(&app, &admin, json!({ "email": "ada@example.com" })).await;
    accept(&app, &place, &used).await.expect(201);
    let (_, of_user) = invite(&app, &admin, json!({ "email": "ADA@example.com" })).await;
    let (id, revoked) = invite(&app, &admin, json!({ "email": "bob@example.com" })).await;
    call(&app, &admin, Method::DELETE, &format!("{INVITATIONS}/{id}"), None)
        .await
        .expect(204);
    let unknown = accept(&app, &place, "pot1_nonsense").await;
    unknown.refused(422, "invalid_invitation");

    for token in [&foreign, &used, &of_user, &revoked, &admin, &"x".repeat(10_000)] {
        assert_eq!(
            accept(&app, &place, token).await.anonymised(),
            unknown.anonymised()
        );
    }
    let body = json!({ "email": "eve@example.com", "expires_in_s": 3600 });
    let (_, late) = invite(&app, &admin, body).await;
    app.clock.advance(Duration::from_secs(3600));
    assert_eq!(
        accept(&app, &place, &late).await.anonymised(),
        unknown.anonymised()
    );
    // The one that another tenant has sent is good there.
    accept(&app, &globex, &foreign).await.expect(201);
}

#[tokio::test]
async fn what_has_to_be_corrected_leaves_the_invitation_open() {
    let (app, place, admin) = world().await;
    let (_, token) = invite(&app, &admin, json!({ "email": "ada@example.com" })).await;

    let body = json!({ "token": token, "password": "password", "first_name": "" });
    let refused = app.post(&place, "invitations/accept", &body).await;

    refused.refused(422, "invalid_body");
    assert_eq!(refused.json()["errors"].as_array().unwrap().len(), 2);
    accept(&app, &place, &token).await.expect(201);
}

#[tokio::test]
async fn nobody_invites_to_more_than_they_hold() {
    let (app, place, admin) = world().await;
    let role = json!({ "name": "Host", "permissions": ["users:invite"] });
    let role = post(&app, &admin, "/admin/v1/roles", role)
        .await
        .expect(201)
        .json();
    let body = json!({ "email": "host@example.com", "roles": [role["id"]] });
    let (_, token) = invite(&app, &admin, body).await;
    let host = accept(&app, &place, &token).await.expect(201).token();
    let other = json!({ "name": "Granter", "permissions": ["grants:manage"] });
    let other = post(&app, &admin, "/admin/v1/roles", other)
        .await
        .expect(201)
        .json();

    let more = json!({ "email": "ada@example.com", "role": "admin" });
    post(&app, &host, INVITATIONS, more)
        .await
        .refused(403, "exceeds_own_rights");
    let more = json!({ "email": "ada@example.com", "roles": [other["id"]] });
    post(&app, &host, INVITATIONS, more)
        .await
        .refused(403, "exceeds_own_rights");
    let same = json!({ "email": "ada@example.com", "roles": [role["id"]] });
    post(&app, &host, INVITATIONS, same).await.expect(201);
    let ada = app.user(&place, "eve@example.com").await;
    post(&app, &ada, INVITATIONS, json!({ "email": "x@example.com" }))
        .await
        .refused(403, "forbidden");
    get(&app, &ada, INVITATIONS).await.refused(403, "forbidden");
}

#[tokio::test]
async fn an_invitation_gives_nothing_that_who_sent_it_does_not_hold_any_more() {
    let (app, place, admin) = world().await;
    let role = json!({ "name": "Host", "permissions": ["users:invite", "grants:manage"] });
    let role = post(&app, &admin, "/admin/v1/roles", role)
        .await
        .expect(201)
        .json();
    let body = json!({ "email": "host@example.com", "roles": [role["id"]] });
    let (_, token) = invite(&app, &admin, body).await;
    let accepted = accept(&app, &place, &token).await;
    let (host, id) = (accepted.expect(201).token(), accepted.user_id());
    let body = json!({ "email": "ada@example.com", "roles": [role["id"]] });
    let (_, token) = invite(&app, &host, body).await;
    let grants = get(&app, &admin, &format!("/admin/v1/grants?user_id={id}"))
        .await
        .json();
    let grant = grants["data"][0]["id"].as_str().unwrap();

    call(
        &app,
        &admin,
        Method::DELETE,
        &format!("/admin/v1/grants/{grant}"),
        None,
    )
    .await
    .expect(200);

    accept(&app, &place, &token)
        .await
        .refused(422, "invalid_invitation");
    let (_, open) = invite(&app, &admin, json!({ "email": "bob@example.com" })).await;
    app.by_hand(
        "platform_auth.subject",
        format!(
            "update platform_auth.subject set status = 'disabled' where tenant_id = '{}' and role = 'admin'",
            place.id
        ),
    )
    .await;
    accept(&app, &place, &open)
        .await
        .refused(422, "invalid_invitation");
}

#[tokio::test]
async fn so_many_invitations_may_be_open_and_expired_ones_do_not_count() {
    let (app, place, admin) = world().await;
    let body = |at: usize| json!({ "email": format!("u{at}@example.com"), "expires_in_s": 3600 });
    for at in 0..100 {
        post(&app, &admin, INVITATIONS, body(at)).await.expect(201);
    }

    let refused = post(&app, &admin, INVITATIONS, body(100)).await;

    refused.refused(409, "too_many");
    assert_eq!(refused.json()["max"], 100);
    let first = get(&app, &admin, &format!("{INVITATIONS}?limit=60")).await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = get(&app, &admin, &format!("{INVITATIONS}?limit=60&cursor={cursor}"))
        .await
        .json();
    assert_eq!((ids(&first).len(), ids(&rest).len()), (60, 40));
    app.clock.advance(Duration::from_secs(3600));
    let admin = app.sign_in(&place, "admin@example.com", PASSWORD).await.token();
    assert!(ids(&get(&app, &admin, INVITATIONS).await.json()).is_empty());
    post(&app, &admin, INVITATIONS, body(100)).await.expect(201);
}

#[tokio::test]
async fn so_many_people_are_invited_in_an_hour_whatever_becomes_of_the_invitations() {
    let (app, place, admin) = world().await;
    let body = |at: usize| json!({ "email": format!("u{at}@example.com") });
    for at in 0..100 {
        let (id, _) = invite(&app, &admin, body(at)).await;
        let path = format!("{INVITATIONS}/{id}");
        call(&app, &admin, Method::DELETE, &path, None).await.expect(204);
    }

    let refused = post(&app, &admin, INVITATIONS, body(100)).await;

    refused.refused(409, "too_many");
    assert_eq!(refused.json()["max"], 100);
    assert_eq!(recorded(&app, &place, "auth.invitation_create").await.len(), 100);
    app.clock.advance(Duration::from_secs(3599));
    let admin = app.sign_in(&place, "admin@example.com", PASSWORD).await.token();
    post(&app, &admin, INVITATIONS, body(100))
        .await
        .refused(409, "too_many");
    app.clock.advance(Duration::from_secs(1));
    post(&app, &admin, INVITATIONS, body(100)).await.expect(201);
}

#[tokio::test]
async fn one_address_is_invited_only_so_often() {
    let app = App::mailing().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    let globex = app.place().await;
    let theirs = app.admin(&globex).await;
    let again = |email: &str| json!({ "email": email });
    let mut invited = 0;
    let refused = loop {
        let answer = post(&app, &admin, INVITATIONS, again("ada@example.com")).await;
        if answer.status != StatusCode::CREATED {
            break answer;
        }
        invited += 1;
        assert!(invited < 100, "nothing bounds it");
    };

    refused.refused(429, "too_many_attempts");
    assert!(refused.headers.contains_key("retry-after"));
    post(&app, &admin, INVITATIONS, again("ADA@example.com"))
        .await
        .refused(429, "too_many_attempts");
    assert_eq!(app.mails().await.len(), invited);
    // Another address, and another tenant, are another matter.
    post(&app, &admin, INVITATIONS, again("bob@example.com"))
        .await
        .expect(201);
    post(&app, &theirs, INVITATIONS, again("ada@example.com"))
        .await
        .expect(201);
}

#[tokio::test]
async fn bad_input_invites_nobody() {
    let (app, place, admin) = world().await;
    let nobody = app.test.sources().uuid_v7();
    for (body, field) in [
        (json!({ "email": "ada" }), "email"),
        (
            json!({ "email": "ada@example.com", "expires_in_s": 3599 }),
            "expires_in_s",
        ),
        (
            json!({ "email": "ada@example.com", "expires_in_s": 2_592_001 }),
            "expires_in_s",
        ),
        (json!({ "email": "ada@example.com", "role": "owner" }), "role"),
        (json!({ "email": "ada@example.com", "roles": [nobody] }), "role"),
        (json!({ "email": "ada@example.com", "roles": ["x"] }), "roles[0]"),
    ] {
        let answer = post(&app, &admin, INVITATIONS, body.clone()).await;
        answer.refused(422, "invalid_body");
        assert_eq!(answer.json()["errors"][0]["field"], field, "{body}");
    }
    let many: Vec<_> = (0..11).map(|_| app.test.sources().uuid_v7()).collect();
    let many = json!({ "email": "ada@example.com", "roles": many });
    post(&app, &admin, INVITATIONS, many)
        .await
        .refused(409, "too_many");
    assert!(recorded(&app, &place, "auth.invitation_create").await.is_empty());
}

#[tokio::test]
async fn an_invitation_of_another_tenant_is_like_none() {
    let (app, place, admin) = world().await;
    let globex = app.place().await;
    let theirs = app.admin(&globex).await;
    let (id, token) = invite(&app, &admin, json!({ "email": "ada@example.com" })).await;
    let nobody = app.test.sources().uuid_v7();

    let unknown = call(
        &app,
        &theirs,
        Method::DELETE,
        &format!("{INVITATIONS}/{nobody}"),
        None,
    )
    .await;
    let foreign = call(
        &app,
        &theirs,
        Method::DELETE,
        &format!("{INVITATIONS}/{id}"),
        None,
    )
    .await;

    unknown.refused(404, "not_found");
    assert_eq!(foreign.anonymised(), unknown.anonymised());
    assert!(ids(&get(&app, &theirs, INVITATIONS).await.json()).is_empty());
    app.send(Call::get(INVITATIONS).at(&place))
        .await
        .refused(401, "unauthenticated");
    accept(&app, &place, &token).await.expect(201);
}

#[tokio::test]
async fn no_token_and_no_address_is_in_the_database_in_the_clear() {
    let app = App::own().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    let (_, token) = invite(&app, &admin, json!({ "email": "hidden.person@example.com" })).await;

    let dump = app.dump().await;

    assert!(dump.contains("invitation"));
    for secret in [token.as_str(), &token[28..71], "hidden.person"] {
        assert!(!dump.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_tenant_can_be_made_by_inviting_its_first_admin() {
    let world = Platform::new().await;
    let slug = fresh_slug(&world.app);
    let body = json!({ "slug": slug, "name": "Acme", "admin": { "email": "ada@example.com" } });

    let made = post(&world.app, &world.operator, TENANTS, body)
        .await
        .expect(201)
        .json();

    let place = Place {
        id: made["tenant"]["id"].as_str().unwrap().parse().unwrap(),
        slug,
    };
    let token = made["invited"]["token"].as_str().unwrap();
    let ada = accept(&world.app, &place, token).await;
    assert_eq!(ada.expect(201).json()["user"]["role"], Role::Admin.as_str());
    get(&world.app, &ada.token(), "/admin/v1/users").await.expect(200);

    let path = format!("{TENANTS}/{}/invitations", place.id);
    let again = post(
        &world.app,
        &world.operator,
        &path,
        json!({ "email": "bob@example.com" }),
    )
    .await;
    let token = again.expect(201).json()["token"].as_str().unwrap().to_owned();
    accept(&world.app, &place, &token).await.expect(201);
    post(
        &world.app,
        &ada.token(),
        &path,
        json!({ "email": "eve@example.com" }),
    )
    .await
    .refused(403, "forbidden");
    world.act(&place, "close").await.expect(200);
    post(
        &world.app,
        &world.operator,
        &path,
        json!({ "email": "eve@example.com" }),
    )
    .await
    .refused(409, "tenant_status");
}

#[tokio::test]
async fn an_invitation_of_a_suspended_tenant_waits() {
    let world = Platform::new().await;
    let (place, admin) = world.make().await;
    let (_, token) = invite(&world.app, &admin, json!({ "email": "ada@example.com" })).await;

    world.act(&place, "suspend").await.expect(200);
    accept(&world.app, &place, &token)
        .await
        .refused(403, "tenant_suspended");
    world.act(&place, "resume").await.expect(200);
    accept(&world.app, &place, &token).await.expect(201);
}
