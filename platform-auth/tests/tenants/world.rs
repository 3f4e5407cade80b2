//! What the tests of tenants share.

use axum::http::Method;
use platform_auth::AuthConfig;
use platform_core::pg::Tenants;
use platform_core::testing::TestDb;
use platform_core::{TenantId, axum, sqlx};
use serde_json::{Value, json};

use crate::support::{Answer, App, Call, PASSWORD, Place, SCHEMAS};

/// Sends a call as somebody, with or without a body.
pub(crate) async fn call(app: &App, token: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
    let call = Call::new(method, path).bearer(token);
    app.send(match &body {
        Some(body) => call.json(body),
        None => call,
    })
    .await
}

pub(crate) async fn get(app: &App, token: &str, path: &str) -> Answer {
    call(app, token, Method::GET, path, None).await
}

pub(crate) async fn post(app: &App, token: &str, path: &str, body: Value) -> Answer {
    call(app, token, Method::POST, path, Some(body)).await
}

pub(crate) async fn put(app: &App, token: &str, path: &str, body: Value) -> Answer {
    call(app, token, Method::PUT, path, Some(body)).await
}

/// What a tenant's trail says of an action, oldest first: the outcome, the reason, the changes and the detail.
pub(crate) async fn recorded(
    app: &App,
    place: &Place,
    action: &str,
) -> Vec<(String, Option<String>, Option<Value>, Option<Value>)> {
    let mut superuser = app.superuser().await;
    sqlx::query_as(
        "select outcome::text, reason::text, changes::jsonb, detail::jsonb from platform_audit.event
         where tenant_id = $1 and action = $2 order by xid, id",
    )
    .bind(place.id)
    .bind(action)
    .fetch_all(&mut superuser)
    .await
    .unwrap()
}

/// Lets no event be recorded any more, in a database of the test's own.
pub(crate) async fn full_disk(app: &App) {
    sqlx::raw_sql(
        "alter table platform_audit.event add constraint full_disk check (action = 'none') not valid",
    )
    .execute(&mut app.superuser().await)
    .await
    .unwrap();
}

/// A platform with an operator.
pub(crate) struct Platform {
    pub(crate) app: App,
    /// The platform's own tenant.
    pub(crate) home: Place,
    pub(crate) operator: String,
}

impl Platform {
    pub(crate) async fn new() -> Self {
        Self::with(AuthConfig::default()).await
    }

    pub(crate) async fn with(mut config: AuthConfig) -> Self {
        let test = Box::pin(TestDb::shared(&SCHEMAS)).await;
        let id = test.tenant().await;
        config.platform_tenant = Some(id);
        Self::on(App::on(test, config).await, id).await
    }

    pub(crate) async fn on(app: App, id: TenantId) -> Self {
        let tenant = Tenants::new(&app.test.db()).by_id(id).await.unwrap().unwrap();
        let home = Place {
            id,
            slug: tenant.slug.to_string(),
        };
        let operator = app.admin(&home).await;
        Self { app, home, operator }
    }

    /// Makes a tenant with an admin, and signs that one in.
    pub(crate) async fn make(&self) -> (Place, String) {
        let slug = fresh_slug(&self.app);
        let made = post(&self.app, &self.operator, TENANTS, new_tenant(&slug)).await;
        let id = made.expect(201).json()["tenant"]["id"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let place = Place { id, slug };
        let admin = self
            .app
            .sign_in(&place, "admin@example.com", PASSWORD)
            .await
            .token();
        (place, admin)
    }

    pub(crate) async fn act(&self, place: &Place, verb: &str) -> Answer {
        post(
            &self.app,
            &self.operator,
            &of(place, verb),
            json!({ "reason": "ticket 7" }),
        )
        .await
    }
}

pub(crate) const TENANTS: &str = "/platform/v1/tenants";

pub(crate) fn of(place: &Place, verb: &str) -> String {
    format!("{TENANTS}/{}/{verb}", place.id)
}

pub(crate) fn fresh_slug(app: &App) -> String {
    format!("t-{}", app.test.sources().uuid_v7().simple())
}

pub(crate) fn new_tenant(slug: &str) -> Value {
    json!({ "slug": slug, "name": "Acme", "admin": { "email": "admin@example.com", "password": PASSWORD } })
}
