//! CORS, security headers and compression.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{And, NotForContentType, Predicate, SizeAbove};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::HttpStack;
use super::rate::{RATE_LIMIT, RATE_REMAINING, RATE_RESET};
use super::request::{IDEMPOTENCY_KEY, TRACEPARENT, X_IDEMPOTENCY_KEY, X_REQUEST_ID};
use crate::http::tenant::X_TENANT;
use crate::http::{HttpConfig, PROBLEM_JSON};

const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(600);

/// Answers of these are somebody's own: no cache keeps them unless the handler says otherwise.
const PERSONAL: [&str; 4] = ["/api/", "/admin/", "/operator/", "/oauth2/"];

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// What a browser may do with an answer of a service that serves no pages. A handler that serves one sets its own.
const SECURITY: [(HeaderName, HeaderValue); 4] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        PERMISSIONS_POLICY,
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ),
];

/// Lets the scripts of the listed origins call; without any no header is sent and no preflight is answered. Their credentials travel in
/// `Authorization`: a cookie is for the service's own origin alone, and no answer allows a script of another to have one sent along.
pub(super) fn cors(config: &HttpConfig) -> Option<CorsLayer> {
    if config.cors_origins.is_empty() {
        return None;
    }
    let origins = config.cors_origins.iter().map(|origin| origin.header());
    let methods = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ];
    let allowed = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        X_TENANT,
        X_REQUEST_ID,
        IDEMPOTENCY_KEY,
        X_IDEMPOTENCY_KEY,
        TRACEPARENT,
    ];
    let exposed = [
        header::ETAG,
        header::LOCATION,
        header::RETRY_AFTER,
        header::WWW_AUTHENTICATE,
        X_REQUEST_ID,
        TRACEPARENT,
        RATE_LIMIT,
        RATE_REMAINING,
        RATE_RESET,
    ];
    Some(
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins))
            .allow_methods(methods)
            .allow_headers(allowed)
            .expose_headers(exposed)
            .max_age(PREFLIGHT_MAX_AGE),
    )
}

/// Adds the security headers that the handler has not set.
pub(super) async fn secure(State(stack): State<Arc<HttpStack>>, request: Request, next: Next) -> Response {
    let personal = PERSONAL
        .iter()
        .any(|prefix| request.uri().path().starts_with(prefix));
    let mut answer = next.run(request).await;
    let headers = answer.headers_mut();
    for (name, value) in &SECURITY {
        headers.entry(name).or_insert_with(|| value.clone());
    }
    if personal {
        let no_store = HeaderValue::from_static("no-store");
        headers.entry(header::CACHE_CONTROL).or_insert(no_store);
    }
    if let Some(max_age_s) = stack.config.hsts_max_age_s
        && let Ok(value) = HeaderValue::try_from(format!("max-age={max_age_s}; includeSubDomains"))
    {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    answer
}

type Worthwhile = And<And<And<SizeAbove, NotForContentType>, NotForContentType>, NotForContentType>;

/// gzip for bodies that are worth it. A problem is small and gets the request's id further out; a stream of events must not wait
/// in a compressor.
pub(super) fn compression(config: &HttpConfig) -> CompressionLayer<Worthwhile> {
    let worthwhile = SizeAbove::new(config.compress_bytes_min)
        .and(NotForContentType::SSE)
        .and(NotForContentType::IMAGES)
        .and(NotForContentType::const_new(PROBLEM_JSON));
    CompressionLayer::new().gzip(true).compress_when(worthwhile)
}
