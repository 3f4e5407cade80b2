//! `/livez`, `/readyz` and `/health`.

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

use super::health::{Health, HealthStatus};
use crate::Permission;
use crate::http::Caller;

/// Needed to see the checks in `/health`; without it only the status is shown.
pub const HEALTH: Permission = Permission::new("platform:health");

/// `/livez` and `/readyz`, for the outside of the HTTP stack: they need neither a caller nor a tenant, they are not rate limited
/// or shed, and they answer while the database is gone.
pub fn probe_routes(health: &Health) -> Router {
    let (alive, ready) = (health.clone(), health.clone());
    Router::new()
        .route("/livez", get(async move || livez(&alive)))
        .route("/readyz", get(async move || readyz(&ready).await))
}

/// `/health`, for the inside of the HTTP stack, which knows the caller.
pub fn health_routes(health: &Health) -> Router {
    let health = health.clone();
    let handler = async move |caller: Option<Caller>| {
        let may_see_checks = caller.is_some_and(|Caller(ctx)| ctx.require(HEALTH).is_ok());
        full_health(&health, may_see_checks).await
    };
    Router::new().route("/health", get(handler))
}

fn livez(health: &Health) -> Response {
    if health.is_alive() {
        plain(StatusCode::OK, "alive".to_owned())
    } else {
        plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "not alive: no heartbeat".to_owned(),
        )
    }
}

async fn readyz(health: &Health) -> Response {
    match health.ready().await {
        Ok(()) => plain(StatusCode::OK, "ready".to_owned()),
        Err(why) => plain(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}")),
    }
}

async fn full_health(health: &Health, may_see_checks: bool) -> Response {
    let report = health.report().await;
    let status = match report.status {
        HealthStatus::Ok | HealthStatus::Degraded => StatusCode::OK,
        HealthStatus::Down => StatusCode::SERVICE_UNAVAILABLE,
    };
    let body = if may_see_checks {
        json!(report)
    } else {
        json!({ "status": report.status })
    };
    (status, [(header::CACHE_CONTROL, "no-store")], axum::Json(body)).into_response()
}

fn plain(status: StatusCode, text: String) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], text + "\n").into_response()
}
