//! What users do with their passkeys.

use axum::http::Method;
use platform_auth::AuthConfig;
use platform_core::axum;
use serde_json::json;

use crate::device::{Device, Quirks, bytes};
use crate::support::{App, Authenticator, Call, PASSWORD};
use crate::world::{
    Asked, app, begin, begin_login, confirm, enrol, list, login, methods, password, remove, trail,
};

#[tokio::test]
async fn a_passkey_signs_in_without_an_address_and_without_a_code() {
    let app = app().await;
    let place = app.place().await;
    let registered = app.registered(&place, "ada@example.com").await;
    let (user, token) = (registered.user_id(), registered.token());
    let (_, token, _) = Authenticator::set_up(&app, &token).await;
    let mut device = Device::new();
    enrol(&app, &token, &mut device).await;

    let signed_in = login(&app, &place, &mut device).await;

    let body = signed_in.expect(200).json();
    assert_eq!(body["user"]["email"], "ada@example.com");
    app.me(&signed_in.token()).await.expect(200);
    app.me(&token).await.expect(200);
    assert_eq!(
        methods(&app, user).await,
        [vec!["pwd", "otp"], vec!["hwk", "user", "mfa"]]
    );
    assert_eq!(signed_in.headers["cache-control"], "no-store");
    let events = trail(&app, &place, user).await;
    let last: Vec<_> = events.iter().rev().take(2).collect();
    assert_eq!(last[0].action, "auth.sign_in");
    assert_eq!(last[0].detail.as_ref().unwrap()["method"], "passkey");
    assert_eq!(last[0].actor_id, Some(user));
    assert_eq!(last[1].action, "auth.credential_change");
    assert_eq!(last[1].detail.as_ref().unwrap()["how"], "registered");
}

#[tokio::test]
async fn a_passkey_that_may_be_copied_says_so() {
    let app = app().await;
    let place = app.place().await;
    let registered = app.registered(&place, "ada@example.com").await;
    let mut device = Device::synced();
    enrol(&app, &registered.token(), &mut device).await;

    // It has no counter, and signs in as often as its user likes.
    for _ in 0..3 {
        login(&app, &place, &mut device).await.expect(200);
    }

    let of_session = methods(&app, registered.user_id()).await;
    assert_eq!(of_session[1], ["swk", "user", "mfa"]);
    assert_eq!(list(&app, &registered.token()).await[0]["synced"], true);
}

