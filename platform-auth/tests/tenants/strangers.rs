//! Invited addresses that somebody else registers.

use std::sync::Arc;

use futures::future::{join, join_all};
use platform_auth::AuthConfig;
use platform_core::axum::http::StatusCode;
use platform_core::sqlx;
use serde_json::{Value, json};

use crate::support::{Answer, App, PASSWORD, Place};
use crate::world::{get, post, recorded};

const INVITATIONS: &str = "/admin/v1/invitations";
const OTHER: &str = "battery horse correct";
const ADA: &str = "ada@example.com";

async fn world(config: AuthConfig) -> (Arc<App>, Place, String) {
    let app = Arc::new(App::mailing_with(config).await);
    let place = app.place().await;
    let admin = app.admin(&place).await;
    (app, place, admin)
}

/// Invites to a role of the tenant's own, and gives the token that came by mail.
async fn invite(app: &App, admin: &str) -> String {
    let role = json!({ "name": "Deputy", "permissions": ["grants:manage"] });
    let role = post(app, admin, "/admin/v1/roles", role).await.expect(201).json();
    let body = json!({ "email": ADA, "roles": [role["id"]] });
    post(app, admin, INVITATIONS, body).await.expect(201);
    let mails = app.mails().await;
    mails.iter().find(|mail| mail.to == ADA).unwrap().token()
}

async fn accept(app: &App, place: &Place, token: &str) -> Answer {
    let body = json!({ "token": token, "password": OTHER, "first_name": "Ada" });
    app.post(place, "invitations/accept", &body).await
}

#[tokio::test]
async fn the_owner_of_an_invited_address_gets_the_account_of_a_stranger_who_keeps_nothing() {
    let (app, place, admin) = world(AuthConfig::default()).await;
    let token = invite(&app, &admin).await;
    let registered = app.register(&place, "ADA@example.com").await;
    let (stranger, account) = (registered.token(), registered.user_id());
    let verification = app.mails().await.remove(0).token();
    get(&app, &stranger, "/admin/v1/grants")
        .await
        .refused(403, "forbidden");

    let accepted = accept(&app, &place, &token).await;

    accepted.expect(201);
    assert_eq!(accepted.user_id(), account);
    assert_eq!(accepted.json()["user"]["email"], ADA);
    assert_eq!(accepted.json()["user"]["first_name"], "Ada");
    app.me(&stranger).await.refused(401, "invalid_token");
    app.sign_in(&place, ADA, PASSWORD)
        .await
        .refused(401, "invalid_credentials");
    let owner = app.sign_in(&place, ADA, OTHER).await.expect(200).token();
    get(&app, &owner, "/admin/v1/grants").await.expect(200);
    let credentials = get(&app, &owner, "/api/v1/auth/credentials").await.json();
    assert_eq!(credentials["email_verified"], true);
    // What had gone to the address before is worthless too.
    let body = json!({ "token": verification, "new_password": "correct horse staple" });
    app.post(&place, "email/verify", &body)
        .await
        .refused(422, "invalid_one_time_token");
    accept(&app, &place, &token)
        .await
        .refused(422, "invalid_invitation");
    let (_, _, _, detail) = recorded(&app, &place, "auth.invitation_accept").await.remove(0);
    assert_eq!(detail.unwrap()["account"], "taken_over");
    for action in ["auth.email_verify", "auth.credential_change", "access.role_grant"] {
        assert_eq!(recorded(&app, &place, action).await.len(), 1, "{action}");
    }
}

#[tokio::test]
async fn where_addresses_are_verified_first_nobody_is_kept_out_either() {
    let mut config = AuthConfig::default();
    config.verified_email = true;
    let (app, place, admin) = world(config).await;
    let token = invite(&app, &admin).await;
    app.register(&place, ADA).await.expect(202);
    app.auth.settle_mail_requests().await;

    let accepted = accept(&app, &place, &token).await.expect(201).token();

    get(&app, &accepted, "/admin/v1/grants").await.expect(200);
    app.sign_in(&place, ADA, PASSWORD)
        .await
        .refused(401, "invalid_credentials");
    app.sign_in(&place, ADA, OTHER).await.expect(200);
}

