//! A real browser with a virtual authenticator, before the service. Where none is installed, the test says so.

use std::io::Write as _;
use std::sync::Arc;

use platform_auth::{AuthConfig, PasskeyConfig};
use platform_core::axum;
use platform_core::axum::Router;
use platform_core::axum::response::Html;
use platform_core::axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::device::bytes;
use crate::support::{App, Place};
use crate::webdriver::Browser;
use crate::world::{list, trail};

/// What a client's page does; whatever is given as `wish` is wished for instead of what the service asks.
const PAGE: &str = r#"<!doctype html><title>Passkeys</title><script>
async function call(path, who, body) {
  const headers = { "content-type": "application/json" };
  if (who.token) headers.authorization = "Bearer " + who.token; else headers["x-tenant"] = who.tenant;
  const answer = await fetch("/api/v1/auth/" + path, { method: "POST", headers, body: JSON.stringify(body ?? {}) });
  return { status: answer.status, body: await answer.json() };
}
async function register(who) {
  const asked = (await call("passkeys", who)).body;
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(asked.options);
  const credential = (await navigator.credentials.create({ publicKey })).toJSON();
  return call("passkeys/confirm", who, { challenge: asked.challenge, credential, name: "Laptop" });
}
async function show(path, who, wish) {
  const asked = (await call(path, who)).body;
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON({ ...asked.options, ...wish });
  const credential = (await navigator.credentials.get({ publicKey })).toJSON();
  return call(path + "/confirm", who, { challenge: asked.challenge, credential });
}
</script>"#;

/// The service with a page of a client, on two ports: the one that passkeys are for, and another.
struct Site {
    app: App,
    origin: String,
    other_origin: String,
    /// The same page under the name of somebody else's host.
    bad_origin: String,
}

impl Site {
    async fn start() -> Self {
        let [ours, other] = [listener().await, listener().await];
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        let (at, other_at) = (port(&ours), port(&other));
        let origin = format!("http://localhost:{at}");
        let mut config = AuthConfig::default();
        config.passkeys = Some(PasskeyConfig::new("localhost", [&origin]).unwrap());
        let app = App::mailing_with(config).await;
        for listener in [ours, other] {
            let router = Router::new()
                .route("/", get(async || Html(PAGE)))
                .fallback_service(app.router());
            tokio::spawn(async move { axum::serve(listener, router).await });
        }
        Self {
            app,
            origin,
            other_origin: format!("http://localhost:{other_at}"),
            bad_origin: format!("http://badexample.com:{at}"),
        }
    }

    /// What Chromium has to be told, so that somebody else's host is this one and as good as one with a certificate.
    fn flags(&self) -> [String; 2] {
        [
            "--host-resolver-rules=MAP badexample.com 127.0.0.1".to_owned(),
            format!("--unsafely-treat-insecure-origin-as-secure={}", self.bad_origin),
        ]
    }
}

async fn listener() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn in_chromium_a_passkey_is_registered_and_signs_in_on_our_page_alone() {
    let site = Arc::new(Site::start().await);
    let Some(browser) = Browser::start(&site.flags()).await else {
        let name = "in_chromium_a_passkey_is_registered_and_signs_in_on_our_page_alone";
        writeln!(
            std::io::stderr(),
            "SKIPPED {name}: chromium or chromedriver is not installed"
        )
        .unwrap();
        return;
    };
    let browser = Arc::new(browser);
    let visit = tokio::spawn({
        let (site, browser) = (Arc::clone(&site), Arc::clone(&browser));
        async move { visits(&site, &browser).await }
    });
    let visited = visit.await;
    // Whatever came of it, the browser goes.
    Arc::into_inner(browser).unwrap().quit().await;
    visited.unwrap();
}

async fn visits(site: &Site, browser: &Browser) {
    let app = &site.app;
    let (place, elsewhere) = (app.place().await, app.place().await);
    let registered = app.registered(&place, "ada@example.com").await;
    let user = registered.user_id();
    let as_ada = json!({ "token": registered.token() });
    let login = |place: &Place, wish: Value| {
        let who = json!({ "tenant": place.slug });
        format!("show('login/passkey', {who}, {wish})")
    };
    browser.open(&site.origin).await;

    // Registered: discoverable, and under a handle that says nothing.
    let made = browser.run(&format!("register({as_ada})")).await;
    assert_eq!(
        (&made["status"], &made["body"]["name"]),
        (&json!(201), &json!("Laptop")),
        "{made}"
    );
    let kept = browser.passkeys().await;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0]["isResidentCredential"], true);
    assert_eq!(kept[0]["rpId"], "localhost");
    let handle = bytes(&kept[0]["userHandle"]);
    assert!(handle.len() == 16 && handle != user.as_uuid().as_bytes());

    // A second one on the same authenticator is none.
    let again = browser.run(&format!("register({as_ada})")).await;
    assert_eq!(again["error"], "InvalidStateError", "{again}");

    // Signed in without a word about who it is; and stepped up.
    let signed_in = browser.run(&login(&place, json!({}))).await;
    assert_eq!(signed_in["status"], 200, "{signed_in}");
    let token = signed_in["body"]["token"].as_str().unwrap();
    app.me(token).await.expect(200);
    let stepping = json!({ "token": token });
    let stepped = browser
        .run(&format!("show('step-up/passkey', {stepping}, {{}})"))
        .await;
    assert_eq!(stepped["status"], 200, "{stepped}");

    // The authenticator does not find that its user is who it should be: the browser refuses, and when a page does not ask, we do.
    browser.verifies(false).await;
    let unverified = browser.run(&login(&place, json!({}))).await;
    assert_eq!(unverified["error"], "NotAllowedError", "{unverified}");
    let wish = json!({ "userVerification": "discouraged" });
    refused(&browser.run(&login(&place, wish)).await);
    browser.verifies(true).await;

    // At another tenant it is the passkey of nobody.
    refused(&browser.run(&login(&elsewhere, json!({}))).await);

    // The browser lets another port of the host have the passkey, and we do not.
    browser.open(&site.other_origin).await;
    refused(&browser.run(&login(&place, json!({}))).await);

    // Another host gets nothing from the browser.
    browser.open(&site.bad_origin).await;
    let phished = browser.run(&login(&place, json!({}))).await;
    assert_eq!(phished["error"], "SecurityError", "{phished}");

    // Our page goes on; until there is a copy of the authenticator that has not counted as far.
    browser.open(&site.origin).await;
    let signed_in = browser.run(&login(&place, json!({}))).await;
    assert_eq!(signed_in["status"], 200, "{signed_in}");
    let mut copy = browser.passkeys().await.remove(0);
    assert!(copy["signCount"].as_u64().unwrap() > 2, "{copy}");
    copy["signCount"] = json!(1);
    browser.replace(&copy).await;
    refused(&browser.run(&login(&place, json!({}))).await);
    let events = trail(app, &place, user).await;
    assert!(
        events
            .iter()
            .any(|event| event.reason.as_deref() == Some("sign_count_rollback"))
    );
    let password = app
        .sign_in(&place, "ada@example.com", crate::support::PASSWORD)
        .await;
    assert_eq!(list(app, &password.token()).await[0]["status"], "disabled");
}

#[track_caller]
fn refused(answer: &Value) {
    assert_eq!(answer["status"], 401, "{answer}");
    assert_eq!(answer["body"]["code"], "invalid_passkey", "{answer}");
}
