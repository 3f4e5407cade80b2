//! Verifying an address, and setting a forgotten password.

use std::time::Duration;

use axum::http::StatusCode;
use base64::Engine as _;
use platform_auth::{AuthConfig, Role};
use platform_core::{TenantId, axum, sqlx};
use serde_json::json;

use crate::support::{Answer, App, Authenticator, PASSWORD, Place};

const TICK: Duration = Duration::from_micros(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
const NEW: &str = "battery horse correct";

async fn ask_for_reset(app: &App, place: &Place, email: &str) -> Answer {
    app.post(place, "password/reset", &json!({ "email": email }))
        .await
}

async fn reset(app: &App, place: &Place, token: &str, password: &str) -> Answer {
    let body = json!({ "token": token, "new_password": password });
    app.post(place, "password/reset/confirm", &body).await
}

/// Verifies an address as somebody who is not signed in.
async fn verify(app: &App, place: &Place, token: &str) -> Answer {
    let body = json!({ "token": token, "new_password": PASSWORD });
    app.post(place, "email/verify", &body).await
}

async fn is_verified(app: &App, token: &str) -> bool {
    let call = crate::support::Call::get("/api/v1/auth/credentials").bearer(token);
    app.send(call).await.expect(200).json()["email_verified"] == true
}

#[tokio::test]
async fn a_registration_sends_a_token_that_verifies_the_address_once() {
    let app = App::mailing().await;
    let place = app.place().await;
    let session = app.user(&place, "Ada@Example.com").await;
    assert!(!is_verified(&app, &session).await);

    let mails = app.mails().await;

    let [mail] = &mails[..] else { panic!("{mails:?}") };
    assert_eq!(mail.to, "Ada@Example.com");
    let body = json!({ "token": mail.token() });
    app.post_as(&session, "email/verify", &body).await.expect(204);
    assert!(is_verified(&app, &session).await);
    verify(&app, &place, &mail.token())
        .await
        .refused(422, "invalid_one_time_token");
    // Once it is verified there is nothing to send.
    let body = json!({ "email": "ada@example.com" });
    app.post(&place, "email/verification", &body).await.expect(202);
    assert_eq!(app.mails().await, []);
}

#[tokio::test]
async fn a_newer_token_voids_the_older_and_each_ends_at_its_very_instant() {
    let app = App::mailing().await;
    let place = app.place().await;
    app.user(&place, "ada@example.com").await;
    let first = app.mails().await[0].token();
    let body = json!({ "email": "ada@example.com" });
    app.post(&place, "email/verification", &body).await.expect(202);
    let second = app.mails().await[0].token();

    verify(&app, &place, &first)
        .await
        .refused(422, "invalid_one_time_token");
    app.clock.advance(24 * HOUR);
    verify(&app, &place, &second)
        .await
        .refused(422, "invalid_one_time_token");
    app.post(&place, "email/verification", &body).await.expect(202);
    let third = app.mails().await[0].token();
    app.clock.advance(24 * HOUR - TICK);
    verify(&app, &place, &third).await.expect(204);
}

#[tokio::test]
async fn whoever_asks_for_a_reset_is_answered_alike_and_only_an_active_user_gets_a_mail() {
    let app = App::mailing_own().await;
    let place = app.place().await;
    app.user(&place, "ada@example.com").await;
    let disabled = app.register(&place, "disabled@example.com").await.user_id();
    let sql = format!("update platform_auth.subject set status = 'disabled' where id = '{disabled}'");
    app.by_hand("platform_auth.subject", sql).await;
    app.mails().await;

    let mut answers = Vec::new();
    for email in ["ada@example.com", "nobody@example.com", "disabled@example.com"] {
        answers.push(ask_for_reset(&app, &place, email).await);
    }

    for answer in &answers {
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::ACCEPTED, ""));
        let names = |answer: &Answer| answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(answer), names(&answers[0]));
    }
    let mails = app.mails().await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert_eq!(mails[0].to, "ada@example.com");
    let mut superuser = app.superuser().await;
    let mut reasons: Vec<Option<String>> = sqlx::query_scalar(
        "select reason from platform_audit.event where action = 'auth.password_reset_request'",
    )
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    reasons.sort();
    let expected = [
        None,
        Some("unknown_user".to_owned()),
        Some("user_disabled".to_owned()),
    ];
    assert_eq!(reasons, expected);
    ask_for_reset(&app, &place, "no address")
        .await
        .refused(422, "invalid_body");
}