#[tokio::test]
async fn an_invitation_makes_an_admin_of_a_user() {
    let (app, place, admin) = world(AuthConfig::default()).await;
    let body = json!({ "email": ADA, "role": "admin" });
    post(&app, &admin, INVITATIONS, body).await.expect(201);
    let token = app.mails().await.remove(0).token();
    app.register(&place, ADA).await.expect(201);

    let accepted = accept(&app, &place, &token).await.expect(201).token();

    get(&app, &accepted, "/admin/v1/users").await.expect(200);
    let (_, _, changes, _) = recorded(&app, &place, "access.role_set").await.remove(0);
    assert_eq!(
        changes.unwrap()["role"],
        json!({ "before": "user", "after": "admin" })
    );
}

/// Who invited has the token, and would get any account whose address they can type.
#[tokio::test]
async fn a_token_that_was_handed_over_takes_no_account_over() {
    let app = App::new().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    let invited = post(&app, &admin, INVITATIONS, json!({ "email": ADA })).await;
    let token = invited.expect(201).json()["token"].as_str().unwrap().to_owned();
    let user = app.user(&place, ADA).await;

    accept(&app, &place, &token)
        .await
        .refused(422, "invalid_invitation");

    app.me(&user).await.expect(200);
    app.sign_in(&place, ADA, PASSWORD).await.expect(200);
    let open = get(&app, &admin, INVITATIONS).await.json();
    assert_eq!(open["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_verified_account_and_a_disabled_one_are_not_taken_over() {
    let (app, place, admin) = world(AuthConfig::default()).await;
    let token = invite(&app, &admin).await;
    let registered = app.registered(&place, ADA).await;

    accept(&app, &place, &token)
        .await
        .refused(422, "invalid_invitation");

    app.me(&registered.token()).await.expect(200);
    for sql in ["email_verified_at = null", "status = 'disabled'"] {
        let id = registered.user_id();
        let sql = format!("update platform_auth.subject set {sql} where id = '{id}'");
        app.by_hand("platform_auth.subject", sql).await;
    }
    accept(&app, &place, &token)
        .await
        .refused(422, "invalid_invitation");
}

#[tokio::test]
async fn of_many_who_accept_at_once_one_gets_the_account() {
    let (app, place, admin) = world(AuthConfig::default()).await;
    let token = invite(&app, &admin).await;
    app.register(&place, ADA).await.expect(201);

    let answers = join_all((0..16).map(|_| accept(&app, &place, &token))).await;

    let accepted = |answer: &&Answer| answer.status == StatusCode::CREATED;
    assert_eq!(answers.iter().filter(accepted).count(), 1);
    for answer in answers.iter().filter(|answer| !accepted(answer)) {
        answer.refused(422, "invalid_invitation");
    }
    let live: i64 = sqlx::query_scalar(
        "select count(*) from platform_auth.role_grant g join platform_auth.subject s on s.tenant_id = g.tenant_id and s.id = g.subject_id
         where g.tenant_id = $1 and g.revoked_at is null",
    )
    .bind(place.id)
    .fetch_one(&mut app.superuser().await)
    .await
    .unwrap();
    assert_eq!(live, 1);
}

#[tokio::test]
async fn whoever_registers_while_the_owner_accepts_is_out() {
    let (app, place, admin) = world(AuthConfig::default()).await;
    for at in 0..8 {
        let email = format!("u{at}@example.com");
        let body = json!({ "email": email });
        post(&app, &admin, INVITATIONS, body).await.expect(201);
        let mails = app.mails().await;
        let token = mails.iter().find(|mail| mail.to == email).unwrap().token();

        let (accepted, registered) = join(accept(&app, &place, &token), app.register(&place, &email)).await;

        assert_ne!(accepted.expect(201).json()["token"], Value::Null);
        match registered.status {
            StatusCode::CREATED => app.me(&registered.token()).await.refused(401, "invalid_token"),
            _ => registered.refused(409, "email_taken"),
        }
        app.sign_in(&place, &email, OTHER).await.expect(200);
    }
}
