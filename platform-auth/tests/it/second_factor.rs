//! Codes of an authenticator, and recovery codes.

use std::time::Duration;

use axum::http::StatusCode;
use platform_core::{axum, sqlx};
use platform_crypto::Purpose;
use serde_json::{Value, json};

use crate::support::{Answer, App, Authenticator, Call, PASSWORD, Place};

const STEP: Duration = Duration::from_secs(30);
const MINUTE: Duration = Duration::from_secs(60);

/// The challenge of a sign-in with the right password.
async fn challenge(app: &App, place: &Place, email: &str) -> Value {
    let answer = app.sign_in(place, email, PASSWORD).await;
    let body = answer.expect(202).json();
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert!(
        body.get("token").is_none() && body.get("user").is_none(),
        "{body}"
    );
    assert_eq!(body["second_factor"], "required");
    body["challenge"].clone()
}

async fn answer(app: &App, place: &Place, challenge: &Value, code: &str) -> Answer {
    let body = json!({ "challenge": challenge, "code": code });
    app.post(place, "login/second-factor", &body).await
}

async fn credentials(app: &App, token: &str) -> Value {
    app.send(Call::get("/api/v1/auth/credentials").bearer(token))
        .await
        .expect(200)
        .json()
}

#[tokio::test]
async fn setting_up_an_authenticator_takes_the_password_and_a_first_code() {
    let app = App::mailing().await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    let other = app.sign_in(&place, "ada@example.com", PASSWORD).await.token();
    app.mails().await;

    app.post_as(&token, "totp", &json!({ "password": "wrong horse" }))
        .await
        .refused(403, "wrong_password");
    app.post_as(&token, "totp/confirm", &json!({ "code": "123456" }))
        .await
        .refused(409, "totp_not_enrolled");
    let enrolled = app
        .post_as(&token, "totp", &json!({ "password": PASSWORD }))
        .await;
    let enrolled = enrolled.expect(201).json();
    let authenticator = Authenticator::of(enrolled["secret"].as_str().unwrap());
    let url = enrolled["otpauth_url"].as_str().unwrap();
    assert!(
        url.starts_with("otpauth://totp/") && url.contains(authenticator.secret()),
        "{url}"
    );
    // Nobody is asked for codes before the first one was right.
    app.sign_in(&place, "ada@example.com", PASSWORD).await.expect(200);
    app.post_as(&token, "totp/confirm", &json!({ "code": "000000" }))
        .await
        .refused(403, "invalid_code");
    let confirmed = app
        .post_as(
            &token,
            "totp/confirm",
            &json!({ "code": authenticator.code(&app) }),
        )
        .await;

    let confirmed = confirmed.expect(200).json();
    assert_eq!(confirmed["recovery_codes"].as_array().unwrap().len(), 10);
    let new_token = confirmed["session"]["token"].as_str().unwrap();
    for dead in [&token, &other] {
        app.me(dead).await.refused(401, "invalid_token");
    }
    let status = credentials(&app, new_token).await;
    assert_eq!(
        (&status["totp"], &status["recovery_codes_left"]),
        (&json!(true), &json!(10))
    );
    app.post_as(new_token, "totp", &json!({ "password": PASSWORD }))
        .await
        .refused(409, "totp_enrolled");
    let mails = app.mails().await;
    assert!(
        mails.len() == 1 && mails[0].subject.ends_with("signing in takes a code now"),
        "{mails:?}"
    );
}

#[tokio::test]
async fn a_seed_that_is_not_confirmed_in_time_is_worth_nothing() {
    let app = App::new().await;
    let place = app.place().await;
    let token = app.user(&place, "ada@example.com").await;
    let body = json!({ "password": PASSWORD });
    let first = app.post_as(&token, "totp", &body).await.expect(201).json();
    let second = app.post_as(&token, "totp", &body).await.expect(201).json();
    let code = |enrolled: &Value| json!({ "code": Authenticator::of(enrolled["secret"].as_str().unwrap()).code(&app) });

    app.post_as(&token, "totp/confirm", &code(&first))
        .await
        .refused(403, "invalid_code");
    app.clock.advance(15 * MINUTE);
    app.post_as(&token, "totp/confirm", &code(&second))
        .await
        .refused(409, "totp_not_enrolled");
}