#[tokio::test]
async fn a_reset_sets_the_password_ends_every_session_and_signs_nobody_in() {
    let app = App::mailing().await;
    let place = app.place().await;
    let phone = app.user(&place, "ada@example.com").await;
    let laptop = app.sign_in(&place, "ada@example.com", PASSWORD).await.token();
    app.mails().await;
    ask_for_reset(&app, &place, "ada@example.com").await.expect(202);
    let token = app.mails().await[0].token();

    // One strength over all paths, and the token is still good.
    for (weak, code) in [
        ("short", "invalid_password"),
        ("password1", "guessable_password"),
        ("ada@example.com", "guessable_password"),
    ] {
        let answer = reset(&app, &place, &token, weak).await;
        answer.refused(422, "invalid_body");
        assert_eq!(answer.json()["errors"][0]["code"], code, "{weak}");
    }
    let done = reset(&app, &place, &token, NEW).await;

    assert_eq!((done.status, done.text.as_str()), (StatusCode::NO_CONTENT, ""));
    for session in [&phone, &laptop] {
        app.me(session).await.refused(401, "invalid_token");
    }
    app.sign_in(&place, "ada@example.com", PASSWORD)
        .await
        .refused(401, "invalid_credentials");
    let session = app
        .sign_in(&place, "ada@example.com", NEW)
        .await
        .expect(200)
        .token();
    // Who has the token reads the mail.
    assert!(is_verified(&app, &session).await);
    reset(&app, &place, &token, "another horse correct")
        .await
        .refused(422, "invalid_one_time_token");
    let notice = app.mails().await;
    assert_eq!(notice.len(), 1, "{notice:?}");
    assert!(notice[0].subject.contains("a new password was set"), "{notice:?}");
}

#[tokio::test]
async fn a_reset_token_ends_after_an_hour_and_with_a_change_of_the_password() {
    let app = App::mailing().await;
    let place = app.place().await;
    let session = app.user(&place, "ada@example.com").await;
    app.mails().await;
    ask_for_reset(&app, &place, "ada@example.com").await.expect(202);
    let first = app.mails().await[0].token();
    let change = json!({ "old_password": PASSWORD, "new_password": NEW });
    app.post_as(&session, "password", &change).await.expect(200);
    reset(&app, &place, &first, "another horse correct")
        .await
        .refused(422, "invalid_one_time_token");

    app.clock.advance(HOUR);
    app.mails().await;
    ask_for_reset(&app, &place, "ada@example.com").await.expect(202);
    let second = app.mails().await[0].token();
    app.clock.advance(HOUR);
    reset(&app, &place, &second, "another horse correct")
        .await
        .refused(422, "invalid_one_time_token");
}

#[tokio::test]
async fn a_reset_does_not_bypass_the_second_factor() {
    let app = App::mailing().await;
    let place = app.place().await;
    let session = app.verified_user(&place, "ada@example.com").await;
    let (authenticator, _, _) = Authenticator::set_up(&app, &session).await;
    app.mails().await;
    ask_for_reset(&app, &place, "ada@example.com").await.expect(202);
    let token = app.mails().await[0].token();

    reset(&app, &place, &token, NEW).await.expect(204);

    let answer = app.sign_in(&place, "ada@example.com", NEW).await;
    let challenge = answer.expect(202).json()["challenge"].clone();
    app.clock.advance(Duration::from_secs(30));
    let body = json!({ "challenge": challenge, "code": authenticator.code(&app) });
    app.post(&place, "login/second-factor", &body).await.expect(200);
}

#[tokio::test]
async fn a_token_is_good_for_its_own_purpose_and_tenant_only() {
    let app = App::mailing().await;
    let (acme, globex) = (app.place().await, app.place().await);
    for place in [&acme, &globex] {
        app.user(place, "ada@example.com").await;
    }
    let verification = app.mails().await[0].token();
    let of_acme = |token: &str| token[5..27] == tenant_in_token(acme.id);
    let (ours, theirs) = match of_acme(&verification) {
        true => (&acme, &globex),
        false => (&globex, &acme),
    };

    reset(&app, ours, &verification, NEW)
        .await
        .refused(422, "invalid_one_time_token");
    verify(&app, theirs, &verification)
        .await
        .refused(422, "invalid_one_time_token");
    let body = json!({ "challenge": verification, "code": "123456" });
    app.post(ours, "login/second-factor", &body)
        .await
        .refused(401, "invalid_challenge");
    app.me(&verification).await.refused(401, "invalid_token");
    for nonsense in [
        "",
        "pot1_",
        &verification[..77],
        &verification.replace("pot1", "pst1"),
    ] {
        verify(&app, ours, nonsense)
            .await
            .refused(422, "invalid_one_time_token");
    }
    verify(&app, ours, &verification).await.expect(204);
}

