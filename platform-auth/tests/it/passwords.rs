use std::num::NonZeroUsize;
use std::time::Duration;

use axum::http::StatusCode;
use platform_auth::{AuthConfig, PasswordConfig};
use platform_core::{PrincipalId, axum, sqlx};

use crate::support::{App, PASSWORD};

async fn stored(app: &App, user: PrincipalId) -> String {
    let mut superuser = app.superuser().await;
    sqlx::query_scalar("select phc from platform_auth.password_credential where subject_id = $1")
        .bind(user)
        .fetch_one(&mut superuser)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_sign_in_replaces_a_hash_of_other_parameters() {
    let weaker = App::new().await;
    let place = weaker.place().await;
    let user = weaker.register(&place, "ada@example.com").await.user_id();
    let before = stored(&weaker, user).await;
    let mut config = AuthConfig::default();
    config.passwords.passes = 3;
    let app = App::with(config).await;

    app.sign_in(&place, "ada@example.com", "wrong horse")
        .await
        .refused(401, "invalid_credentials");
    assert_eq!(stored(&app, user).await, before);
    let sign_ins = (0..8).map(|_| app.sign_in(&place, "ada@example.com", PASSWORD));
    for answer in futures::future::join_all(sign_ins).await {
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }

    let after = stored(&app, user).await;
    assert!(before.contains("t=2") && after.contains("t=3"), "{after}");
    assert_eq!(
        app.sign_in(&place, "ada@example.com", PASSWORD).await.status,
        StatusCode::OK
    );
    assert_eq!(stored(&app, user).await, after);
}

#[tokio::test]
async fn a_longer_password_can_be_asked_for() {
    let mut config = AuthConfig::default();
    config.passwords.chars_min = 22;
    let app = App::with(config).await;
    let place = app.place().await;

    let answer = app.register(&place, "ada@example.com").await;

    answer.refused(422, "invalid_body");
    assert!(answer.text.contains("at least 22 characters"), "{}", answer.text);
}

#[tokio::test]
async fn when_every_hasher_is_busy_the_answer_says_when_to_come_again_and_counts_no_failure() {
    let mut config = AuthConfig::default();
    config.passwords = PasswordConfig {
        parallel_max: NonZeroUsize::MIN,
        waiting_max: 0,
        wait_max: Duration::from_secs(5),
        ..PasswordConfig::default()
    };
    config.throttle.account.burst = 40;
    let app = App::with(config).await;
    let place = app.place().await;
    app.user(&place, "ada@example.com").await;

    let sign_ins = (0..32).map(|_| app.sign_in(&place, "ada@example.com", PASSWORD));
    let answers = futures::future::join_all(sign_ins).await;

    let busy: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == StatusCode::SERVICE_UNAVAILABLE)
        .collect();
    assert!(!busy.is_empty() && busy.len() < 32, "{}", busy.len());
    for answer in busy {
        answer.refused(503, "busy");
        assert_eq!(answer.headers["retry-after"], "1");
    }
    for _ in 0..3 {
        assert_eq!(
            app.sign_in(&place, "ada@example.com", PASSWORD).await.status,
            StatusCode::OK
        );
    }
}
