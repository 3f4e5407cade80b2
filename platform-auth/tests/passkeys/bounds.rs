//! What strangers and users may ask for.

use crate::device::{Device, Quirks};
use crate::support::{App, Call};
use crate::world::{app, begin_login, config, confirm_login, count, enrol, login};
use serde_json::json;

#[tokio::test]
async fn a_stranger_who_asks_for_challenges_fills_no_table_and_is_slowed_down() {
    let app = app().await;
    let place = app.place().await;
    let begin = |from: &str| {
        let call = Call::post("/api/v1/auth/login/passkey").at(&place).from(from);
        app.send(call)
    };
    for _ in 0..30 {
        begin("192.0.2.7").await.expect(200);
    }

    let slowed = begin("192.0.2.7").await;

    slowed.refused(429, "too_many_attempts");
    assert_eq!(slowed.headers["retry-after"], "10");
    begin("192.0.2.8").await.expect(200);
    assert_eq!(count(&app, "webauthn_challenge", place.id).await, 0);
    app.clock.advance(std::time::Duration::from_secs(10));
    begin("192.0.2.7").await.expect(200);
}

#[tokio::test]
async fn a_user_who_asks_for_challenges_is_slowed_down() {
    let app = app().await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    for _ in 0..30 {
        app.post_as(&token, "passkeys", &json!({})).await.expect(200);
    }

    let slowed = app.post_as(&token, "passkeys", &json!({})).await;

    slowed.refused(429, "too_many_attempts");
    begin_login(&app, &place).await;
}

#[tokio::test]
async fn bad_answers_for_one_passkey_are_slowed_down_and_others_are_not() {
    let mut config = config();
    config.passkeys.as_mut().unwrap().throttle.account.burst = 1000;
    let app = App::mailing_with(config).await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    let (mut device, mut other) = (Device::new(), Device::new());
    enrol(&app, &token, &mut device).await;
    enrol(&app, &token, &mut other).await;
    let unverified = Quirks {
        verified: false,
        ..Quirks::default()
    };
    for _ in 0..10 {
        let asked = begin_login(&app, &place).await;
        let body = asked.with(device.get(&asked.options, &unverified));
        confirm_login(&app, &place, &body)
            .await
            .refused(401, "invalid_passkey");
    }

    login(&app, &place, &mut device)
        .await
        .refused(429, "too_many_attempts");

    login(&app, &place, &mut other).await.expect(200);
}