#[tokio::test]
async fn a_session_under_which_somebody_signs_in_anew_ends() {
    let app = app().await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    let mut device = Device::new();
    enrol(&app, &token, &mut device).await;

    let asked = begin_login(&app, &place).await;
    let body = asked.with(device.get(&asked.options, &Quirks::default()));
    let signed_in = app.post_as(&token, "login/passkey/confirm", &body).await;

    app.me(&signed_in.expect(200).token()).await.expect(200);
    app.me(&token).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn the_browser_is_asked_for_a_discoverable_passkey_and_a_verified_user_and_told_no_address_as_the_handle()
 {
    let app = app().await;
    let place = app.place().await;
    let registered = app.registered(&place, "ada@example.com").await;
    let token = registered.token();

    let first = begin(&app, &token).await.options;
    let mut device = Device::new();
    let asked = begin(&app, &token).await;
    let credential = device.create(&asked.options, &Quirks::default());
    confirm(&app, &token, &asked, credential, "My key")
        .await
        .expect(201);
    let second = begin(&app, &token).await.options;
    let login = begin_login(&app, &place).await.options;

    assert_eq!(first["rp"]["id"], "localhost");
    assert_eq!(first["attestation"], "none");
    let selection = &first["authenticatorSelection"];
    assert_eq!(selection["residentKey"], "required");
    assert_eq!(selection["requireResidentKey"], true);
    assert_eq!(selection["userVerification"], "required");
    assert_eq!(first["excludeCredentials"], json!([]));
    assert_eq!(first["user"]["name"], "ada@example.com");
    let handle = bytes(&first["user"]["id"]);
    assert_eq!(handle.len(), 16);
    assert_ne!(handle, registered.user_id().as_uuid().as_bytes());
    // The second passkey is for the same user, and not on an authenticator that has one already.
    assert_eq!(bytes(&second["user"]["id"]), device.handle);
    assert_eq!(bytes(&second["excludeCredentials"][0]["id"]), device.id);
    assert_eq!(login["allowCredentials"], json!([]));
    assert_eq!(login["userVerification"], "required");
    assert_eq!(login["rpId"], "localhost");
    assert_eq!(bytes(&login["challenge"]).len(), 32);
}

#[tokio::test]
async fn passkeys_are_listed_renamed_and_removed() {
    let app = app().await;
    let place = app.place().await;
    let registered = app.registered(&place, "ada@example.com").await;
    let (user, token) = (registered.user_id(), registered.token());
    let (mut first, mut second) = (Device::new(), Device::new());
    let id = enrol(&app, &token, &mut first).await;
    enrol(&app, &token, &mut second).await;
    let elsewhere = login(&app, &place, &mut first).await.token();
    app.mails().await;

    let rename = Call::new(Method::PUT, &format!("/api/v1/auth/passkeys/{id}"))
        .bearer(&token)
        .json(&json!({ "name": "  Blue key " }));
    app.send(rename).await.expect(204);

    let listed = list(&app, &token).await;
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["name"], "Blue key");
    assert_eq!(listed[0]["last_used_on"], "2026-01-02");
    assert_eq!(listed[0]["status"], "active");
    assert_eq!(listed[1]["last_used_on"], json!(null));
    let page = app
        .send(Call::get("/api/v1/auth/passkeys?limit=1").bearer(&token))
        .await
        .json();
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = app
        .send(Call::get(&format!("/api/v1/auth/passkeys?cursor={cursor}")).bearer(&token))
        .await
        .json();
    assert_eq!(rest["data"][0], listed[1]);

    remove(&app, &token, &id, &json!({})).await.expect(204);

    assert_eq!(list(&app, &token).await.len(), 1);
    login(&app, &place, &mut first)
        .await
        .refused(401, "invalid_passkey");
    app.me(&elsewhere).await.refused(401, "invalid_token");
    app.me(&token).await.expect(200);
    login(&app, &place, &mut second).await.expect(200);
    remove(&app, &token, &id, &json!({}))
        .await
        .refused(404, "not_found");
    let mails = app.mails().await;
    assert_eq!(mails.len(), 1);
    assert!(mails[0].subject.contains("a passkey was removed"), "{mails:?}");
    let hows: Vec<_> = trail(&app, &place, user)
        .await
        .into_iter()
        .filter(|event| event.action == "auth.credential_change")
        .map(|event| event.detail.unwrap()["how"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(hows, ["registered", "registered", "renamed", "removed"]);
    // The password is left, so the last one may go too.
    let last = list(&app, &token).await[0]["id"].as_str().unwrap().to_owned();
    remove(&app, &token, &last, &password()).await.expect(204);
    app.sign_in(&place, "ada@example.com", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_new_passkey_is_told_of_by_mail() {
    let app = app().await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    app.mails().await;

    enrol(&app, &token, &mut Device::new()).await;

    let mails = app.mails().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, "ada@example.com");
    assert!(mails[0].subject.contains("a passkey was added"), "{mails:?}");
}

#[tokio::test]
async fn a_user_has_20_passkeys_at_most() {
    let app = App::mailing_with(crate::world::unthrottled()).await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    let waiting = begin(&app, &token).await;
    for _ in 0..20 {
        enrol(&app, &token, &mut Device::new()).await;
    }

    let answer = app.post_as(&token, "passkeys", &json!({})).await;

    answer.refused(409, "too_many");
    let credential = Device::new().create(&waiting.options, &Quirks::default());
    confirm(&app, &token, &waiting, credential, "One more")
        .await
        .refused(403, "invalid_passkey");
    assert_eq!(list(&app, &token).await.len(), 20);
}

#[tokio::test]
async fn a_service_without_passkeys_says_so() {
    let app = App::with(AuthConfig::default()).await;
    let place = app.place().await;
    let token = app.user(&place, "ada@example.com").await;
    let body = json!({ "challenge": "x", "credential": {} });

    for answer in [
        app.post_as(&token, "passkeys", &json!({})).await,
        app.send(Call::post("/api/v1/auth/login/passkey").at(&place))
            .await,
        app.post(&place, "login/passkey/confirm", &body).await,
        app.post_as(&token, "step-up/passkey/confirm", &body).await,
    ] {
        answer.refused(501, "no_passkeys");
    }
    assert_eq!(list(&app, &token).await.len(), 0);
}

#[tokio::test]
async fn a_passkey_does_not_get_round_the_verification_of_the_address() {
    // Where nobody can verify an address, a passkey is registered without.
    let app = App::with(crate::world::config()).await;
    let place = app.place().await;
    let token = app.user(&place, "ada@example.com").await;
    let mut device = Device::new();
    enrol(&app, &token, &mut device).await;
    let mut strict = crate::world::config();
    strict.verified_email = true;
    let strict = App::mailing_on(app.test.clone(), strict).await;

    let refused = login(&strict, &place, &mut device).await;

    refused.refused(403, "email_unverified");
    login(&app, &place, &mut device).await.expect(200);
}

#[tokio::test]
async fn any_instance_takes_the_answer_to_a_challenge_of_another() {
    let app = app().await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    let mut device = Device::new();
    enrol(&app, &token, &mut device).await;
    let other = App::mailing_on(app.test.clone(), crate::world::config()).await;

    let asked: Asked = begin_login(&app, &place).await;
    let body = asked.with(device.get(&asked.options, &Quirks::default()));

    let signed_in = crate::world::confirm_login(&other, &place, &body).await;
    signed_in.expect(200);
    crate::world::confirm_login(&app, &place, &body)
        .await
        .refused(401, "invalid_passkey");
}

#[tokio::test]
async fn what_somebody_signs_in_with_names_the_passkeys_too() {
    let app = app().await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    let credentials = async |token: &str| {
        let call = Call::get("/api/v1/auth/credentials").bearer(token);
        app.send(call).await.expect(200).json()
    };
    assert_eq!(credentials(&token).await["passkeys"], json!([]));
    let mut device = Device::new();
    let id = enrol(&app, &token, &mut device).await;
    let other = app.verified_user(&place, "bob@example.com").await;
    enrol(&app, &other, &mut Device::new()).await;
    login(&app, &place, &mut device).await.expect(200);

    let shown = credentials(&token).await;

    assert_eq!(
        shown,
        json!({
            "email_verified": true,
            "password_changed_at": "2026-01-02T03:04:05Z",
            "totp": false,
            "recovery_codes_left": 0,
            "passkeys": [{
                "id": id,
                "name": "My key",
                "created_at": "2026-01-02T03:04:05Z",
                "last_used_on": "2026-01-02",
                "synced": false,
                "status": "active",
            }],
        })
    );
}
