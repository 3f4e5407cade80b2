//! Authenticators that were copied.

use std::time::Duration;

use serde_json::json;

use crate::device::{Device, Quirks};
use crate::support::{App, PASSWORD};
use crate::world::{
    Asked, app, begin_login, begin_step_up, confirm_login, enrol, list, login, remove, trail, unthrottled,
};

#[tokio::test]
async fn a_passkey_whose_counter_goes_back_is_disabled_and_every_session_of_its_user_ends() {
    let app = app().await;
    let place = app.place().await;
    let registered = app.registered(&place, "ada@example.com").await;
    let (user, token) = (registered.user_id(), registered.token());
    let mut device = Device::new();
    let id = enrol(&app, &token, &mut device).await;
    let mut copy = device.clone();
    let signed_in = login(&app, &place, &mut device).await.token();
    login(&app, &place, &mut device).await.expect(200);
    app.mails().await;

    // The copy counts from where it was made.
    let refused = login(&app, &place, &mut copy).await;

    refused.refused(401, "invalid_passkey");
    for token in [&token, &signed_in] {
        app.me(token).await.refused(401, "invalid_token");
    }
    login(&app, &place, &mut device)
        .await
        .refused(401, "invalid_passkey");
    let mails = app.mails().await;
    assert_eq!(mails.len(), 1);
    assert!(
        mails[0].subject.contains("a passkey was switched off"),
        "{mails:?}"
    );
    let events = trail(&app, &place, user).await;
    let disabled: Vec<_> = events
        .iter()
        .filter(|event| event.reason.as_deref() == Some("sign_count_rollback"))
        .collect();
    assert_eq!(disabled.len(), 1);
    assert_eq!(disabled[0].action, "auth.credential_change");
    assert_eq!(disabled[0].detail.as_ref().unwrap()["sessions_ended"], 3);
    // The user still has the password, sees what happened, and clears it away.
    let token = app.sign_in(&place, "ada@example.com", PASSWORD).await.token();
    assert_eq!(list(&app, &token).await[0]["status"], "disabled");
    begin_step_up(&app, &token).await.refused(404, "not_found");
    remove(&app, &token, &id, &json!({})).await.expect(204);
}

#[tokio::test]
async fn the_same_counter_twice_is_a_copy_too() {
    let app = app().await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    let mut device = Device::new();
    enrol(&app, &token, &mut device).await;
    let mut copy = device.clone();
    login(&app, &place, &mut device).await.expect(200);

    login(&app, &place, &mut copy)
        .await
        .refused(401, "invalid_passkey");

    login(&app, &place, &mut device)
        .await
        .refused(401, "invalid_passkey");
}

/// Who has counted may not stop, or a copy would only have to say that it never did.
#[tokio::test]
async fn a_counter_that_falls_to_nothing_has_gone_back() {
    let app = app().await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    let mut device = Device::new();
    enrol(&app, &token, &mut device).await;
    let mut copy = Device {
        counter: 0,
        counts: 0,
        ..device.clone()
    };

    login(&app, &place, &mut copy)
        .await
        .refused(401, "invalid_passkey");

    login(&app, &place, &mut device)
        .await
        .refused(401, "invalid_passkey");
}

#[tokio::test]
async fn a_passkey_that_never_counted_may_begin_to() {
    let app = app().await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    let mut device = Device {
        counts: 0,
        ..Device::new()
    };
    enrol(&app, &token, &mut device).await;
    login(&app, &place, &mut device).await.expect(200);

    device.counts = 1;

    login(&app, &place, &mut device).await.expect(200);
    login(&app, &place, &mut device).await.expect(200);
}

#[tokio::test]
async fn a_copy_is_found_out_in_stepping_up_too() {
    let app = app().await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    let mut device = Device::new();
    enrol(&app, &token, &mut device).await;
    let mut copy = device.clone();
    login(&app, &place, &mut device).await.expect(200);
    let asked = Asked::of(&begin_step_up(&app, &token).await);
    let body = asked.with(copy.get(&asked.options, &Quirks::default()));

    let refused = app.post_as(&token, "step-up/passkey/confirm", &body).await;

    refused.refused(403, "invalid_passkey");
    app.me(&token).await.refused(401, "invalid_token");
}

/// Whoever sees an answer on its way and sends it again must not be able to have the passkey disabled with it.
#[tokio::test]
async fn an_answer_that_is_sent_again_disables_nothing() {
    let app = App::mailing_with(unthrottled()).await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    let mut device = Device::new();
    enrol(&app, &token, &mut device).await;
    let asked = begin_login(&app, &place).await;
    let body = asked.with(device.get(&asked.options, &Quirks::default()));
    confirm_login(&app, &place, &body).await.expect(200);

    for _ in 0..3 {
        confirm_login(&app, &place, &body)
            .await
            .refused(401, "invalid_passkey");
    }

    login(&app, &place, &mut device).await.expect(200);
}

/// Two sign-ins at a time: the answer that counted first arrives last (WebAuthn, level 3, section 6.1.1).
#[tokio::test]
async fn an_answer_that_was_overtaken_is_refused_and_the_passkey_stays_good() {
    let app = app().await;
    let place = app.place().await;
    let registered = app.registered(&place, "ada@example.com").await;
    let (user, token) = (registered.user_id(), registered.token());
    let mut device = Device::new();
    enrol(&app, &token, &mut device).await;
    let (first, second) = (begin_login(&app, &place).await, begin_login(&app, &place).await);
    app.clock.advance(Duration::from_secs(1));
    let first = first.with(device.get(&first.options, &Quirks::default()));
    let second = second.with(device.get(&second.options, &Quirks::default()));
    let signed_in = confirm_login(&app, &place, &second).await.expect(200).token();
    app.mails().await;

    let refused = confirm_login(&app, &place, &first).await;

    refused.refused(401, "invalid_passkey");
    app.me(&signed_in).await.expect(200);
    app.me(&token).await.expect(200);
    assert!(app.mails().await.is_empty());
    assert_eq!(list(&app, &token).await[0]["status"], "active");
    let events = trail(&app, &place, user).await;
    let reasons: Vec<_> = events
        .iter()
        .filter_map(|event| event.reason.as_deref())
        .collect();
    assert_eq!(reasons, ["sign_count_overtaken"]);
    login(&app, &place, &mut device).await.expect(200);
    // It is not good later either.
    confirm_login(&app, &place, &first)
        .await
        .refused(401, "invalid_passkey");
    login(&app, &place, &mut device).await.expect(200);
}

/// What only a copy can show is no matter of order: the same counter for another question, or none at all.
#[tokio::test]
async fn a_copy_that_began_before_its_original_signed_in_is_found_out_by_the_same_counter() {
    for stops_counting in [false, true] {
        let app = app().await;
        let place = app.place().await;
        let token = app.verified_user(&place, "ada@example.com").await;
        let mut device = Device::new();
        enrol(&app, &token, &mut device).await;
        let mut copy = device.clone();
        if stops_counting {
            copy = Device {
                counter: 0,
                counts: 0,
                ..copy
            };
        }
        let early = begin_login(&app, &place).await;
        app.clock.advance(Duration::from_secs(1));
        login(&app, &place, &mut device).await.expect(200);

        let early = early.with(copy.get(&early.options, &Quirks::default()));
        confirm_login(&app, &place, &early)
            .await
            .refused(401, "invalid_passkey");

        login(&app, &place, &mut device)
            .await
            .refused(401, "invalid_passkey");
    }
}
