use std::num::NonZeroUsize;
use std::time::Duration;

use axum::http::StatusCode;
use platform_auth::{AuthConfig, BreachedPasswords, InvalidPassword, PasswordConfig, RegisterError, Role};
use platform_core::{PrincipalId, axum, sqlx};
use serde_json::json;

use crate::support::{App, Call, PASSWORD, credentials};

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
async fn a_password_that_is_easy_to_guess_is_refused_by_name_and_makes_no_user() {
    let app = App::new().await;
    let place = app.place().await;

    for password in [
        "password1",
        "qwertyuiop",
        "quackenbush7",
        "Xanthippe1",
        "frobnitz2001",
    ] {
        let body = json!({
            "email": "quackenbush@frobnitz.example", "password": password, "first_name": "Xanthippe",
        });
        let answer = app
            .send(Call::post("/api/v1/auth/register").at(&place).json(&body))
            .await;

        answer.refused(422, "invalid_body");
        let error = &answer.json()["errors"][0];
        assert_eq!(
            (&error["field"], &error["code"]),
            (&json!("password"), &json!("guessable_password"))
        );
        assert!(!answer.text.contains(password), "{}", answer.text);
    }

    let by_job = app
        .auth
        .ensure_user(place.id, "ada@example.com", "password1".into(), Role::Admin)
        .await;
    assert!(
        matches!(&by_job, Err(RegisterError::Invalid(invalid)) if invalid.password == Some(InvalidPassword::Guessable)),
        "{by_job:?}"
    );
    let mut superuser = app.superuser().await;
    let users: i64 = sqlx::query_scalar("select count(*) from platform_auth.subject where tenant_id = $1")
        .bind(place.id)
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    assert_eq!(users, 0);
}

#[tokio::test]
async fn a_stolen_password_is_refused_and_without_the_list_none_is_set() {
    let folder = std::env::temp_dir().join(format!("platform-auth-{}-stolen", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("hashes.txt");
    std::fs::write(&path, format!("{}:17\r\n", sha1_of(PASSWORD))).unwrap();
    let mut config = AuthConfig::default();
    config.passwords.breached = Some(BreachedPasswords::open(&path).unwrap());
    let app = App::with(config).await;
    let place = app.place().await;

    let answer = app.register(&place, "ada@example.com").await;
    answer.refused(422, "invalid_body");
    assert_eq!(answer.json()["errors"][0]["code"], "breached_password");
    let other = credentials("ada@example.com", "another horse battery");
    let taken = app
        .send(Call::post("/api/v1/auth/register").at(&place).json(&other))
        .await;
    assert_eq!(taken.status, StatusCode::CREATED, "{}", taken.text);

    std::fs::remove_dir_all(&folder).unwrap();
    app.register(&place, "bob@example.com")
        .await
        .refused(500, "internal");
}

fn sha1_of(text: &str) -> String {
    use sha1::Digest as _;
    sha1::Sha1::digest(text)
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect()
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
