//! Passkeys where the tenant asks for a second factor.

use std::time::Duration;

use axum::http::Method;
use platform_core::axum;
use serde_json::{Value, json};

use crate::device::{Device, Quirks};
use crate::support::{Answer, App, Call, PASSWORD, Place};
use crate::world::{app, begin, confirm, enrol, list, login, password, remove, step_up};

async fn ask_for_two_factors(app: &App, place: &Place) {
    let admin = app.admin(place).await;
    let body = json!({ "version": 0, "settings": { "second_factor": "all" } });
    let call = Call::new(Method::PUT, "/admin/v1/policy").bearer(&admin);
    app.send(call.json(&body)).await.expect(200);
}

/// Somebody who knows the password and nothing more.
async fn by_password(app: &App, place: &Place) -> String {
    app.sign_in(place, "ada@example.com", PASSWORD).await.token()
}

fn ends(answer: &Answer) -> Value {
    answer.expect(200).json()["expires_at"].clone()
}

#[tokio::test]
async fn who_knows_the_password_alone_sets_nothing_up_beside_a_passkey_and_takes_none_away() {
    let app = app().await;
    let place = app.place().await;
    let owner = app.verified_user(&place, "ada@example.com").await;
    let mut device = Device::new();
    let id = enrol(&app, &owner, &mut device).await;
    ask_for_two_factors(&app, &place).await;
    let thief = by_password(&app, &place).await;

    app.post_as(&thief, "totp", &password())
        .await
        .refused(403, "second_factor_required");
    let asked = begin(&app, &thief).await;
    let credential = Device::new().create(&asked.options, &Quirks::default());
    confirm(&app, &thief, &asked, credential, "Mine")
        .await
        .refused(403, "second_factor_required");
    remove(&app, &thief, &id, &password())
        .await
        .refused(403, "second_factor_required");

    // The owner does, with the passkey.
    let token = login(&app, &place, &mut device).await.token();
    assert_eq!(list(&app, &token).await.len(), 1);
    app.post_as(&token, "totp", &password()).await.expect(201);
    remove(&app, &token, &id, &password()).await.expect(204);
}

#[tokio::test]
async fn the_first_factor_is_set_up_with_the_password() {
    let app = app().await;
    let place = app.place().await;
    app.verified_user(&place, "ada@example.com").await;
    ask_for_two_factors(&app, &place).await;

    let token = by_password(&app, &place).await;
    enrol(&app, &token, &mut Device::new()).await;
}

#[tokio::test]
async fn a_session_that_began_with_a_passkey_ends_when_one_is_removed() {
    let app = app().await;
    let place = app.place().await;
    let owner = app.verified_user(&place, "ada@example.com").await;
    let mut device = Device::new();
    let id = enrol(&app, &owner, &mut device).await;
    let token = login(&app, &place, &mut device).await.token();

    remove(&app, &token, &id, &password()).await.expect(204);

    app.me(&token).await.refused(401, "invalid_token");
    app.me(&owner).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn a_password_does_not_prolong_what_a_passkey_has_proved() {
    let app = app().await;
    let place = app.place().await;
    let owner = app.verified_user(&place, "ada@example.com").await;
    let mut device = Device::new();
    enrol(&app, &owner, &mut device).await;
    let first = login(&app, &place, &mut device).await;
    let end = ends(&first);
    app.clock.advance(Duration::from_secs(600));

    let stepped = app.post_as(&first.token(), "step-up", &password()).await;
    assert_eq!(ends(&stepped), end);
    let change = json!({ "old_password": PASSWORD, "new_password": "another correct horse" });
    let changed = app.post_as(&stepped.token(), "password", &change).await;
    assert_eq!(ends(&changed), end);

    // The passkey does.
    let proved = step_up(&app, &changed.token(), &mut device).await;
    assert_ne!(ends(&proved), end);
}
