//! Sessions of browsers.

use axum::http::Method;
use platform_auth::AuthConfig;
use platform_core::axum;
use platform_core::testing::TestDb;
use serde_json::{Value, json};

use crate::support::{Answer, App, Authenticator, Call, PASSWORD, Place, SCHEMAS};
use crate::world::{Person, SECOND, delete, entered, is_good, remembering, session_of, user};

const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");
const TAKEN_BACK: &str = "__Host-session=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax";

/// A request as a page of the service has it sent.
fn own(call: Call) -> Call {
    call.header(OWN.0, OWN.1)
}

fn with_cookie(call: Call, token: &str) -> Call {
    call.header("cookie", format!("theme=dark; __Host-session={token}"))
}

async fn post(app: &App, token: &str, path: &str, body: &Value) -> Answer {
    let call = Call::post(&format!("/api/v1/auth/{path}")).json(body);
    app.send(own(with_cookie(call, token))).await
}

async fn me(app: &App, token: &str) -> Answer {
    app.send(with_cookie(Call::get("/api/v1/auth/me"), token)).await
}

fn set_cookie(answer: &Answer) -> Option<&str> {
    answer
        .headers
        .get("set-cookie")
        .map(|cookie| cookie.to_str().unwrap())
}

/// The token in the cookie of an answer, of which nothing is in the body.
#[track_caller]
fn cookie_of(answer: &Answer) -> String {
    let cookie = set_cookie(answer).unwrap_or_else(|| panic!("{}", answer.text));
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    let token = pair.strip_prefix("__Host-session=").unwrap().to_owned();
    assert!(!answer.text.contains("pst1_"), "{}", answer.text);
    assert_eq!(
        attributes,
        "Max-Age=43200; Path=/; Secure; HttpOnly; SameSite=Lax"
    );
    assert_eq!(answer.headers["cache-control"], "no-store");
    token
}

async fn signed_in(app: &App, place: &Place, person: &Person) -> String {
    let mut body = entered(person);
    body["session"] = json!("cookie");
    let login = Call::post("/api/v1/auth/login").at(place).json(&body);
    cookie_of(app.send(own(login)).await.expect(200))
}

