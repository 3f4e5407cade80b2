//! The middleware around every route.

mod admit;
mod edge;
mod headers;
mod limits;
mod metrics;
mod rate;
mod request;
mod unread;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use tokio::sync::Semaphore;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

use self::metrics::HttpMetrics;
use self::rate::Limiter;
#[cfg(feature = "hub")]
pub(crate) use self::rate::one_customer;
use super::tenant::TenantLookup;
use super::{Authenticate, HttpConfig, ResolveTenant, WatchRefusals};
use crate::Sources;
use crate::metrics::Metrics;

/// The middleware of a service, put around its finished router.
///
/// From the outside in: panics become answers; the request gets its id, trace and span, and leaves one line in the log and its
/// mark in the metrics; oversized requests, late answers and too many at once are refused; CORS and security headers;
/// compression; authentication; the tenant of an anonymous request (found when a handler asks for it); the rate limit; the
/// idempotency key; the handler. CORS and metrics are outside of authentication, so that a browser can read a 401 and a
/// dashboard shows it.
///
/// Every error answer leaves as a [`Problem`](super::Problem) with the request's id, also those that a library made without a
/// body or as plain text.
///
/// ```
/// use platform_core::axum::{Router, body::Body, http::Request, routing::get};
/// use platform_core::http::{HttpConfig, HttpStack};
/// use platform_core::{Sources, metrics::Metrics};
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let stack = HttpStack::new(HttpConfig::default(), Sources::system(), &Metrics::new());
/// let app = stack.wrap(Router::new().route("/", get(|| async { "ready" })));
///
/// let answer = app.oneshot(Request::get("/nowhere").body(Body::empty())?).await?;
/// assert_eq!(answer.status(), 404);
/// assert_eq!(answer.headers()["content-type"], "application/problem+json");
/// assert!(answer.headers().contains_key("x-request-id"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct HttpStack {
    config: Arc<HttpConfig>,
    sources: Sources,
    metrics: HttpMetrics,
    authenticate: Option<Arc<dyn Authenticate>>,
    refusals: Option<Arc<dyn WatchRefusals>>,
    tenants: Arc<TenantLookup>,
    slots: Arc<Semaphore>,
    limiter: Option<Arc<Limiter>>,
}

impl HttpStack {
    /// A stack without authentication and without tenants. It registers its metrics, so make one stack for each [`Metrics`] and
    /// clone it for a second router: the clones share the limits.
    pub fn new(config: HttpConfig, sources: Sources, metrics: &Metrics) -> Self {
        let slots = config.concurrency_max.get().min(Semaphore::MAX_PERMITS);
        let tenants = TenantLookup {
            resolver: None,
            default_slug: config.default_tenant.clone(),
        };
        Self {
            sources,
            metrics: HttpMetrics::registered(metrics),
            authenticate: None,
            refusals: None,
            tenants: Arc::new(tenants),
            slots: Arc::new(Semaphore::new(slots)),
            limiter: config.rate_limit.map(Limiter::new).map(Arc::new),
            config: Arc::new(config),
        }
    }

    /// The same stack with a sign-in. Without one every caller is anonymous.
    #[must_use]
    pub fn authenticate_with(mut self, authenticate: Arc<dyn Authenticate>) -> Self {
        self.authenticate = Some(authenticate);
        self
    }

    /// The same stack with somebody who is told of callers that were refused.
    #[must_use]
    pub fn tell_refusals(mut self, watch: Arc<dyn WatchRefusals>) -> Self {
        self.refusals = Some(watch);
        self
    }

    /// The same stack with a tenant directory. Without one no anonymous request has a tenant.
    #[must_use]
    pub fn resolve_with(mut self, tenants: Arc<dyn ResolveTenant>) -> Self {
        self.tenants = Arc::new(TenantLookup {
            resolver: Some(tenants),
            default_slug: self.config.default_tenant.clone(),
        });
        self
    }

    /// Puts the middleware around every route of a router and around its fallback. Routes added later are outside.
    ///
    /// Serve the result with `into_make_service_with_connect_info::<SocketAddr>()`: without it no source address is known, and
    /// everybody who has not signed in shares one allowance of the rate limit.
    pub fn wrap(&self, router: Router) -> Router {
        let stack = Arc::new(self.clone());
        router.layer(
            ServiceBuilder::new()
                .layer(CatchPanicLayer::custom(edge::panicked))
                .layer(from_fn_with_state(Arc::clone(&stack), edge::edge))
                .layer(from_fn_with_state(Arc::clone(&stack), limits::limits))
                .option_layer(headers::cors(&self.config))
                .layer(from_fn_with_state(Arc::clone(&stack), headers::secure))
                .layer(headers::compression(&self.config))
                .layer(from_fn_with_state(stack, admit::admit)),
        )
    }

    fn is_probe(&self, path: &str) -> bool {
        self.config.probe_paths.iter().any(|probe| probe == path)
    }
}

impl fmt::Debug for HttpStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpStack")
            .field("config", &self.config)
            .field("authenticates", &self.authenticate.is_some())
            .field("tells_refusals", &self.refusals.is_some())
            .field("resolves", &self.tenants.resolver.is_some())
            .finish_non_exhaustive()
    }
}