#[tokio::test]
async fn signing_in_takes_a_code_and_the_session_tells_how() {
    let app = App::new().await;
    let place = app.place().await;
    let token = app.user(&place, "ada@example.com").await;
    let (authenticator, before, _) = Authenticator::set_up(&app, &token).await;
    app.clock.advance(STEP);

    let challenge = challenge(&app, &place, "ada@example.com").await;
    app.me(challenge.as_str().unwrap())
        .await
        .refused(401, "invalid_token");
    let code = authenticator.code(&app);
    let body = json!({ "challenge": challenge, "code": format!("{} {}", &code[..3], &code[3..]) });
    let call = Call::post("/api/v1/auth/login/second-factor").bearer(&before);
    let signed_in = app.send(call.json(&body)).await;

    let after = signed_in.expect(200).token();
    assert_eq!(app.me(&after).await.status, StatusCode::OK);
    // The session from which it came ended with it.
    app.me(&before).await.refused(401, "invalid_token");
    let mut superuser = app.superuser().await;
    let methods: Vec<Vec<String>> = sqlx::query_scalar(
        "select amr from platform_auth.session where tenant_id = $1 and auth_time = created_at order by cardinality(amr)",
    )
    .bind(place.id)
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    assert_eq!(methods, [vec!["pwd"], vec!["pwd", "otp"], vec!["pwd", "otp"]]);
    let recorded: Vec<(String, String)> = sqlx::query_as(
        "select action, outcome from platform_audit.event where tenant_id = $1
         and action in ('auth.second_factor_challenge', 'auth.sign_in') order by recorded_at",
    )
    .bind(place.id)
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    let recorded: Vec<_> = recorded
        .iter()
        .map(|(action, outcome)| (action.as_str(), outcome.as_str()))
        .collect();
    assert_eq!(
        recorded,
        [
            ("auth.second_factor_challenge", "success"),
            ("auth.sign_in", "success")
        ]
    );
}

#[tokio::test]
async fn a_code_holds_in_its_step_and_the_next_and_once() {
    let app = App::new().await;
    let place = app.place().await;
    let token = app.user(&place, "ada@example.com").await;
    let (authenticator, _, _) = Authenticator::set_up(&app, &token).await;
    let email = "ada@example.com";

    // The code that confirmed is used.
    let first = challenge(&app, &place, email).await;
    answer(&app, &place, &first, &authenticator.code(&app))
        .await
        .refused(401, "invalid_code");
    app.clock.advance(STEP);
    let code = authenticator.code(&app);
    app.clock.advance(STEP);
    answer(&app, &place, &first, &code).await.expect(200);
    // The same code, and one of an older step, under another challenge.
    let second = challenge(&app, &place, email).await;
    answer(&app, &place, &second, &code)
        .await
        .refused(401, "invalid_code");
    let late = authenticator.code(&app);
    app.clock.advance(2 * STEP);
    answer(&app, &place, &second, &late)
        .await
        .refused(401, "invalid_code");
    answer(&app, &place, &second, &authenticator.code(&app))
        .await
        .expect(200);
    // A challenge is good once, too.
    app.clock.advance(STEP);
    answer(&app, &place, &second, &authenticator.code(&app))
        .await
        .refused(401, "invalid_challenge");
}

#[tokio::test]
async fn a_challenge_ends_after_five_minutes_with_the_next_one_and_with_the_fifth_wrong_code() {
    let app = App::new().await;
    let place = app.place().await;
    let email = "ada@example.com";
    let token = app.user(&place, email).await;
    let (authenticator, _, _) = Authenticator::set_up(&app, &token).await;
    app.clock.advance(STEP);

    let expired = challenge(&app, &place, email).await;
    app.clock.advance(5 * MINUTE);
    answer(&app, &place, &expired, &authenticator.code(&app))
        .await
        .refused(401, "invalid_challenge");
    let superseded = challenge(&app, &place, email).await;
    let guessed = challenge(&app, &place, email).await;
    answer(&app, &place, &superseded, &authenticator.code(&app))
        .await
        .refused(401, "invalid_challenge");
    for _ in 0..5 {
        answer(&app, &place, &guessed, "000000")
            .await
            .refused(401, "invalid_code");
    }
    answer(&app, &place, &guessed, &authenticator.code(&app))
        .await
        .refused(401, "invalid_challenge");
}

