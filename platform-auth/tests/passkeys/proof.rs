//! Who changes passkeys proves lately who it is; stepping up is such a proof.

use std::time::Duration;

use platform_core::axum;
use serde_json::json;

use crate::device::{Device, Quirks};
use crate::support::{App, PASSWORD};
use crate::world::{
    Asked, app, begin, begin_step_up, confirm, enrol, login, methods, password, remove, step_up, trail,
};

const FIVE_MINUTES: Duration = Duration::from_secs(5 * 60);

#[tokio::test]
async fn after_five_minutes_the_password_or_a_passkey_is_asked_for() {
    let app = app().await;
    let place = app.place().await;
    let registered = app.registered(&place, "ada@example.com").await;
    let token = registered.token();
    let mut device = Device::new();
    let id = enrol(&app, &token, &mut device).await;

    app.clock.advance(FIVE_MINUTES);

    let begun = app.post_as(&token, "passkeys", &json!({})).await;
    begun.refused(403, "reauthentication_required");
    remove(&app, &token, &id, &json!({}))
        .await
        .refused(403, "reauthentication_required");
    let wrong = json!({ "password": "wrong horse battery" });
    app.post_as(&token, "passkeys", &wrong)
        .await
        .refused(403, "wrong_password");
    remove(&app, &token, &id, &wrong)
        .await
        .refused(403, "wrong_password");
    app.post_as(&token, "passkeys", &password()).await.expect(200);

    let stepped = step_up(&app, &token, &mut device).await.expect(200).token();

    app.me(&token).await.refused(401, "invalid_token");
    app.me(&stepped).await.expect(200);
    app.post_as(&stepped, "passkeys", &json!({})).await.expect(200);
    remove(&app, &stepped, &id, &json!({})).await.expect(204);
    let events = trail(&app, &place, registered.user_id()).await;
    let stepped = events
        .iter()
        .find(|event| event.action == "auth.step_up")
        .unwrap();
    assert_eq!(stepped.actor_id, Some(registered.user_id()));
    let kinds: Vec<_> = stepped
        .targets
        .iter()
        .map(|target| target.kind.as_ref())
        .collect();
    assert!(
        kinds.contains(&"replaced_session") && kinds.contains(&"passkey"),
        "{kinds:?}"
    );
}

#[tokio::test]
async fn stepping_up_takes_a_passkey_of_ones_own() {
    let app = app().await;
    let place = app.place().await;
    let ada = app.verified_user(&place, "ada@example.com").await;
    let bob = app.verified_user(&place, "bob@example.com").await;
    begin_step_up(&app, &ada).await.refused(404, "not_found");
    let (mut adas, mut bobs) = (Device::new(), Device::new());
    enrol(&app, &ada, &mut adas).await;
    enrol(&app, &bob, &mut bobs).await;

    let asked = Asked::of(&begin_step_up(&app, &ada).await);
    assert_eq!(asked.options["allowCredentials"].as_array().unwrap().len(), 1);
    let body = asked.with(bobs.get(&asked.options, &Quirks::default()));
    app.post_as(&ada, "step-up/passkey/confirm", &body)
        .await
        .refused(403, "invalid_passkey");
    // A challenge of Ada's is none of Bob's, and none for signing in.
    app.post_as(&bob, "step-up/passkey/confirm", &body)
        .await
        .refused(403, "invalid_passkey");
    app.post(&place, "login/passkey/confirm", &body)
        .await
        .refused(401, "invalid_passkey");
    // Not even with the passkey that it was asked for.
    let body = asked.with(adas.get(&asked.options, &Quirks::default()));
    app.post(&place, "login/passkey/confirm", &body)
        .await
        .refused(401, "invalid_passkey");
    // Nor in another session of Ada's.
    let other = app.sign_in(&place, "ada@example.com", PASSWORD).await.token();
    app.post_as(&other, "step-up/passkey/confirm", &body)
        .await
        .refused(403, "invalid_passkey");
    app.post_as(&ada, "step-up/passkey/confirm", &body)
        .await
        .expect(200);
}

#[tokio::test]
async fn a_challenge_for_registering_is_void_once_the_password_or_the_session_is_another() {
    let app = app().await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    let asked = begin(&app, &token).await;
    let credential = Device::new().create(&asked.options, &Quirks::default());
    let other = app.sign_in(&place, "ada@example.com", PASSWORD).await.token();

    confirm(&app, &other, &asked, credential.clone(), "My key")
        .await
        .refused(403, "invalid_passkey");
    let change = json!({ "old_password": PASSWORD, "new_password": "another correct horse" });
    app.post_as(&other, "password", &change).await.expect(200);
    let after = confirm(&app, &token, &asked, credential, "My key").await;

    after.refused(401, "invalid_token");
}

#[tokio::test]
async fn a_changed_password_keeps_how_the_session_began() {
    let app = app().await;
    let place = app.place().await;
    let registered = app.registered(&place, "ada@example.com").await;
    let mut device = Device::new();
    enrol(&app, &registered.token(), &mut device).await;
    let token = login(&app, &place, &mut device).await.token();

    let change = json!({ "old_password": PASSWORD, "new_password": "another correct horse" });
    app.post_as(&token, "password", &change).await.expect(200);

    assert_eq!(
        methods(&app, registered.user_id()).await,
        [["hwk", "user", "mfa"]]
    );
    // A passkey is no password: it goes on signing in.
    login(&app, &place, &mut device).await.expect(200);
}

#[tokio::test]
async fn a_wrong_password_is_slowed_down() {
    let app = App::mailing_with(crate::world::unthrottled_but_for_passwords()).await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    let wrong = json!({ "password": "wrong horse battery" });
    for _ in 0..10 {
        app.post_as(&token, "passkeys", &wrong)
            .await
            .refused(403, "wrong_password");
    }

    let slowed = app.post_as(&token, "passkeys", &password()).await;

    slowed.refused(429, "too_many_attempts");
    assert_eq!(slowed.headers[axum::http::header::RETRY_AFTER], "30");
}
