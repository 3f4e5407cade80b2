//! What is good once is good for one of any number who show it at the same time.

use std::sync::Arc;
use std::time::Duration;

use platform_auth::AuthConfig;
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::support::{App, Authenticator, PASSWORD, Place};

const ATTEMPTS: usize = 32;
const STEP: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// An app whose throttles let all of them through: what is tried is the database.
async fn app() -> Arc<App> {
    let mut config = AuthConfig::default();
    config.second_factor.account.burst = 10_000;
    config.throttle.account.burst = 10_000;
    Arc::new(App::mailing_with(config).await)
}

/// Sends the same bodies to a route 32 times at once, as nobody or under a token; exactly one of them is answered so.
async fn one_wins(
    app: &Arc<App>,
    place: &Place,
    token: Option<&str>,
    path: &str,
    bodies: Vec<Value>,
    won: u16,
) {
    assert_eq!(bodies.len(), ATTEMPTS);
    let barrier = Arc::new(Barrier::new(ATTEMPTS));
    let attempts: Vec<_> = bodies
        .into_iter()
        .map(|body| {
            let (app, place, barrier) = (Arc::clone(app), place.clone(), Arc::clone(&barrier));
            let (token, path) = (token.map(str::to_owned), path.to_owned());
            tokio::spawn(async move {
                barrier.wait().await;
                let answer = match token {
                    Some(token) => app.post_as(&token, &path, &body).await,
                    None => app.post(&place, &path, &body).await,
                };
                (answer.status.as_u16(), answer.text)
            })
        })
        .collect();
    let mut winners = 0;
    for attempt in attempts {
        let (status, text) = attempt.await.unwrap();
        assert!(status == won || (400..500).contains(&status), "{status} {text}");
        winners += u32::from(status == won);
    }
    assert_eq!(winners, 1, "{path}");
}

fn same(body: &Value) -> Vec<Value> {
    vec![body.clone(); ATTEMPTS]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_verification() {
    let app = app().await;
    let place = app.place().await;
    for round in 0..10 {
        let session = app.user(&place, &format!("ada{round}@example.com")).await;
        let token = app.mails().await[0].token();

        one_wins(
            &app,
            &place,
            Some(&session),
            "email/verify",
            same(&json!({ "token": token })),
            204,
        )
        .await;
    }
}

/// Whoever issues a token and whoever shows one take their locks in one order, or they would wait for one another.
#[tokio::test(flavor = "multi_thread")]
async fn asking_anew_while_a_token_is_shown_breaks_nothing() {
    let app = app().await;
    let place = app.place().await;
    for round in 0..10 {
        let email = format!("ada{round}@example.com");
        let session = app.user(&place, &email).await;
        let token = app.mails().await[0].token();

        let mut attempts = Vec::new();
        for at in 0..8 {
            let (app, session) = (Arc::clone(&app), session.clone());
            let (path, body) = match at % 2 {
                0 => ("email/verification", json!({ "email": email })),
                _ => ("email/verify", json!({ "token": token })),
            };
            attempts.push(tokio::spawn(
                async move { app.post_as(&session, path, &body).await },
            ));
        }

        for attempt in attempts {
            let answer = attempt.await.unwrap();
            assert!(answer.status.as_u16() < 500, "{}", answer.text);
        }
        app.mails().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_a_reset() {
    let app = app().await;
    let place = app.place().await;
    app.user(&place, "ada@example.com").await;
    app.mails().await;
    for round in 0..3 {
        let email = json!({ "email": "ada@example.com" });
        app.post(&place, "password/reset", &email).await.expect(202);
        let token = app.mails().await[0].token();

        let bodies = (0..ATTEMPTS)
            .map(|at| json!({ "token": token, "new_password": format!("{PASSWORD} {round} {at}") }))
            .collect();
        one_wins(&app, &place, None, "password/reset/confirm", bodies, 204).await;
        app.mails().await;
        app.clock.advance(HOUR);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_and_a_step_of_an_authenticator() {
    let app = app().await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    let (authenticator, _, _) = Authenticator::set_up(&app, &token).await;
    for _ in 0..20 {
        app.clock.advance(STEP);
        let challenge = app.sign_in(&place, "ada@example.com", PASSWORD).await.json()["challenge"].clone();

        let body = json!({ "challenge": challenge, "code": authenticator.code(&app) });
        one_wins(&app, &place, None, "login/second-factor", same(&body), 200).await;
    }
}

/// Without a challenge, so that nothing but the step decides.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_of_an_authenticator_that_is_shown_to_change_something() {
    let app = app().await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    let (authenticator, token, _) = Authenticator::set_up(&app, &token).await;
    for _ in 0..3 {
        app.clock.advance(STEP);

        let body = json!({ "password": PASSWORD, "code": authenticator.code(&app) });
        one_wins(&app, &place, Some(&token), "recovery-codes", same(&body), 200).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_code() {
    let app = app().await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    let (_, _, codes) = Authenticator::set_up(&app, &token).await;
    for code in codes {
        let challenge = app.sign_in(&place, "ada@example.com", PASSWORD).await.json()["challenge"].clone();

        let body = json!({ "challenge": challenge, "code": code });
        one_wins(&app, &place, None, "login/second-factor", same(&body), 200).await;
    }
}
