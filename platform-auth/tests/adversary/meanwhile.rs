//! What happens between the proof of who somebody is and the change that was proved for.

use std::future::Future;
use std::time::Duration;

use platform_core::sqlx::{self, AssertSqlSafe, Connection as _, PgConnection};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::support::{Answer, App, Authenticator, Call, PASSWORD, Place};

const EMAIL: &str = "ada@example.com";
const NEW: &str = "battery horse correct";
const STEP: Duration = Duration::from_secs(30);

/// An app with a database of its own, in which whoever waits for a lock waits for the one of the test.
async fn own() -> (&'static App, Place) {
    // For the tasks; a test ends with its process.
    let app = Box::leak(Box::new(App::own().await));
    let place = app.place().await;
    (app, place)
}

/// Waits until so many statements wait for a lock.
async fn waiters(app: &App, expected: i64) {
    let mut superuser = app.superuser().await;
    let look = async {
        loop {
            let waiting: i64 = sqlx::query_scalar(
                "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
            )
            .fetch_one(&mut superuser)
            .await
            .unwrap();
            if waiting >= expected {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), look).await.unwrap();
}

/// Begins a call and waits until it waits, as the so-manieth.
async fn waiting<F>(app: &'static App, at: i64, call: F) -> JoinHandle<Answer>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let task = tokio::spawn(call);
    waiters(app, at).await;
    task
}

async fn hold<'c>(
    superuser: &'c mut PgConnection,
    sql: &'static str,
    place: &Place,
) -> sqlx::Transaction<'c, sqlx::Postgres> {
    let mut held = superuser.begin().await.unwrap();
    sqlx::query(sql).bind(place.id).execute(&mut *held).await.unwrap();
    held
}

const USERS: &str = "select 1 from platform_auth.subject where tenant_id = $1 for update";
const PASSWORDS: &str = "select 1 from platform_auth.password_credential where tenant_id = $1 for update";

#[tokio::test(flavor = "multi_thread")]
async fn whoever_proved_a_password_that_was_changed_since_changes_no_factor() {
    for path in ["totp/disable", "recovery-codes"] {
        let (app, place) = own().await;
        let token = app.user(&place, EMAIL).await;
        let (authenticator, token, _) = Authenticator::set_up(app, &token).await;
        app.clock.advance(STEP);
        let mut superuser = app.superuser().await;
        let held = hold(&mut superuser, USERS, &place).await;

        let body = json!({ "old_password": PASSWORD, "new_password": NEW });
        let session = token.clone();
        let changing = waiting(
            app,
            1,
            async move { app.post_as(&session, "password", &body).await },
        )
        .await;
        let body = json!({ "password": PASSWORD, "code": authenticator.code(app) });
        let thief = waiting(app, 2, async move { app.post_as(&token, path, &body).await }).await;
        held.rollback().await.unwrap();

        let token = changing.await.unwrap().expect(200).token();
        thief.await.unwrap().refused(403, "wrong_password");
        let status = app
            .send(Call::get("/api/v1/auth/credentials").bearer(&token))
            .await;
        assert_eq!(status.json()["recovery_codes_left"], 10);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_has_ended_is_not_gone_on_with_under_a_new_token() {
    for path in ["password", "totp/confirm", "totp/disable"] {
        let (app, place) = own().await;
        let mut token = app.user(&place, EMAIL).await;
        let body = match path {
            "password" => json!({ "old_password": PASSWORD, "new_password": NEW }),
            "totp/confirm" => {
                let enrolled = app
                    .post_as(&token, "totp", &json!({ "password": PASSWORD }))
                    .await;
                let secret = enrolled.expect(201).json()["secret"].as_str().unwrap().to_owned();
                json!({ "code": Authenticator::of(&secret).code(app) })
            }
            _ => {
                let (authenticator, after, _) = Authenticator::set_up(app, &token).await;
                token = after;
                app.clock.advance(STEP);
                json!({ "password": PASSWORD, "code": authenticator.code(app) })
            }
        };
        let mut superuser = app.superuser().await;
        let held = hold(&mut superuser, USERS, &place).await;

        let session = token.clone();
        let change = waiting(app, 1, async move { app.post_as(&session, path, &body).await }).await;
        app.send(Call::post("/api/v1/auth/logout").bearer(&token))
            .await
            .expect(204);
        held.rollback().await.unwrap();

        change.await.unwrap().refused(404, "not_found");
        let live: i64 = sqlx::query_scalar(
            "select count(*) from platform_auth.session where tenant_id = $1 and ended_at is null",
        )
        .bind(place.id)
        .fetch_one(&mut superuser)
        .await
        .unwrap();
        assert_eq!(live, 0, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_of_an_authenticator_that_was_replaced_since_signs_nobody_in() {
    let (app, place) = own().await;
    let token = app.user(&place, EMAIL).await;
    let (authenticator, _, _) = Authenticator::set_up(app, &token).await;
    app.clock.advance(STEP);
    let challenge = app.sign_in(&place, EMAIL, PASSWORD).await.expect(202).json();
    let mut superuser = app.superuser().await;
    let mut held = hold(&mut superuser, PASSWORDS, &place).await;

    let body = json!({ "challenge": challenge["challenge"], "code": authenticator.code(app) });
    let to = place.clone();
    let thief = waiting(app, 1, async move {
        app.post(&to, "login/second-factor", &body).await
    })
    .await;
    // Another authenticator takes its place, with the same steps behind it.
    for sql in [
        "alter table platform_auth.totp_credential disable trigger is_protected",
        "update platform_auth.totp_credential set enrolled_at = enrolled_at + interval '1 second'",
        "alter table platform_auth.totp_credential enable always trigger is_protected",
    ] {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *held).await.unwrap();
    }
    held.commit().await.unwrap();

    thief.await.unwrap().refused(401, "invalid_code");
}

#[tokio::test]
async fn a_session_that_gave_its_second_factor_up_goes_on_as_one_of_a_password_alone() {
    let app = App::new().await;
    let place = app.place().await;
    let token = app.user(&place, EMAIL).await;
    let (authenticator, token, _) = Authenticator::set_up(&app, &token).await;
    app.clock.advance(STEP);
    let body = json!({ "password": PASSWORD, "code": authenticator.code(&app) });

    let after = app
        .post_as(&token, "totp/disable", &body)
        .await
        .expect(200)
        .token();

    app.me(&token).await.refused(401, "invalid_token");
    app.me(&after).await.expect(200);
    let mut superuser = app.superuser().await;
    let live: Vec<Vec<String>> =
        sqlx::query_scalar("select amr from platform_auth.session where tenant_id = $1 and ended_at is null")
            .bind(place.id)
            .fetch_all(&mut superuser)
            .await
            .unwrap();
    assert_eq!(live, [vec!["pwd"]]);
}
