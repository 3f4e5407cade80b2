//! Answers that are not good: all of them are answered as that of a passkey that nobody has.

use std::time::Duration;

use serde_json::{Value, json};

use crate::device::{Device, ORIGIN, Quirks, bytes, text};
use crate::support::{Answer, App, Call, Place};
use crate::world::{
    Asked, app, begin, begin_login, confirm, confirm_login, count, enrol, list, login, trail, unthrottled,
};

fn quirks() -> Quirks {
    Quirks::default()
}

/// Ways in which what was signed is not what should have been.
fn wrong() -> Vec<(&'static str, Quirks)> {
    let mut wrong: Vec<_> = [
        "http://badexample.com",
        "https://localhost:8080",
        "http://localhost",
        "http://localhost:8081",
        "http://app.localhost:8080",
        "http://localhost.badexample.com:8080",
        "http://badlocalhost:8080",
        "http://127.0.0.1:8080",
        "null",
    ]
    .into_iter()
    .map(|origin| {
        let origin = origin.to_owned();
        ("origin", Quirks { origin, ..quirks() })
    })
    .collect();
    let rp_id = |rp_id: &str| Quirks {
        rp_id: Some(rp_id.to_owned()),
        ..quirks()
    };
    wrong.extend([
        ("relying party", rp_id("badexample.com")),
        ("relying party above", rp_id("app.localhost")),
        (
            "user not verified",
            Quirks {
                verified: false,
                ..quirks()
            },
        ),
        (
            "user not present",
            Quirks {
                present: false,
                ..quirks()
            },
        ),
        (
            "in a frame",
            Quirks {
                cross_origin: true,
                ..quirks()
            },
        ),
        (
            "kind",
            Quirks {
                kind: Some("payment.get"),
                ..quirks()
            },
        ),
        (
            "challenge",
            Quirks {
                challenge: Some(vec![7; 32]),
                ..quirks()
            },
        ),
        (
            "no challenge",
            Quirks {
                challenge: Some(Vec::new()),
                ..quirks()
            },
        ),
    ]);
    wrong
}

/// What somebody hears whose passkey nobody has.
async fn of_unknown(app: &App, place: &Place) -> Answer {
    let mut stranger = Device::new();
    stranger.handle = vec![3; 16];
    login(app, place, &mut stranger).await
}

#[track_caller]
fn same(answer: &Answer, unknown: &Answer, what: &str) {
    unknown.refused(401, "invalid_passkey");
    assert_eq!(answer.anonymised(), unknown.anonymised(), "{what}");
}

#[tokio::test]
async fn an_answer_that_signs_something_else_is_that_of_an_unknown_passkey() {
    let app = App::mailing_with(unthrottled()).await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    let mut device = Device::new();
    enrol(&app, &token, &mut device).await;
    let unknown = of_unknown(&app, &place).await;

    for (what, quirks) in wrong() {
        let asked = begin_login(&app, &place).await;
        let body = asked.with(device.get(&asked.options, &quirks));
        let answer = confirm_login(&app, &place, &body).await;
        same(&answer, &unknown, &format!("{what} {}", quirks.origin));
    }

    // None of them moved the counter on, or disabled the passkey.
    login(&app, &place, &mut device).await.expect(200);
}

#[tokio::test]
async fn nothing_is_registered_that_signs_something_else() {
    let app = App::mailing_with(unthrottled()).await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;

    for (what, quirks) in wrong() {
        let asked = begin(&app, &token).await;
        let credential = Device::new().create(&asked.options, &quirks);
        let answer = confirm(&app, &token, &asked, credential, "My key").await;
        assert_eq!(answer.code(), "invalid_passkey", "{what} {}", quirks.origin);
        assert_eq!(answer.status.as_u16(), 403, "{what}");
    }

    assert_eq!(list(&app, &token).await.len(), 0);
}

