//! Somebody whom nobody knows: learns nothing of who has an account, and cannot register or have mail sent without end.

use platform_auth::{AuthConfig, Role};
use platform_core::axum::http::StatusCode;
use platform_core::sqlx::{self, Connection as _};
use serde_json::{Value, json};

use crate::support::{App, Call, PASSWORD, Place, credentials};

/// What the stranger registers with.
const CHOSEN: &str = "a mallory of a horse";

const FREE: &str = "free@example.com";
const PENDING: &str = "pending@example.com";
const TAKEN: &str = "taken@example.com";

fn verified() -> AuthConfig {
    let mut config = AuthConfig::default();
    config.verified_email = true;
    config
}

/// Two addresses that are known, made known by another instance so that the one the stranger talks to has counted nothing.
async fn world() -> (App, Place) {
    let app = App::mailing_with(verified()).await;
    let place = app.place().await;
    let other = App::mailing_on(app.test.clone(), verified()).await;
    other
        .auth
        .ensure_user(place.id, TAKEN, PASSWORD.into(), Role::User)
        .await
        .unwrap();
    other.register(&place, PENDING).await.expect(202);
    other.mails().await;
    (app, place)
}

/// Everything that the stranger is told about an address.
async fn told_of(app: &App, place: &Place, email: &str) -> Vec<(StatusCode, Option<String>, Value)> {
    let entered = credentials(email, CHOSEN);
    let asked = json!({ "email": email });
    let mut told = Vec::new();
    for (path, body, times) in [
        ("register", &entered, 6),
        ("login", &entered, 11),
        ("email/verification", &asked, 6),
        ("password/reset", &asked, 6),
    ] {
        for _ in 0..times {
            let answer = app.post(place, path, body).await;
            let retry_after = answer.headers.get("retry-after");
            let retry_after = retry_after.map(|value| value.to_str().unwrap().to_owned());
            let body = match answer.text.is_empty() {
                true => Value::Null,
                false => answer.anonymised().1,
            };
            told.push((answer.status, retry_after, body));
        }
        app.auth.settle_mail_requests().await;
    }
    told
}

#[tokio::test]
async fn where_addresses_are_verified_nothing_that_a_stranger_does_tells_who_has_one() {
    let (app, place) = world().await;

    let free = told_of(&app, &place, FREE).await;

    for known in [PENDING, TAKEN] {
        assert_eq!(told_of(&app, &place, known).await, free, "{known}");
    }
    // And all of it comes to an end.
    let held = free
        .iter()
        .filter(|told| told.0 == StatusCode::TOO_MANY_REQUESTS)
        .count();
    assert_eq!(held, 4, "{free:?}");
}

#[tokio::test]
async fn whoever_reads_the_mail_of_the_address_is_told_what_the_stranger_is_not() {
    let (app, place) = world().await;
    for email in [FREE, PENDING, TAKEN] {
        app.post(&place, "register", &credentials(email, CHOSEN))
            .await
            .expect(202);
    }

    let mut mails: Vec<_> = app
        .mails()
        .await
        .into_iter()
        .map(|mail| {
            let subject = mail.subject.split(": ").last().unwrap().to_owned();
            (mail.to, subject)
        })
        .collect();
    mails.sort();

    let expected = [
        (FREE, "confirm your e-mail address"),
        (PENDING, "confirm your e-mail address"),
        (TAKEN, "you have an account already"),
    ];
    assert_eq!(
        mails,
        expected.map(|(to, subject)| (to.to_owned(), subject.to_owned()))
    );
}

/// A time cannot be compared in a test; what the answer waits for can.
#[tokio::test]
async fn the_answer_to_a_registration_does_not_wait_for_a_look_at_users() {
    let test = Box::pin(platform_core::testing::TestDb::own(&crate::support::SCHEMAS)).await;
    let app = App::mailing_on(test, verified()).await;
    let place = app.place().await;
    app.auth
        .ensure_user(place.id, TAKEN, PASSWORD.into(), Role::User)
        .await
        .unwrap();
    let mut superuser = app.superuser().await;
    let mut locked = superuser.begin().await.unwrap();
    for lock in [
        "lock table platform_auth.subject in access exclusive mode",
        "lock table platform_crypto.blind_tag in access exclusive mode",
    ] {
        sqlx::query(lock).execute(&mut *locked).await.unwrap();
    }

    for email in [FREE, TAKEN] {
        app.post(&place, "register", &credentials(email, CHOSEN))
            .await
            .expect(202);
    }

    locked.rollback().await.unwrap();
    assert_eq!(app.mails().await.len(), 2);
}

