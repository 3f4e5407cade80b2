use axum::http::StatusCode;
use platform_auth::{AuthConfig, Role};
use platform_core::{axum, sqlx};

use crate::support::{App, Call, PASSWORD};

#[tokio::test]
async fn of_32_registrations_of_one_address_exactly_one_succeeds() {
    let app = App::new().await;
    let place = app.place().await;
    for round in 0..3 {
        let emails: Vec<_> = (0..32)
            .map(|at| {
                if at % 2 == 0 {
                    format!("ada{round}@example.com")
                } else {
                    format!("ADA{round}@Example.com")
                }
            })
            .collect();

        let answers = futures::future::join_all(emails.iter().map(|email| app.register(&place, email))).await;

        let of = |status| answers.iter().filter(|answer| answer.status == status).count();
        let verdicts: Vec<_> = answers
            .iter()
            .map(|answer| (answer.status, answer.code()))
            .collect();
        assert_eq!(
            (of(StatusCode::CREATED), of(StatusCode::CONFLICT)),
            (1, 31),
            "{verdicts:?}"
        );
    }
    let mut superuser = app.superuser().await;
    let rows: (i64, i64, i64, i64) = sqlx::query_as(
        "select (select count(*) from platform_auth.subject where tenant_id = $1),
                (select count(*) from platform_auth.password_credential where tenant_id = $1),
                (select count(*) from platform_auth.session where tenant_id = $1),
                (select count(*) from platform_audit.event where tenant_id = $1 and action = 'auth.register')",
    )
    .bind(place.id)
    .fetch_one(&mut superuser)
    .await
    .unwrap();
    assert_eq!(rows, (3, 3, 3, 3));
}

#[tokio::test]
async fn ensuring_one_user_from_many_sides_makes_one() {
    let app = App::new().await;
    let place = app.place().await;

    let ensured = (0..16).map(|_| {
        app.auth
            .ensure_user(place.id, "demo@example.com", PASSWORD.into(), Role::User)
    });
    let users: Vec<_> = futures::future::join_all(ensured)
        .await
        .into_iter()
        .map(|user| user.unwrap().id())
        .collect();

    assert!(users.iter().all(|user| *user == users[0]));
}

#[tokio::test]
async fn a_database_that_is_gone_is_answered_503_everywhere() {
    let app = App::new().await;
    let place = app.place().await;
    let token = app.admin(&place).await;
    let cut = App::on(app.test.clone(), AuthConfig::default()).await;
    assert_eq!(cut.me(&token).await.status, StatusCode::OK);

    cut.db.close().await;

    for answer in [
        cut.me(&token).await,
        cut.send(Call::post("/api/v1/auth/logout").bearer(&token)).await,
        cut.send(Call::get("/admin/v1/users").bearer(&token)).await,
        cut.register(&place, "bob@example.com").await,
        cut.sign_in(&place, "admin@example.com", PASSWORD).await,
    ] {
        answer.refused(503, "unavailable");
        assert!(answer.headers.contains_key("retry-after"));
    }
    assert_eq!(app.me(&token).await.status, StatusCode::OK);
}
