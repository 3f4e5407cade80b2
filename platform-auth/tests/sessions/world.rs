//! Services that remember sessions, and what tests ask of them.

use std::time::Duration;

use axum::http::Method;
use platform_auth::{Auth, AuthConfig, AuthenticateError, Role};
use platform_core::testing::TestDb;
use platform_core::{PrincipalId, RequestContext, RequestMeta, axum, sqlx};
use serde_json::{Value, json};

use crate::support::{App, Call, PASSWORD, Place, SCHEMAS};

pub(crate) const TICK: Duration = Duration::from_micros(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// How long what must happen soon may take.
const SOON: Duration = Duration::from_secs(20);

/// A service as it comes: it remembers a session for a second, by a clock that stands still.
pub(crate) async fn remembering() -> App {
    let test = Box::pin(TestDb::shared(&SCHEMAS)).await;
    App::remembering_on(test, AuthConfig::default()).await
}

/// Another instance of the same service.
pub(crate) async fn beside(app: &App) -> App {
    App::remembering_on(app.test.clone(), AuthConfig::default()).await
}

/// Somebody who has signed in.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: PrincipalId,
    pub(crate) email: String,
    pub(crate) token: String,
}

pub(crate) async fn user(app: &App, place: &Place, name: &str) -> Person {
    person(app, place, name, Role::User).await
}

pub(crate) async fn admin(app: &App, place: &Place, name: &str) -> Person {
    person(app, place, name, Role::Admin).await
}

async fn person(app: &App, place: &Place, name: &str, role: Role) -> Person {
    let email = format!("{name}@example.com");
    let made = app
        .auth
        .ensure_user(place.id, &email, PASSWORD.into(), role)
        .await;
    let token = app.sign_in(place, &email, PASSWORD).await.expect(200).token();
    Person {
        id: made.unwrap().id(),
        email,
        token,
    }
}

/// What a request with the token is answered under.
pub(crate) async fn context(auth: &Auth, token: &str) -> Result<RequestContext, AuthenticateError> {
    let meta = RequestMeta::internal(&platform_core::Sources::system());
    auth.authenticate_token(token, &meta).await
}

pub(crate) async fn is_good(auth: &Auth, token: &str) -> bool {
    match context(auth, token).await {
        Ok(_) => true,
        Err(AuthenticateError::InvalidToken) => false,
        Err(error) => panic!("{error}"),
    }
}

/// Waits until it is so.
pub(crate) async fn eventually(mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, waiting).await.unwrap();
}

pub(crate) fn delete(path: &str) -> Call {
    Call::new(Method::DELETE, path)
}

/// The id of the session of a token.
pub(crate) async fn session_of(app: &App, token: &str) -> String {
    let ctx = context(&app.auth, token).await.unwrap();
    ctx.session().unwrap().to_string()
}

pub(crate) fn entered(person: &Person) -> Value {
    json!({ "email": person.email, "password": PASSWORD })
}

/// What the trail says of a user, the oldest first: the action, and the reason or the outcome.
pub(crate) async fn trail(app: &App, user: PrincipalId) -> Vec<(String, String)> {
    let mut superuser = app.superuser().await;
    sqlx::query_as(
        "select action::text, coalesce(reason, outcome)::text from platform_audit.event where targets::jsonb @> $1 order by xid, id",
    )
    .bind(json!([{ "kind": "user", "id": user.to_string() }]))
    .fetch_all(&mut superuser)
    .await
    .unwrap()
}