#[tokio::test]
async fn a_browser_signs_in_by_cookie_and_out_again() {
    let app = remembering().await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    let token = signed_in(&app, &place, &ada).await;

    assert_eq!(me(&app, &token).await.expect(200).json()["email"], ada.email);
    let out = post(&app, &token, "logout", &json!({})).await;

    assert_eq!(set_cookie(out.expect(204)), Some(TAKEN_BACK));
    me(&app, &token).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn registering_may_answer_with_the_cookie_too() {
    let app = remembering().await;
    let place = app.place().await;
    let body = json!({ "email": "ada@example.com", "password": PASSWORD, "session": "cookie" });
    let register = Call::post("/api/v1/auth/register").at(&place).json(&body);

    let token = cookie_of(app.send(own(register)).await.expect(201));

    me(&app, &token).await.expect(200);
}

#[tokio::test]
async fn a_token_that_takes_the_place_of_another_comes_the_way_that_one_came() {
    let app = remembering().await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    let mut token = signed_in(&app, &place, &ada).await;

    let enrolled = post(&app, &token, "totp", &json!({ "password": PASSWORD })).await;
    let authenticator = Authenticator::of(enrolled.expect(201).json()["secret"].as_str().unwrap());
    let code = json!({ "code": authenticator.code(&app) });
    let confirmed = post(&app, &token, "totp/confirm", &code).await;
    assert_eq!(
        confirmed.expect(200).json()["recovery_codes"]
            .as_array()
            .unwrap()
            .len(),
        10
    );
    token = cookie_of(&confirmed);
    let passwords = json!({ "old_password": PASSWORD, "new_password": "battery horse correct" });
    token = cookie_of(post(&app, &token, "password", &passwords).await.expect(200));
    let password = json!({ "password": "battery horse correct" });
    token = cookie_of(post(&app, &token, "step-up", &password).await.expect(200));
    me(&app, &token).await.expect(200);

    // And after a code.
    app.clock.advance(60 * SECOND);
    let login = json!({ "email": ada.email, "password": "battery horse correct", "session": "cookie" });
    let challenged = post(&app, &token, "login", &login).await;
    assert_eq!(set_cookie(challenged.expect(202)), None);
    let challenge = challenged.json()["challenge"].clone();
    let code = json!({ "challenge": challenge, "code": authenticator.code(&app), "session": "cookie" });
    let next = cookie_of(post(&app, &token, "login/second-factor", &code).await.expect(200));
    me(&app, &next).await.expect(200);
    me(&app, &token).await.refused(401, "invalid_token");
    // By token it comes in the body, as ever.
    let ada = user(&app, &place, "bob").await;
    let stepped = app
        .post_as(&ada.token, "step-up", &json!({ "password": PASSWORD }))
        .await;
    assert_eq!(set_cookie(stepped.expect(200)), None);
    assert!(is_good(&app.auth, &stepped.token()).await);
}

#[tokio::test]
async fn a_cookie_that_is_over_is_taken_back_so_that_its_browser_can_sign_in_again() {
    let app = remembering().await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    let token = signed_in(&app, &place, &ada).await;
    let session = session_of(&app, &token).await;
    app.send(delete(&format!("/api/v1/auth/sessions/{session}")).bearer(&ada.token))
        .await
        .expect(204);
    let mut body = entered(&ada);
    body["session"] = json!("cookie");

    let stale = post(&app, &token, "login", &body).await;

    stale.refused(401, "invalid_token");
    assert_eq!(set_cookie(&stale), Some(TAKEN_BACK));
    for garbage in ["", "x", "pst1_", "\"quoted\""] {
        let answer = me(&app, garbage).await;
        answer.refused(401, "invalid_token");
        assert_eq!(set_cookie(&answer), Some(TAKEN_BACK), "{garbage}");
    }
    signed_in(&app, &place, &ada).await;
}

#[tokio::test]
async fn ending_the_session_of_the_call_takes_its_cookie_back() {
    let app = remembering().await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    let token = signed_in(&app, &place, &ada).await;
    let [own_session, other] = [session_of(&app, &token).await, session_of(&app, &ada.token).await];
    let end = async |session: &str| {
        let call = delete(&format!("/api/v1/auth/sessions/{session}"));
        app.send(own(with_cookie(call, &token))).await
    };

    assert_eq!(set_cookie(end(&other).await.expect(204)), None);
    assert_eq!(set_cookie(end(&own_session).await.expect(204)), Some(TAKEN_BACK));
}

#[tokio::test]
async fn a_token_in_the_body_ends_the_session_of_the_cookie() {
    let app = remembering().await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    let token = signed_in(&app, &place, &ada).await;

    let answer = post(&app, &token, "login", &entered(&ada)).await;

    assert_eq!(set_cookie(answer.expect(200)), Some(TAKEN_BACK));
    assert!(is_good(&app.auth, &answer.token()).await);
    me(&app, &token).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn two_credentials_at_once_are_refused_on_every_route() {
    let app = remembering().await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    let token = signed_in(&app, &place, &ada).await;

    for path in ["/api/v1/auth/me", "/api/v1/auth/login", "/nowhere"] {
        for call in [
            with_cookie(Call::get(path), &token).bearer(&ada.token),
            with_cookie(Call::get(path), &token).bearer(&token),
            with_cookie(with_cookie(Call::get(path), &token), &token),
            with_cookie(Call::get(path), &token).header("authorization", "Basic YTpi"),
        ] {
            app.send(call).await.refused(400, "several_credentials");
        }
        let twice = Call::get(path).bearer(&ada.token).bearer(&ada.token);
        app.send(twice).await.refused(400, "duplicate_header");
    }
    assert!(is_good(&app.auth, &token).await && is_good(&app.auth, &ada.token).await);
}

#[tokio::test]
async fn another_site_uses_no_cookie_for_what_changes_something() {
    let app = remembering().await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    let token = signed_in(&app, &place, &ada).await;
    let call = || Call::post("/api/v1/auth/logout");
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "none"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("x-requested-with", "XMLHttpRequest"),
    ] {
        let answer = app.send(with_cookie(call(), &token).header(name, value)).await;
        answer.refused(403, "cross_site_request");
        assert_eq!(set_cookie(&answer), None);
        // A cookie that is over is told from a good one by nobody.
        let dead = app.send(with_cookie(call(), "x").header(name, value)).await;
        assert_eq!(dead.anonymised(), answer.anonymised());
    }
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = app
            .send(with_cookie(Call::new(method, "/api/v1/auth/me"), &token))
            .await;
        answer.refused(403, "cross_site_request");
    }
    // A WebSocket may be opened by whoever is read by it, with a method that is safe.
    let websocket = with_cookie(Call::get("/api/v1/auth/me"), &token).header("upgrade", "websocket");
    app.send(websocket.header("origin", "https://evil.example"))
        .await
        .refused(403, "cross_site_request");

    // What is safe is not refused, and a token in the header is nobody else's to send.
    me(&app, &token).await.expect(200);
    let by_token = call().bearer(&ada.token).header("sec-fetch-site", "cross-site");
    app.send(by_token).await.expect(204);
}

