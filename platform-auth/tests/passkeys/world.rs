//! A service with passkeys, and what its users do.

use platform_audit::{AuditLog, EventPage, RecordedEvent};
use platform_auth::{AuthConfig, PasskeyConfig};
use platform_core::sqlx::{self, types::Json};
use platform_core::{PrincipalId, TenantId};
use serde_json::{Value, json};

use crate::device::{Device, ORIGIN, Quirks};
use crate::support::{Answer, App, Call, PASSWORD, Place};

pub(crate) fn config() -> AuthConfig {
    let mut config = AuthConfig::default();
    config.passkeys = Some(PasskeyConfig::new("localhost", [ORIGIN]).unwrap());
    config
}

/// Whose throttles let everything through: what is tried is the database.
pub(crate) fn unthrottled() -> AuthConfig {
    let mut config = config();
    config.throttle.account.burst = 10_000;
    config.throttle.address.burst = 10_000;
    let passkeys = config.passkeys.as_mut().unwrap();
    passkeys.throttle.account.burst = 10_000;
    passkeys.throttle.address.burst = 10_000;
    config
}

/// Whose throttle of challenges lets everything through.
pub(crate) fn unthrottled_but_for_passwords() -> AuthConfig {
    let mut config = unthrottled();
    config.throttle = AuthConfig::default().throttle;
    config
}

pub(crate) async fn app() -> App {
    Box::pin(App::mailing_with(config())).await
}

/// A challenge and what the browser is asked with it.
pub(crate) struct Asked {
    pub(crate) token: String,
    pub(crate) options: Value,
}

impl Asked {
    #[track_caller]
    pub(crate) fn of(answer: &Answer) -> Self {
        let asked = answer.expect(200).json();
        Self {
            token: asked["challenge"].as_str().unwrap().to_owned(),
            options: asked["options"].clone(),
        }
    }

    pub(crate) fn with(&self, credential: Value) -> Value {
        json!({ "challenge": self.token, "credential": credential })
    }
}

/// Begins to register a passkey in a session that is fresh.
pub(crate) async fn begin(app: &App, token: &str) -> Asked {
    Asked::of(&app.post_as(token, "passkeys", &json!({})).await)
}

pub(crate) async fn confirm(app: &App, token: &str, asked: &Asked, credential: Value, name: &str) -> Answer {
    let mut body = asked.with(credential);
    body["name"] = json!(name);
    app.post_as(token, "passkeys/confirm", &body).await
}

/// Registers the passkey of a device for the user of a session, and gives its id.
pub(crate) async fn enrol(app: &App, token: &str, device: &mut Device) -> String {
    let asked = begin(app, token).await;
    let credential = device.create(&asked.options, &Quirks::default());
    let confirmed = confirm(app, token, &asked, credential, "My key").await;
    confirmed.expect(201).json()["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn begin_login(app: &App, place: &Place) -> Asked {
    Asked::of(&app.send(Call::post("/api/v1/auth/login/passkey").at(place)).await)
}

pub(crate) async fn confirm_login(app: &App, place: &Place, body: &Value) -> Answer {
    app.post(place, "login/passkey/confirm", body).await
}

/// Signs in with a device.
pub(crate) async fn login(app: &App, place: &Place, device: &mut Device) -> Answer {
    let asked = begin_login(app, place).await;
    let credential = device.get(&asked.options, &Quirks::default());
    confirm_login(app, place, &asked.with(credential)).await
}

pub(crate) async fn begin_step_up(app: &App, token: &str) -> Answer {
    app.send(Call::post("/api/v1/auth/step-up/passkey").bearer(token))
        .await
}

pub(crate) async fn step_up(app: &App, token: &str, device: &mut Device) -> Answer {
    let asked = Asked::of(&begin_step_up(app, token).await);
    let credential = device.get(&asked.options, &Quirks::default());
    app.post_as(token, "step-up/passkey/confirm", &asked.with(credential))
        .await
}

pub(crate) async fn remove(app: &App, token: &str, id: &str, body: &Value) -> Answer {
    app.post_as(token, &format!("passkeys/{id}/remove"), body).await
}

pub(crate) async fn list(app: &App, token: &str) -> Vec<Value> {
    let listed = app.send(Call::get("/api/v1/auth/passkeys").bearer(token)).await;
    listed.expect(200).json()["data"].as_array().unwrap().clone()
}

pub(crate) fn password() -> Value {
    json!({ "password": PASSWORD })
}

/// What the trail says of a user, oldest first: what was done, how it ended and why.
pub(crate) async fn trail(app: &App, place: &Place, user: PrincipalId) -> Vec<RecordedEvent> {
    let ctx = app.test.context(place.id);
    let mut read = app.test.db().read(&ctx).await.unwrap();
    let audit = AuditLog::new(app.test.sources().clone());
    let page = EventPage::newest(200);
    let user = user.to_string();
    let events = audit.events_for_target(&mut read, "user", &user, page);
    let mut events = events.await.unwrap();
    events.sort_by_key(|event| event.id);
    events
}

/// How the user's live sessions began.
pub(crate) async fn methods(app: &App, user: PrincipalId) -> Vec<Vec<String>> {
    let methods: Vec<Json<Vec<String>>> = sqlx::query_scalar(
        "select to_jsonb(amr) from platform_auth.session where subject_id = $1 and ended_at is null order by id",
    )
    .bind(user)
    .fetch_all(&mut app.superuser().await)
    .await
    .unwrap();
    methods.into_iter().map(|Json(methods)| methods).collect()
}

/// How many rows of a tenant a table has.
pub(crate) async fn count(app: &App, table: &str, tenant: TenantId) -> i64 {
    let sql = format!("select count(*) from platform_auth.{table} where tenant_id = $1");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .bind(tenant)
        .fetch_one(&mut app.superuser().await)
        .await
        .unwrap()
}