fn tenant_in_token(tenant: TenantId) -> String {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(tenant.as_uuid().as_bytes())
}

#[tokio::test]
async fn one_user_gets_five_mails_an_hour_and_whoever_asks_on_waits() {
    let app = App::mailing().await;
    let place = app.place().await;
    app.user(&place, "ada@example.com").await;
    app.mails().await;

    for _ in 0..5 {
        ask_for_reset(&app, &place, "ada@example.com").await.expect(202);
    }
    let refused = ask_for_reset(&app, &place, "Ada@example.com").await;
    refused.refused(429, "too_many_attempts");
    assert_eq!(refused.headers["retry-after"], "600");
    for _ in 0..5 {
        ask_for_reset(&app, &place, "nobody@example.com")
            .await
            .expect(202);
    }
    ask_for_reset(&app, &place, "nobody@example.com")
        .await
        .refused(429, "too_many_attempts");
    assert_eq!(app.mails().await.len(), 5);

    // Another instance counts for itself; the database does not.
    app.clock.advance(Duration::from_secs(600));
    ask_for_reset(&app, &place, "ada@example.com").await.expect(202);
    assert_eq!(app.mails().await, []);
    app.clock.advance(HOUR);
    ask_for_reset(&app, &place, "ada@example.com").await.expect(202);
    assert_eq!(app.mails().await.len(), 1);
}

#[tokio::test]
async fn where_it_is_asked_for_nobody_signs_in_before_the_address_is_verified() {
    let mut config = AuthConfig::default();
    config.verified_email = true;
    let app = App::mailing_with(config).await;
    let place = app.place().await;

    let registered = app.register(&place, "ada@example.com").await;
    assert_eq!(
        registered.expect(202).json(),
        json!({ "email_verification": "required" })
    );
    app.sign_in(&place, "ada@example.com", "wrong horse")
        .await
        .refused(401, "invalid_credentials");
    app.sign_in(&place, "ada@example.com", PASSWORD)
        .await
        .refused(401, "invalid_credentials");
    let token = app.mails().await[0].token();
    verify(&app, &place, &token).await.expect(204);
    app.sign_in(&place, "ada@example.com", PASSWORD).await.expect(200);
    // Whom the operator made is answered for.
    let admin = app.admin(&place).await;
    assert!(is_verified(&app, &admin).await);
}

#[tokio::test]
async fn where_addresses_are_verified_registering_does_not_tell_who_has_one() {
    let mut config = AuthConfig::default();
    config.verified_email = true;
    let app = App::mailing_with(config).await;
    let place = app.place().await;
    let first = app.register(&place, "ada@example.com").await;
    let token = app.mails().await[0].token();
    verify(&app, &place, &token).await.expect(204);

    let again = json!({ "email": "Ada@example.com", "password": "a mallory of a horse" });
    let second = app.post(&place, "register", &again).await;

    assert_eq!((second.status, &second.text), (first.status, &first.text));
    let mails = app.mails().await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(
        mails[0].subject.ends_with("you have an account already"),
        "{mails:?}"
    );
    assert_eq!(mails[0].to, "ada@example.com");
    assert!(!mails[0].text.contains("pot1_"));
    app.sign_in(&place, "ada@example.com", "a mallory of a horse")
        .await
        .refused(401, "invalid_credentials");
    // One address gets no more mail than may be asked for.
    for _ in 0..3 {
        app.post(&place, "register", &again).await.expect(202);
    }
    app.post(&place, "register", &again)
        .await
        .refused(429, "too_many_attempts");
    assert_eq!(app.mails().await.len(), 3);
}

#[tokio::test]
async fn a_service_without_mail_says_so() {
    let app = App::new().await;
    let place = app.place().await;
    app.auth
        .ensure_user(place.id, "ada@example.com", PASSWORD.into(), Role::User)
        .await
        .unwrap();

    for path in ["password/reset", "email/verification"] {
        for email in ["ada@example.com", "nobody@example.com"] {
            app.post(&place, path, &json!({ "email": email }))
                .await
                .refused(501, "no_mail");
        }
    }
}