#[tokio::test]
async fn an_answer_that_was_tampered_with_is_that_of_an_unknown_passkey() {
    let app = App::mailing_with(unthrottled()).await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    let (mut device, mut other) = (Device::new(), Device::new());
    enrol(&app, &token, &mut device).await;
    enrol(&app, &token, &mut other).await;
    let unknown = of_unknown(&app, &place).await;
    let asked = begin_login(&app, &place).await;
    let good = device.get(&asked.options, &quirks());
    let others = other.get(&asked.options, &quirks());
    let set = |path: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(path).unwrap() = value;
        body
    };
    let mut signature = bytes(&good["response"]["signature"]);
    *signature.last_mut().unwrap() ^= 1;
    let mut data = bytes(&good["response"]["authenticatorData"]);
    data[36] = 200;
    let mut backed_up = bytes(&good["response"]["authenticatorData"]);
    backed_up[32] |= 0x18;
    let mut without_handle = good.clone();
    without_handle["response"]
        .as_object_mut()
        .unwrap()
        .remove("userHandle");

    for (what, credential) in [
        ("signature", set("/response/signature", json!(text(&signature)))),
        ("no signature", set("/response/signature", json!(""))),
        (
            "another's signature",
            set("/response/signature", others["response"]["signature"].clone()),
        ),
        ("counter", set("/response/authenticatorData", json!(text(&data)))),
        (
            "backed up",
            set("/response/authenticatorData", json!(text(&backed_up))),
        ),
        ("no data", set("/response/authenticatorData", json!(""))),
        (
            "short data",
            set("/response/authenticatorData", json!(text(&data[..36]))),
        ),
        ("client data", set("/response/clientDataJSON", json!(text(b"{}")))),
        (
            "no client data",
            set("/response/clientDataJSON", json!(text(b"\xff"))),
        ),
        ("handle", set("/response/userHandle", json!(text(&[9; 16])))),
        ("no handle", without_handle),
        ("null handle", set("/response/userHandle", json!(null))),
        ("raw id", set("/rawId", others["rawId"].clone())),
        ("empty id", set("/rawId", json!(""))),
        ("long id", set("/rawId", json!(text(&[5; 1024])))),
        ("padding", set("/rawId", json!("AAA="))),
        ("type", set("/type", json!("password"))),
        (
            "large signature",
            set("/response/signature", json!(text(&[5; 16 * 1024 + 1]))),
        ),
        ("nothing", json!({})),
        ("null", json!(null)),
        ("text", json!("credential")),
        ("list", json!([good.clone()])),
        ("number", json!(1e300)),
    ] {
        let answer = confirm_login(&app, &place, &asked.with(credential)).await;
        same(&answer, &unknown, what);
    }

    // The answer itself was good all the time.
    confirm_login(&app, &place, &asked.with(good)).await.expect(200);
}

#[tokio::test]
async fn a_challenge_that_is_not_ours_is_that_of_an_unknown_passkey() {
    let app = App::mailing_with(unthrottled()).await;
    let (place, elsewhere) = (app.place().await, app.place().await);
    let token = app.verified_user(&place, "ada@example.com").await;
    let mut device = Device::new();
    enrol(&app, &token, &mut device).await;
    let unknown = of_unknown(&app, &place).await;
    let asked = begin_login(&app, &place).await;
    let good = device.get(&asked.options, &quirks());
    let registering = begin(&app, &token).await;
    let theirs = begin_login(&app, &elsewhere).await;
    let mut flipped = asked.token.clone().into_bytes();
    let middle = flipped.len() / 2;
    flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };

    for (what, challenge) in [
        ("nothing", String::new()),
        ("prefix", "pwc1_".to_owned()),
        ("short", asked.token[..40].to_owned()),
        ("flipped", String::from_utf8(flipped).unwrap()),
        ("longer", format!("{}AAAA", asked.token)),
        ("large", format!("pwc1_{}", "A".repeat(5000))),
        ("another kind", token.clone()),
        ("of registering", registering.token),
        ("of another tenant", theirs.token.clone()),
    ] {
        let body = json!({ "challenge": challenge, "credential": good });
        same(&confirm_login(&app, &place, &body).await, &unknown, what);
    }
    // Nor does it help to answer the challenge of another tenant with the right bytes.
    let body = theirs.with(device.get(&theirs.options, &quirks()));
    same(
        &confirm_login(&app, &place, &body).await,
        &unknown,
        "another tenant's",
    );
    same(
        &confirm_login(&app, &elsewhere, &body).await,
        &unknown,
        "at the other tenant",
    );
    // One challenge does not stand in for another of the same kind.
    let second = begin_login(&app, &place).await;
    let body = second.with(good.clone());
    same(
        &confirm_login(&app, &place, &body).await,
        &unknown,
        "another challenge",
    );
}