#[tokio::test]
async fn guessing_codes_is_slowed_down_whatever_the_challenge() {
    let app = App::new().await;
    let place = app.place().await;
    let email = "ada@example.com";
    let token = app.user(&place, email).await;
    let (authenticator, _, _) = Authenticator::set_up(&app, &token).await;
    let first = challenge(&app, &place, email).await;
    for _ in 0..5 {
        answer(&app, &place, &first, "000000")
            .await
            .refused(401, "invalid_code");
    }

    let second = challenge(&app, &place, email).await;
    let held = answer(&app, &place, &second, "000000").await;

    held.refused(429, "too_many_attempts");
    assert_eq!(held.headers["retry-after"], "120");
    app.clock.advance(2 * MINUTE);
    answer(&app, &place, &second, &authenticator.code(&app))
        .await
        .expect(200);
    let mut superuser = app.superuser().await;
    let failures: i64 = sqlx::query_scalar(
        "select count(*) from platform_audit.event where tenant_id = $1 and action = 'auth.sign_in' and reason = 'invalid_code'",
    )
    .bind(place.id)
    .fetch_one(&mut superuser)
    .await
    .unwrap();
    assert_eq!(failures, 5);
}

#[tokio::test]
async fn who_knows_the_password_gets_thirty_challenges_an_hour() {
    let app = App::new().await;
    let place = app.place().await;
    let email = "ada@example.com";
    let token = app.user(&place, email).await;
    Authenticator::set_up(&app, &token).await;
    for _ in 0..30 {
        challenge(&app, &place, email).await;
    }

    app.sign_in(&place, email, PASSWORD)
        .await
        .refused(429, "too_many_attempts");

    app.clock.advance(61 * MINUTE);
    challenge(&app, &place, email).await;
}

#[tokio::test]
async fn a_recovery_code_stands_in_for_the_authenticator_once_however_it_is_typed() {
    let app = App::mailing().await;
    let place = app.place().await;
    let email = "ada@example.com";
    let token = app.verified_user(&place, email).await;
    let (_, _, codes) = Authenticator::set_up(&app, &token).await;
    app.mails().await;

    let first = challenge(&app, &place, email).await;
    let typed = codes[3].to_uppercase().replace('-', " ");
    let session = answer(&app, &place, &first, &typed).await.expect(200).token();

    assert_eq!(credentials(&app, &session).await["recovery_codes_left"], 9);
    let second = challenge(&app, &place, email).await;
    answer(&app, &place, &second, &codes[3])
        .await
        .refused(401, "invalid_code");
    answer(&app, &place, &second, &codes[4]).await.expect(200);
    let mails = app.mails().await;
    assert!(
        mails.len() == 2 && mails[0].subject.ends_with("a recovery code was used"),
        "{mails:?}"
    );
}

#[tokio::test]
async fn renewed_recovery_codes_make_the_older_ones_worthless() {
    let app = App::new().await;
    let place = app.place().await;
    let email = "ada@example.com";
    let token = app.user(&place, email).await;
    let (authenticator, token, old) = Authenticator::set_up(&app, &token).await;
    app.clock.advance(STEP);
    let renew = async |password: &str, code: &str| {
        let body = json!({ "password": password, "code": code });
        app.post_as(&token, "recovery-codes", &body).await
    };

    renew("wrong horse", &authenticator.code(&app))
        .await
        .refused(403, "wrong_password");
    renew(PASSWORD, "000000").await.refused(403, "invalid_code");
    let renewed = renew(PASSWORD, &authenticator.code(&app))
        .await
        .expect(200)
        .json();
    renew(PASSWORD, &authenticator.code(&app))
        .await
        .refused(403, "invalid_code");

    let challenge = challenge(&app, &place, email).await;
    answer(&app, &place, &challenge, &old[0])
        .await
        .refused(401, "invalid_code");
    let new = renewed["recovery_codes"][0].as_str().unwrap();
    answer(&app, &place, &challenge, new).await.expect(200);
}

#[tokio::test]
async fn giving_the_authenticator_up_takes_password_and_code_and_ends_other_sessions() {
    let app = App::new().await;
    let place = app.place().await;
    let email = "ada@example.com";
    let token = app.user(&place, email).await;
    let (authenticator, token, codes) = Authenticator::set_up(&app, &token).await;
    app.clock.advance(STEP);
    let pending = challenge(&app, &place, email).await;
    let other = answer(&app, &place, &pending, &authenticator.code(&app))
        .await
        .token();
    let disable = async |password: &str, code: &str| {
        let body = json!({ "password": password, "code": code });
        app.post_as(&token, "totp/disable", &body).await
    };

    disable("wrong horse", &codes[0])
        .await
        .refused(403, "wrong_password");
    disable(PASSWORD, "000000").await.refused(403, "invalid_code");
    let after = disable(PASSWORD, &codes[0]).await.expect(200).token();

    for dead in [&other, &token] {
        app.me(dead).await.refused(401, "invalid_token");
    }
    let token = after;
    app.sign_in(&place, email, PASSWORD).await.expect(200);
    let body = json!({ "password": PASSWORD, "code": codes[1] });
    app.post_as(&token, "totp/disable", &body)
        .await
        .refused(409, "totp_not_enrolled");
    let status = credentials(&app, &token).await;
    assert_eq!(
        (&status["totp"], &status["recovery_codes_left"]),
        (&json!(false), &json!(0))
    );
}

