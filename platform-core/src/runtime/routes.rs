//! The router of a platform: probes outside of the HTTP stack, everything else inside.
//!
//! Outside, a probe can be shed, logged or counted by no configuration, and its one-line answer stays what it is.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::header;
use axum::routing::get;
use utoipa::openapi::OpenApi;

use super::health::Health;
use super::health_routes::{health_routes, probe_routes};
use super::metrics_routes::{MetricsAccess, guarded_metrics, public_metrics};
use crate::Sources;
use crate::http::{Authenticate, HttpConfig, HttpStack, ResolveTenant, WatchRefusals};
use crate::metrics::Metrics;

/// What the service says about its routes.
#[derive(Default)]
pub(super) struct Routes {
    pub(super) http: HttpConfig,
    pub(super) authenticate: Option<Arc<dyn Authenticate>>,
    pub(super) resolve: Option<Arc<dyn ResolveTenant>>,
    pub(super) refusals: Option<Arc<dyn WatchRefusals>>,
    pub(super) extra: Router,
    pub(super) metrics_access: MetricsAccess,
}

pub(super) fn assemble(
    routes: Routes,
    api: Router,
    openapi: &OpenApi,
    health: &Health,
    sources: &Sources,
    metrics: &Metrics,
) -> Router {
    let mut stack = HttpStack::new(routes.http, sources.clone(), metrics);
    if let Some(authenticate) = routes.authenticate {
        stack = stack.authenticate_with(authenticate);
    }
    if let Some(resolve) = routes.resolve {
        stack = stack.resolve_with(resolve);
    }
    if let Some(watch) = routes.refusals {
        stack = stack.tell_refusals(watch);
    }
    let mut inside = api
        .merge(routes.extra)
        .merge(health_routes(health))
        .merge(openapi_route(openapi));
    let mut outside = probe_routes(health);
    match routes.metrics_access {
        MetricsAccess::Public => outside = outside.merge(public_metrics(metrics.clone())),
        MetricsAccess::Permission => inside = inside.merge(guarded_metrics(metrics.clone())),
        MetricsAccess::Off => {}
    }
    outside.fallback_service(stack.wrap(inside))
}

/// The document is written once; it does not change while the process runs.
fn openapi_route(openapi: &OpenApi) -> Router {
    let document = serde_json::to_vec(openapi).expect("an OpenAPI document has only string keys");
    let document = Bytes::from(document);
    let handler = async move || ([(header::CONTENT_TYPE, "application/json")], document.clone());
    Router::new().route("/openapi.json", get(handler))
}
