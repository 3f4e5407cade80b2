//! Invitations that nobody accepts in time.

use std::time::Duration;

use axum::http::Method;
use platform_core::{axum, sqlx};
use serde_json::json;

use crate::support::{App, Place};
use crate::world::{call, get, post, recorded};

const INVITATIONS: &str = "/admin/v1/invitations";
const HOUR: Duration = Duration::from_secs(60 * 60);

async fn invite(app: &App, admin: &str, role: Option<&str>, at: usize) -> String {
    let body = json!({
        "email": format!("u{at}@example.com"), "role": "admin", "roles": Vec::from_iter(role), "expires_in_s": 3600,
    });
    let invited = post(app, admin, INVITATIONS, body).await.expect(201).json();
    invited["invitation"]["id"].as_str().unwrap().to_owned()
}

/// Of how many invitations of a tenant it is known whom they invited, or to what.
async fn known(app: &App, place: &Place) -> i64 {
    sqlx::query_scalar(
        "select count(*) from platform_auth.invitation
         where tenant_id = $1 and (email_sealed is not null or builtin_role <> 'user' or cardinality(role_ids) > 0)
           and accepted_at is null and revoked_at is null",
    )
    .bind(place.id)
    .fetch_one(&mut app.superuser().await)
    .await
    .unwrap()
}

#[tokio::test]
async fn whom_an_expired_invitation_had_invited_and_to_what_is_forgotten_and_the_trail_tells() {
    let app = App::own().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    let role = json!({ "name": "Deputy", "permissions": ["grants:manage"] });
    let role = post(&app, &admin, "/admin/v1/roles", role)
        .await
        .expect(201)
        .json();
    let first = invite(&app, &admin, role["id"].as_str(), 0).await;
    let revoked = invite(&app, &admin, None, 1).await;
    let path = format!("{INVITATIONS}/{revoked}");
    call(&app, &admin, Method::DELETE, &path, None).await.expect(204);
    app.clock.advance(HOUR / 2);
    let admin = app.admin(&place).await;
    let open = invite(&app, &admin, None, 2).await;
    assert_eq!(app.auth.forget_expired_invitations().await.unwrap(), 0);
    assert_eq!(known(&app, &place).await, 2);
    app.clock.advance(HOUR / 2);

    let forgotten = app.auth.forget_expired_invitations().await.unwrap();

    assert_eq!(forgotten, 1);
    assert_eq!(known(&app, &place).await, 1);
    let events = recorded(&app, &place, "auth.invitation_forget").await;
    assert_eq!(events.len(), 1);
    let admin = app.admin(&place).await;
    let listed = get(&app, &admin, INVITATIONS).await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    assert_eq!(listed["data"][0]["id"], json!(open));
    let target: String = sqlx::query_scalar(
        "select target_id::text from platform_audit.event where tenant_id = $1 and action = 'auth.invitation_forget'",
    )
    .bind(place.id)
    .fetch_one(&mut app.superuser().await)
    .await
    .unwrap();
    assert_eq!(target, first);
    assert_eq!(app.auth.forget_expired_invitations().await.unwrap(), 0);
}

#[tokio::test]
async fn a_round_forgets_so_many_and_the_next_one_goes_on() {
    let app = App::own().await;
    let place = app.place().await;
    let other = app.place().await;
    let admin = app.admin(&place).await;
    let theirs = app.admin(&other).await;
    let invited = invite(&app, &admin, None, 0).await;
    invite(&app, &theirs, None, 0).await;
    // As many as nobody could send within a test.
    app.by_hand(
        "platform_auth.invitation",
        format!(
            "insert into platform_auth.invitation
               (tenant_id, id, subject_id, email_sealed, token_hash, builtin_role, invited_at, expires_at)
             select i.tenant_id, gen_random_uuid(), gen_random_uuid(), i.email_sealed, sha256(n::text::bytea), 'admin', i.invited_at,
                    i.expires_at
             from platform_auth.invitation i, generate_series(1, 1199) n where i.id = '{invited}'"
        ),
    )
    .await;
    app.clock.advance(HOUR);

    let rounds = [
        app.auth.forget_expired_invitations().await.unwrap(),
        app.auth.forget_expired_invitations().await.unwrap(),
        app.auth.forget_expired_invitations().await.unwrap(),
    ];

    assert_eq!(rounds, [1_000, 201, 0]);
    assert_eq!(known(&app, &place).await + known(&app, &other).await, 0);
    let told = recorded(&app, &place, "auth.invitation_forget").await.len()
        + recorded(&app, &other, "auth.invitation_forget").await.len();
    assert_eq!(told, 1_201);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_who_forget_at_once_each_forgets_others() {
    let app = App::own().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    for at in 0..20 {
        invite(&app, &admin, None, at).await;
    }
    app.clock.advance(HOUR);

    let rounds = (0..8).map(|_| {
        let auth = app.auth.clone();
        tokio::spawn(async move { auth.forget_expired_invitations().await.unwrap() })
    });
    let mut forgotten = 0;
    for round in Vec::from_iter(rounds) {
        forgotten += round.await.unwrap();
    }

    assert_eq!(forgotten, 20);
    assert_eq!(recorded(&app, &place, "auth.invitation_forget").await.len(), 20);
}