#[tokio::test]
async fn a_sign_in_without_a_code_is_worth_nothing_once_a_code_is_asked_for() {
    let app = App::new().await;
    let place = app.place().await;
    for round in 0..5 {
        let email = format!("ada{round}@example.com");
        let token = app.user(&place, &email).await;
        let enrolled = app
            .post_as(&token, "totp", &json!({ "password": PASSWORD }))
            .await;
        let authenticator = Authenticator::of(enrolled.json()["secret"].as_str().unwrap());
        let body = json!({ "code": authenticator.code(&app) });

        let (confirmed, signed_in) = tokio::join!(
            app.post_as(&token, "totp/confirm", &body),
            app.sign_in(&place, &email, PASSWORD)
        );

        confirmed.expect(200);
        if signed_in.status == StatusCode::OK {
            app.me(&signed_in.token()).await.refused(401, "invalid_token");
        }
    }
}

#[tokio::test]
async fn a_change_of_the_password_voids_a_challenge() {
    let app = App::new().await;
    let place = app.place().await;
    let email = "ada@example.com";
    let token = app.user(&place, email).await;
    let (authenticator, token, _) = Authenticator::set_up(&app, &token).await;
    app.clock.advance(STEP);
    let pending = challenge(&app, &place, email).await;

    let body = json!({ "old_password": PASSWORD, "new_password": "battery horse correct" });
    let changed = app.post_as(&token, "password", &body).await.expect(200).token();

    answer(&app, &place, &pending, &authenticator.code(&app))
        .await
        .refused(401, "invalid_challenge");
    assert_eq!(app.me(&changed).await.status, StatusCode::OK);
}

#[tokio::test]
async fn rotations_reach_the_seed_and_another_users_seed_opens_for_nobody() {
    let app = App::own().await;
    let place = app.place().await;
    let (ada, bob) = ("ada@example.com", "bob@example.com");
    let token = app.user(&place, ada).await;
    let (authenticator, token, _) = Authenticator::set_up(&app, &token).await;
    let theirs = app.user(&place, bob).await;
    Authenticator::set_up(&app, &theirs).await;
    let ctx = app.test.context(place.id);
    app.keys.rotate(&ctx, Purpose::Data).await.unwrap();
    app.clock.advance(Duration::from_secs(301));
    let pacing = platform_crypto::Pacing::new(10, Duration::ZERO);
    let resealed = app.keys.reseal(&ctx, pacing).await.unwrap();
    assert_eq!(resealed.failed, 0, "{resealed:?}");
    app.clock.advance(Duration::from_secs(601));
    app.keys.destroy(&ctx, Purpose::Data, 1).await.unwrap();

    let pending = challenge(&app, &place, ada).await;
    answer(&app, &place, &pending, &authenticator.code(&app))
        .await
        .expect(200);

    let exchanged = "update platform_auth.totp_credential s set seed_sealed = other.seed_sealed
         from platform_auth.totp_credential other where s.subject_id <> other.subject_id";
    assert_eq!(app.by_hand("platform_auth.totp_credential", exchanged).await, 2);
    app.clock.advance(STEP);
    let pending = challenge(&app, &place, ada).await;
    answer(&app, &place, &pending, &authenticator.code(&app))
        .await
        .refused(409, "unreadable");
    assert_eq!(app.me(&token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_erased_users_seed_and_recovery_codes_are_gone() {
    let app = App::new().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    let registered = app.register(&place, "ada@example.com").await;
    Authenticator::set_up(&app, &registered.token()).await;
    let pending = challenge(&app, &place, "ada@example.com").await;
    let user = registered.user_id();

    app.send(Call::post(&format!("/admin/v1/users/{user}/erasure")).bearer(&admin))
        .await
        .expect(200);

    answer(&app, &place, &pending, "000000")
        .await
        .refused(401, "invalid_challenge");
    let mut superuser = app.superuser().await;
    let left: i64 = sqlx::query_scalar(
        "select (select count(*) from platform_auth.totp_credential where subject_id = $1)
              + (select count(*) from platform_auth.recovery_code where subject_id = $1)
              + (select count(*) from platform_auth.one_time_token where subject_id = $1)",
    )
    .bind(user)
    .fetch_one(&mut superuser)
    .await
    .unwrap();
    assert_eq!(left, 0);
}