#[tokio::test]
async fn a_challenge_is_good_for_five_minutes_and_once() {
    let app = App::mailing_with(unthrottled()).await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    let mut device = Device::synced();
    enrol(&app, &token, &mut device).await;
    let (first, second) = (begin_login(&app, &place).await, begin_login(&app, &place).await);

    app.clock
        .advance(Duration::from_secs(5 * 60) - Duration::from_millis(1));
    let body = first.with(device.get(&first.options, &quirks()));
    confirm_login(&app, &place, &body).await.expect(200);
    let again = confirm_login(&app, &place, &body).await;
    app.clock.advance(Duration::from_millis(1));
    let late = second.with(device.get(&second.options, &quirks()));
    let late = confirm_login(&app, &place, &late).await;

    let unknown = of_unknown(&app, &place).await;
    same(&again, &unknown, "again");
    same(&late, &unknown, "late");
}

#[tokio::test]
async fn what_is_no_body_is_refused_before_it_is_looked_at() {
    let app = app().await;
    let place = app.place().await;
    let call = || Call::post("/api/v1/auth/login/passkey/confirm").at(&place);
    let deep = format!(
        "{{\"challenge\":\"x\",\"credential\":{}{}}}",
        "[".repeat(500),
        "]".repeat(500)
    );
    let large = json!({ "challenge": "x", "credential": { "rawId": "A".repeat(3_000_000) } });

    for (call, status) in [
        (call().raw("application/json", "{"), 400),
        (call().raw("application/json", deep), 400),
        (call().raw("text/plain", "{}"), 415),
        (call().json(&json!({})), 422),
        (
            call().json(&json!({ "challenge": "x", "credential": {}, "more": 1 })),
            422,
        ),
        (call().json(&json!({ "challenge": 7, "credential": {} })), 422),
        (call().json(&large), 413),
    ] {
        app.send(call).await.expect(status);
    }
}

#[tokio::test]
async fn names_are_checked() {
    let app = App::mailing_with(unthrottled()).await;
    let place = app.place().await;
    let token = app.verified_user(&place, "ada@example.com").await;
    let asked = begin(&app, &token).await;
    let credential = Device::new().create(&asked.options, &quirks());

    for name in ["", "   ", "a\nb", &"x".repeat(101)] {
        let answer = confirm(&app, &token, &asked, credential.clone(), name).await;
        answer.refused(422, "invalid_body");
    }

    confirm(&app, &token, &asked, credential, &"ü".repeat(100))
        .await
        .expect(201);
}

#[tokio::test]
async fn one_passkey_is_registered_once_in_a_tenant_and_its_user_stays_who_it_was() {
    let app = App::mailing_with(unthrottled()).await;
    let (place, elsewhere) = (app.place().await, app.place().await);
    let ada = app.registered(&place, "ada@example.com").await;
    let bob = app.verified_user(&place, "bob@example.com").await;
    let carol = app.verified_user(&elsewhere, "carol@example.com").await;
    let mut device = Device::new();
    enrol(&app, &ada.token(), &mut device).await;
    let handle = device.handle.clone();

    let asked = begin(&app, &bob).await;
    let credential = device.create(&asked.options, &quirks());
    let taken = confirm(&app, &bob, &asked, credential, "Mine").await;

    taken.refused(403, "invalid_passkey");
    assert_eq!(count(&app, "webauthn_credential", place.id).await, 1);
    device.handle = handle;
    let signed_in = login(&app, &place, &mut device).await;
    assert_eq!(signed_in.expect(200).user_id(), ada.user_id());
    // Another tenant knows nothing of it.
    let asked = begin(&app, &carol).await;
    let credential = device.clone().create(&asked.options, &quirks());
    confirm(&app, &carol, &asked, credential, "Mine")
        .await
        .expect(201);
}

#[tokio::test]
async fn refusals_are_in_the_trail_with_their_reason() {
    let app = App::mailing_with(unthrottled()).await;
    let place = app.place().await;
    let registered = app.registered(&place, "ada@example.com").await;
    let mut device = Device::new();
    enrol(&app, &registered.token(), &mut device).await;
    let asked: Asked = begin_login(&app, &place).await;
    let origin = Quirks {
        origin: ORIGIN.replace("localhost", "badexample.com"),
        ..quirks()
    };
    let body = asked.with(device.get(&asked.options, &origin));

    confirm_login(&app, &place, &body)
        .await
        .refused(401, "invalid_passkey");

    let events = trail(&app, &place, registered.user_id()).await;
    let last = events.last().unwrap();
    assert_eq!(
        (
            last.action.as_str(),
            last.outcome.as_str(),
            last.reason.as_deref()
        ),
        ("auth.sign_in", "failure", Some("answer"))
    );
    assert_eq!(last.actor_id, None);
}