#[tokio::test]
async fn another_site_signs_nobody_in_by_cookie() {
    let app = remembering().await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    let mut body = entered(&ada);
    body["session"] = json!("cookie");
    let register = json!({ "email": "eve@example.com", "password": PASSWORD, "session": "cookie" });
    let code = json!({ "challenge": "x", "code": "123456", "session": "cookie" });

    for (path, body) in [
        ("/api/v1/auth/login", &body),
        ("/api/v1/auth/register", &register),
        ("/api/v1/auth/login/second-factor", &code),
    ] {
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://evil.example"),
            ("x", "y"),
        ] {
            let call = Call::post(path).at(&place).json(body).header(name, value);
            let answer = app.send(call).await;
            answer.refused(403, "cross_site_request");
            assert_eq!(set_cookie(&answer), None);
        }
    }
    app.sign_in(&place, "eve@example.com", PASSWORD)
        .await
        .refused(401, "invalid_credentials");
    for (session, status, code) in [
        (json!("Cookie"), 422, "invalid_body"),
        (json!(""), 422, "invalid_body"),
        (json!(null), 422, "invalid_body"),
        (json!(7), 422, "invalid_body"),
    ] {
        body["session"] = session;
        let call = Call::post("/api/v1/auth/login").at(&place).json(&body);
        app.send(own(call)).await.refused(status, code);
    }
}

#[tokio::test]
async fn an_origin_that_is_allowed_may_do_what_a_page_of_the_service_may() {
    let mut config = AuthConfig::default();
    config.origins = vec!["https://app.example.com".parse().unwrap()];
    let test = Box::pin(TestDb::shared(&SCHEMAS)).await;
    let app = App::remembering_on(test, config).await;
    let place = app.place().await;
    let ada = user(&app, &place, "ada").await;
    let token = signed_in(&app, &place, &ada).await;
    let out = |origin: &str| {
        let call = with_cookie(Call::post("/api/v1/auth/logout"), &token);
        app.send(
            call.header("origin", origin)
                .header("sec-fetch-site", "same-site"),
        )
    };

    out("https://app.example.com.evil.example")
        .await
        .refused(403, "cross_site_request");
    out("https://app.example.com").await.expect(204);
}

#[tokio::test]
async fn a_key_of_a_program_is_not_taken_for_a_session() {
    let app = remembering().await;

    let key = Call::get("/api/v1/auth/me").bearer("pak1_x");
    app.send(key).await.refused(401, "invalid_token");
}
