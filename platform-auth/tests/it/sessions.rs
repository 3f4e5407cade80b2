use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use platform_core::{PrincipalId, Timestamp, axum, sqlx};

use crate::support::{App, Call, PASSWORD};

const TICK: Duration = Duration::from_micros(1);
const MINUTE: Duration = Duration::from_secs(60);

/// When the newest session of a user was last written down as used.
async fn last_seen(app: &App, user: PrincipalId) -> Timestamp {
    let mut superuser = app.superuser().await;
    sqlx::query_scalar(
        "select last_seen_at from platform_auth.session where subject_id = $1 order by id desc limit 1",
    )
    .bind(user)
    .fetch_one(&mut superuser)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_session_ends_at_the_very_instant_its_idle_time_is_over() {
    let app = App::new().await;
    let place = app.place().await;
    let used = app.user(&place, "used@example.com").await;
    let idle = app.user(&place, "idle@example.com").await;

    app.clock.advance(30 * MINUTE - TICK);
    assert_eq!(app.me(&used).await.status, StatusCode::OK);
    app.clock.advance(TICK);

    app.me(&idle).await.refused(401, "invalid_token");
    assert_eq!(app.me(&used).await.status, StatusCode::OK);
    app.clock.advance(30 * MINUTE - TICK);
    app.me(&used).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn a_session_ends_at_the_very_instant_its_absolute_time_is_over_however_much_it_is_used() {
    let app = App::new().await;
    let place = app.place().await;
    let token = app.user(&place, "ada@example.com").await;

    for _ in 0..12 * 4 - 1 {
        app.clock.advance(15 * MINUTE);
        assert_eq!(app.me(&token).await.status, StatusCode::OK);
    }
    app.clock.advance(15 * MINUTE - TICK);
    assert_eq!(app.me(&token).await.status, StatusCode::OK);
    app.clock.advance(TICK);

    app.me(&token).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn the_use_of_a_session_is_written_down_once_a_minute_by_however_many_requests() {
    let app = Arc::new(App::own().await);
    let place = app.place().await;
    let registered = app.register(&place, "ada@example.com").await;
    let (token, user) = (registered.token(), registered.user_id());
    let start = last_seen(&app, user).await;
    count_updates(&app).await;

    app.clock.advance(MINUTE - TICK);
    assert_eq!(app.me(&token).await.status, StatusCode::OK);
    assert_eq!((updates(&app).await, last_seen(&app, user).await), (0, start));

    app.clock.advance(TICK);
    let requests: Vec<_> = (0..100)
        .map(|_| {
            let (app, token) = (Arc::clone(&app), token.clone());
            tokio::spawn(async move { app.me(&token).await.status })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.unwrap(), StatusCode::OK);
    }

    assert_eq!(
        (updates(&app).await, last_seen(&app, user).await),
        (1, start + MINUTE)
    );
}

/// Has the database count the writes to sessions.
async fn count_updates(app: &App) {
    let mut superuser = app.superuser().await;
    for sql in [
        "create table platform_auth.update_count (session_id uuid)",
        "create function platform_auth.count_update() returns trigger language plpgsql security definer as
           $$ begin insert into platform_auth.update_count values (new.id); return null; end $$",
        "create trigger count_update after update on platform_auth.session
           for each row execute function platform_auth.count_update()",
    ] {
        sqlx::query(sql).execute(&mut superuser).await.unwrap();
    }
}

async fn updates(app: &App) -> i64 {
    let mut superuser = app.superuser().await;
    sqlx::query_scalar("select count(*) from platform_auth.update_count")
        .fetch_one(&mut superuser)
        .await
        .unwrap()
}

#[tokio::test]
async fn once_signing_out_is_answered_no_request_passes_also_under_load() {
    let app = Arc::new(App::new().await);
    let place = app.place().await;
    for round in 0..5 {
        let token = app.user(&place, &format!("ada{round}@example.com")).await;
        let before: Vec<_> = (0..16)
            .map(|_| {
                let (app, token) = (Arc::clone(&app), token.clone());
                tokio::spawn(async move { app.me(&token).await.status })
            })
            .collect();

        let out = app.send(Call::post("/api/v1/auth/logout").bearer(&token)).await;
        let after = futures::future::join_all((0..16).map(|_| app.me(&token))).await;

        assert_eq!(out.status, StatusCode::NO_CONTENT);
        for answer in after {
            answer.refused(401, "invalid_token");
        }
        for request in before {
            assert!(matches!(
                request.await.unwrap(),
                StatusCode::OK | StatusCode::UNAUTHORIZED
            ));
        }
    }
}

#[tokio::test]
async fn signing_out_twice_at_once_ends_the_session_once() {
    let app = App::new().await;
    let place = app.place().await;
    let registered = app.register(&place, "ada@example.com").await;
    let token = registered.token();
    let logout = || app.send(Call::post("/api/v1/auth/logout").bearer(&token));
    let answers = futures::future::join_all((0..8).map(|_| logout())).await;

    assert!(
        answers
            .iter()
            .any(|answer| answer.status == StatusCode::NO_CONTENT)
    );
    let mut superuser = app.superuser().await;
    let events: i64 = sqlx::query_scalar(
        "select count(*) from platform_audit.event where action = 'auth.sign_out' and actor_id = $1",
    )
    .bind(registered.user_id())
    .fetch_one(&mut superuser)
    .await
    .unwrap();
    assert_eq!(events, 1);
}

#[tokio::test]
async fn one_session_of_a_user_ends_without_the_others() {
    let app = App::new().await;
    let place = app.place().await;
    let phone = app.user(&place, "ada@example.com").await;
    let laptop = app.sign_in(&place, "ada@example.com", PASSWORD).await.token();

    app.send(Call::post("/api/v1/auth/logout").bearer(&phone)).await;

    app.me(&phone).await.refused(401, "invalid_token");
    assert_eq!(app.me(&laptop).await.status, StatusCode::OK);
}
