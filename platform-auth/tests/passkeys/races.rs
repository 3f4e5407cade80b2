//! What is good once is good for one of any number who show it at the same time; and who is gone signs in no more.

use std::sync::Arc;

use platform_core::axum::http::StatusCode;
use platform_core::sqlx;
use serde_json::Value;
use tokio::sync::Barrier;

use crate::device::{Device, Quirks};
use crate::support::{App, Call, Place};
use crate::world::{
    Asked, begin, begin_login, begin_step_up, confirm_login, count, enrol, list, login, unthrottled,
};

const ATTEMPTS: usize = 32;
const ROUNDS: usize = 10;

async fn app() -> Arc<App> {
    Arc::new(App::mailing_with(unthrottled()).await)
}

/// Sends a body to a route 32 times at once; how many were answered 2xx. No other answer says more than that it was no good.
async fn winners(app: &Arc<App>, place: &Place, token: Option<&str>, path: &str, body: &Value) -> usize {
    let barrier = Arc::new(Barrier::new(ATTEMPTS));
    let attempts: Vec<_> = (0..ATTEMPTS)
        .map(|_| {
            let (app, place, barrier) = (Arc::clone(app), place.clone(), Arc::clone(&barrier));
            let (token, path, body) = (token.map(str::to_owned), path.to_owned(), body.clone());
            tokio::spawn(async move {
                barrier.wait().await;
                match token {
                    Some(token) => app.post_as(&token, &path, &body).await,
                    None => app.post(&place, &path, &body).await,
                }
            })
        })
        .collect();
    let mut winners = 0;
    for attempt in attempts {
        let answer = attempt.await.unwrap();
        let is_refusal = answer.status.is_client_error();
        assert!(
            answer.status.is_success() || is_refusal,
            "{} {}",
            answer.status,
            answer.text
        );
        winners += usize::from(answer.status.is_success());
    }
    winners
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_of_a_sign_in_is_good_once() {
    let app = app().await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    // The one counts, and the other does not: with it nothing but the challenge tells the answers apart.
    for mut device in [Device::new(), Device::synced()] {
        enrol(&app, &token, &mut device).await;
        for round in 0..ROUNDS {
            let asked = begin_login(&app, &place).await;
            let body = asked.with(device.get(&asked.options, &Quirks::default()));

            let won = winners(&app, &place, None, "login/passkey/confirm", &body).await;

            assert_eq!(won, 1, "round {round}");
        }
        // The 31 that lost have not disabled it.
        login(&app, &place, &mut device).await.expect(200);
    }
    assert_eq!(
        count(&app, "session", place.id).await,
        i64::try_from(1 + 2 * (ROUNDS + 1)).unwrap()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_of_stepping_up_is_good_once() {
    let app = app().await;
    let place = app.place().await;
    let mut token = app.verified_user(&place, "ada@example.com").await;
    let mut device = Device::synced();
    enrol(&app, &token, &mut device).await;
    for round in 0..ROUNDS {
        let asked = Asked::of(&begin_step_up(&app, &token).await);
        let body = asked.with(device.get(&asked.options, &Quirks::default()));

        let won = winners(&app, &place, Some(&token), "step-up/passkey/confirm", &body).await;

        assert_eq!(won, 1, "round {round}");
        token = login(&app, &place, &mut device).await.token();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_of_registering_is_good_once() {
    let app = app().await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    for round in 0..ROUNDS {
        let asked = begin(&app, &token).await;
        let mut body = asked.with(Device::new().create(&asked.options, &Quirks::default()));
        body["name"] = "My key".into();

        let won = winners(&app, &place, Some(&token), "passkeys/confirm", &body).await;

        assert_eq!(won, 1, "round {round}");
        assert_eq!(list(&app, &token).await.len(), round + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_register_at_once_20_find_a_place() {
    let app = app().await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    let mut attempts = Vec::new();
    for _ in 0..ATTEMPTS {
        let asked = begin(&app, &token).await;
        let mut body = asked.with(Device::new().create(&asked.options, &Quirks::default()));
        body["name"] = "My key".into();
        let (app, token) = (Arc::clone(&app), token.clone());
        attempts.push(async move { app.post_as(&token, "passkeys/confirm", &body).await.status });
    }
    let attempts: Vec<_> = attempts.into_iter().map(tokio::spawn).collect();

    let mut registered = 0;
    for attempt in attempts {
        registered += usize::from(attempt.await.unwrap() == StatusCode::CREATED);
    }

    assert_eq!(registered, 20);
    assert_eq!(list(&app, &token).await.len(), 20);
}

/// A sign-in that runs while its user is erased, or the passkey is removed, either comes first and its session is ended, or is refused.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_signed_in_after_the_user_or_the_passkey_is_gone() {
    let app = app().await;
    let place = app.place().await;
    let admin = app.admin(&place).await;
    for round in 0..ROUNDS {
        let registered = app.registered(&place, &format!("ada{round}@example.com")).await;
        let (user, token) = (registered.user_id(), registered.token());
        let mut device = Device::synced();
        let id = enrol(&app, &token, &mut device).await;
        let asked = begin_login(&app, &place).await;
        let body = asked.with(device.get(&asked.options, &Quirks::default()));

        let signing_in = confirm_login(&app, &place, &body);
        let leaving = match round % 2 {
            0 => Call::post(&format!("/admin/v1/users/{user}/erasure")).bearer(&admin),
            _ => Call::post(&format!("/api/v1/auth/passkeys/{id}/remove"))
                .bearer(&token)
                .json(&serde_json::json!({})),
        };
        let (signed_in, left) = tokio::join!(signing_in, app.send(leaving));

        assert!(left.status.is_success(), "{}", left.text);
        if signed_in.status == StatusCode::OK {
            app.me(&signed_in.token()).await.refused(401, "invalid_token");
        } else {
            signed_in.refused(401, "invalid_passkey");
        }
    }
}

/// Whatever the order in which the answers of one authenticator arrive: it is not taken for a copy, and its counter never goes back.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_sign_ins_at_once_no_order_disables_the_passkey_or_sets_its_counter_back() {
    let app = app().await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    let mut device = Device::new();
    enrol(&app, &token, &mut device).await;
    for round in 0..ROUNDS {
        let mut asked = Vec::new();
        for _ in 0..8 {
            asked.push(begin_login(&app, &place).await);
        }
        app.clock.advance(std::time::Duration::from_secs(1));
        let barrier = Arc::new(Barrier::new(asked.len()));
        let answers = asked.iter().map(|asked| {
            let body = asked.with(device.get(&asked.options, &Quirks::default()));
            let (app, place, barrier) = (Arc::clone(&app), place.clone(), Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait().await;
                confirm_login(&app, &place, &body).await
            })
        });
        let mut signed_in = 0;
        for answer in Vec::from_iter(answers) {
            let answer = answer.await.unwrap();
            match answer.status {
                StatusCode::OK => {
                    app.me(&answer.token()).await.expect(200);
                    signed_in += 1;
                }
                _ => answer.refused(401, "invalid_passkey"),
            }
        }

        assert!(signed_in > 0, "round {round}");
        let (counted, is_disabled): (i64, bool) = sqlx::query_as(
            "select sign_count, disabled_at is not null from platform_auth.webauthn_credential where tenant_id = $1",
        )
        .bind(place.id)
        .fetch_one(&mut app.superuser().await)
        .await
        .unwrap();
        assert_eq!(
            (counted, is_disabled),
            (i64::from(device.counter), false),
            "round {round}"
        );
    }
    login(&app, &place, &mut device).await.expect(200);
}