/// Past the refusals that get an event each, one under an address that nobody has is only counted.
#[tokio::test]
async fn the_answer_to_a_failed_sign_in_waits_for_no_event_that_only_an_account_gets() {
    let mut config = AuthConfig::default();
    config.refusals.strangers.burst = 1;
    let test = Box::pin(platform_core::testing::TestDb::own(&crate::support::SCHEMAS)).await;
    let app = App::on(test, config).await;
    let place = app.place().await;
    app.user(&place, TAKEN).await;
    app.sign_in(&place, FREE, CHOSEN).await.expect(401);
    let mut superuser = app.superuser().await;
    let mut locked = superuser.begin().await.unwrap();
    sqlx::query("lock table platform_audit.event in access exclusive mode")
        .execute(&mut *locked)
        .await
        .unwrap();

    for email in [FREE, TAKEN] {
        app.sign_in(&place, email, CHOSEN)
            .await
            .refused(401, "invalid_credentials");
    }

    locked.rollback().await.unwrap();
    app.auth.settle_mail_requests().await;
    let reasons: Vec<String> = sqlx::query_scalar(
        "select reason from platform_audit.event where tenant_id = $1 and action = 'auth.sign_in' order by reason",
    )
    .bind(place.id)
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    assert_eq!(reasons, ["unknown_user", "wrong_password"]);
}

#[tokio::test]
async fn registrations_are_slowed_down_for_each_source_and_each_tenant_whatever_comes_of_them() {
    let mut config = AuthConfig::default();
    config.registrations.address.burst = 3;
    config.registrations.account.burst = 5;
    let app = App::with(config).await;
    let (acme, globex) = (app.place().await, app.place().await);
    let register = async |place: &Place, from: &str, email: &str| {
        let call = Call::post("/api/v1/auth/register").at(place).from(from);
        app.send(call.json(&credentials(email, PASSWORD))).await
    };

    register(&acme, "203.0.113.7", "ada@example.com")
        .await
        .expect(201);
    register(&acme, "203.0.113.7", "ada@example.com")
        .await
        .refused(409, "email_taken");
    register(&acme, "203.0.113.7", "no address")
        .await
        .refused(422, "invalid_body");
    let held = register(&acme, "203.0.113.7", "bob@example.com").await;
    held.refused(429, "too_many_attempts");
    assert_eq!(held.headers["retry-after"], "10");
    // The address counts, whichever tenant it asks.
    register(&globex, "203.0.113.7", "bob@example.com")
        .await
        .refused(429, "too_many_attempts");
    for at in 0..2 {
        let (from, email) = (format!("198.51.100.{at}"), format!("bob{at}@example.com"));
        register(&acme, &from, &email).await.expect(201);
    }
    register(&acme, "198.51.100.9", "eve@example.com")
        .await
        .refused(429, "too_many_attempts");
    register(&globex, "198.51.100.9", "eve@example.com")
        .await
        .expect(201);
}

#[tokio::test]
async fn asking_for_verifications_uses_up_no_resets() {
    let app = App::mailing().await;
    let place = app.place().await;
    app.user(&place, "ada@example.com").await;
    let body = json!({ "email": "ada@example.com" });
    for _ in 0..5 {
        app.post(&place, "email/verification", &body).await.expect(202);
    }
    app.post(&place, "email/verification", &body)
        .await
        .refused(429, "too_many_attempts");
    app.mails().await;

    app.post(&place, "password/reset", &body).await.expect(202);

    let mails = app.mails().await;
    assert!(
        mails.len() == 1 && mails[0].subject.ends_with("set a new password"),
        "{mails:?}"
    );
}
