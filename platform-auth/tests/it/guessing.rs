use std::time::Duration;

use axum::http::StatusCode;
use platform_auth::{AuthConfig, ThrottleConfig, ThrottleLimit};
use platform_core::{axum, sqlx};

use crate::support::{Answer, App, Call, PASSWORD, Place, credentials};

const MINUTE: Duration = Duration::from_secs(60);

async fn app(account: u32, address: u32) -> App {
    let mut config = AuthConfig::default();
    config.throttle = ThrottleConfig {
        account: ThrottleLimit {
            burst: account,
            recovery: MINUTE,
        },
        address: ThrottleLimit {
            burst: address,
            recovery: MINUTE,
        },
        ..ThrottleConfig::default()
    };
    // What is tried is who waits, not for how long: other tests hash at the same time.
    config.passwords.wait_max = MINUTE;
    App::with(config).await
}

async fn from(app: &App, place: &Place, address: &str, email: &str, password: &str) -> Answer {
    let call = Call::post("/api/v1/auth/login").at(place).from(address);
    app.send(call.json(&credentials(email, password))).await
}

#[tokio::test]
async fn past_the_burst_even_the_right_password_waits_and_not_for_ever() {
    let app = app(3, 100).await;
    let place = app.place().await;
    app.user(&place, "ada@example.com").await;

    for _ in 0..3 {
        app.sign_in(&place, "ada@example.com", "wrong horse")
            .await
            .refused(401, "invalid_credentials");
    }
    for _ in 0..100 {
        let answer = app.sign_in(&place, "ADA@example.com", PASSWORD).await;
        answer.refused(429, "too_many_attempts");
        assert_eq!(answer.headers["retry-after"], "60");
    }

    app.clock.advance(MINUTE);
    assert_eq!(
        app.sign_in(&place, "ada@example.com", PASSWORD).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn an_unknown_account_is_slowed_down_like_a_known_one() {
    let app = app(2, 100).await;
    let place = app.place().await;

    for _ in 0..2 {
        app.sign_in(&place, "nobody@example.com", PASSWORD)
            .await
            .refused(401, "invalid_credentials");
    }

    app.sign_in(&place, "nobody@example.com", PASSWORD)
        .await
        .refused(429, "too_many_attempts");
}

#[tokio::test]
async fn one_address_is_slowed_down_over_all_accounts_and_tenants() {
    let app = app(100, 3).await;
    let (acme, globex) = (app.place().await, app.place().await);
    app.user(&globex, "ada@example.com").await;

    for name in 0..3 {
        let answer = from(
            &app,
            &acme,
            "192.0.2.1",
            &format!("n{name}@example.com"),
            PASSWORD,
        )
        .await;
        answer.refused(401, "invalid_credentials");
    }

    from(&app, &globex, "192.0.2.1", "ada@example.com", PASSWORD)
        .await
        .refused(429, "too_many_attempts");
    let elsewhere = from(&app, &globex, "192.0.2.2", "ada@example.com", PASSWORD).await;
    assert_eq!(elsewhere.status, StatusCode::OK);
}

#[tokio::test]
async fn guesses_at_the_same_time_do_not_slip_past_together() {
    let app = app(5, 100).await;
    let place = app.place().await;
    app.user(&place, "ada@example.com").await;

    let guesses = (0..32).map(|_| app.sign_in(&place, "ada@example.com", "wrong horse"));
    let answers = futures::future::join_all(guesses).await;

    let of = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!(
        (of(StatusCode::UNAUTHORIZED), of(StatusCode::TOO_MANY_REQUESTS)),
        (5, 27)
    );
    let mut superuser = app.superuser().await;
    let recorded: i64 = sqlx::query_scalar(
        "select count(*) from platform_audit.event where tenant_id = $1 and outcome = 'failure'",
    )
    .bind(place.id)
    .fetch_one(&mut superuser)
    .await
    .unwrap();
    assert_eq!(recorded, 5);
}

#[tokio::test]
async fn signing_in_rightly_any_number_of_times_is_never_slowed_down() {
    let app = app(2, 2).await;
    let place = app.place().await;
    app.user(&place, "ada@example.com").await;

    for _ in 0..10 {
        let answer = from(&app, &place, "192.0.2.1", "ada@example.com", PASSWORD).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
}

#[tokio::test]
async fn rightful_sign_ins_at_the_same_time_wait_for_one_another_instead_of_being_refused() {
    let app = app(3, 3).await;
    let place = app.place().await;
    app.user(&place, "ada@example.com").await;

    let sign_ins = (0..64).map(|_| from(&app, &place, "192.0.2.1", "ada@example.com", PASSWORD));
    let answers = futures::future::join_all(sign_ins).await;

    for answer in answers {
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
}
