//! Changing one's own password.

use axum::http::StatusCode;
use platform_core::{axum, sqlx};
use serde_json::json;

use crate::support::{Answer, App, PASSWORD};

const NEW: &str = "battery horse correct";

async fn change(app: &App, token: &str, old: &str, new: &str) -> Answer {
    let body = json!({ "old_password": old, "new_password": new });
    app.post_as(token, "password", &body).await
}

#[tokio::test]
async fn a_change_gives_this_session_a_new_token_and_ends_all_others() {
    let app = App::mailing().await;
    let place = app.place().await;
    let phone = app.user(&place, "ada@example.com").await;
    let laptop = app.sign_in(&place, "ada@example.com", PASSWORD).await.token();
    let other = app.user(&place, "bob@example.com").await;
    app.mails().await;

    let changed = change(&app, &laptop, PASSWORD, NEW).await;

    let token = changed.expect(200).token();
    assert_eq!(changed.headers["cache-control"], "no-store");
    for dead in [&phone, &laptop] {
        app.me(dead).await.refused(401, "invalid_token");
    }
    assert_eq!(app.me(&token).await.status, StatusCode::OK);
    assert_eq!(app.me(&other).await.status, StatusCode::OK);
    app.sign_in(&place, "ada@example.com", PASSWORD)
        .await
        .refused(401, "invalid_credentials");
    app.sign_in(&place, "ada@example.com", NEW).await.expect(200);
    let mails = app.mails().await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(
        mails[0].subject.ends_with("your password was changed"),
        "{mails:?}"
    );
    let mut superuser = app.superuser().await;
    let recorded: Vec<(String, Option<serde_json::Value>)> = sqlx::query_as(
        "select outcome, detail from platform_audit.event where tenant_id = $1 and action = 'auth.credential_change'",
    )
    .bind(place.id)
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    let detail = json!({ "kind": "password", "how": "changed", "sessions_ended": 1 });
    assert_eq!(recorded, [("success".to_owned(), Some(detail))]);
}

#[tokio::test]
async fn without_the_old_password_nothing_changes_and_guessing_is_slowed_down() {
    let app = App::new().await;
    let place = app.place().await;
    let token = app.user(&place, "ada@example.com").await;

    for _ in 0..10 {
        change(&app, &token, "wrong horse", NEW)
            .await
            .refused(403, "wrong_password");
    }
    change(&app, &token, PASSWORD, NEW)
        .await
        .refused(429, "too_many_attempts");

    app.sign_in(&place, "ada@example.com", PASSWORD).await.expect(200);
    assert_eq!(app.me(&token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_new_password_is_as_strong_as_that_of_a_registration() {
    let app = App::new().await;
    let place = app.place().await;
    let token = app.user(&place, "wuttikrax@example.com").await;

    for weak in ["short", "password1", "wuttikrax71", &"a".repeat(1025)] {
        change(&app, &token, PASSWORD, weak)
            .await
            .refused(422, "invalid_body");
    }

    assert_eq!(app.me(&token).await.status, StatusCode::OK);
    change(&app, &token, PASSWORD, NEW).await.expect(200);
}

#[tokio::test]
async fn of_two_changes_at_a_time_one_holds() {
    let app = App::new().await;
    let place = app.place().await;
    for round in 0..3 {
        let email = format!("ada{round}@example.com");
        let one = app.user(&place, &email).await;
        let other = app.sign_in(&place, &email, PASSWORD).await.token();
        let passwords = [format!("{NEW} one"), format!("{NEW} other")];

        let (first, second) = tokio::join!(
            change(&app, &one, PASSWORD, &passwords[0]),
            change(&app, &other, PASSWORD, &passwords[1])
        );

        let mut live = 0;
        for (answer, password) in [first, second].iter().zip(&passwords) {
            let signs_in = app.sign_in(&place, &email, password).await.status == StatusCode::OK;
            let changed = answer.status == StatusCode::OK;
            assert_eq!(signs_in, changed, "{}", answer.text);
            live += u32::from(changed);
        }
        assert_eq!(live, 1);
    }
}

#[tokio::test]
async fn a_sign_in_with_the_old_password_is_worth_nothing_once_it_is_changed() {
    let app = App::new().await;
    let place = app.place().await;
    for round in 0..5 {
        let email = format!("ada{round}@example.com");
        let token = app.user(&place, &email).await;

        let (changed, signed_in) = tokio::join!(
            change(&app, &token, PASSWORD, NEW),
            app.sign_in(&place, &email, PASSWORD)
        );

        changed.expect(200);
        if signed_in.status == StatusCode::OK {
            app.me(&signed_in.token()).await.refused(401, "invalid_token");
        } else {
            signed_in.refused(401, "invalid_credentials");
        }
    }
}
