//! The outermost middleware: panics, ids, the span, the line in the log, the metrics and the form of error answers.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tokio::time::Instant;
use tracing::{Instrument, Span, error, field, info, info_span};

use super::HttpStack;
use super::metrics::{HttpMetrics, Route};
use super::request::{TRACEPARENT, X_REQUEST_ID};
use crate::RequestMeta;
use crate::http::{PROBLEM_JSON, Problem};

/// Names the request, watches it, and sends its answer off.
pub(super) async fn edge(State(stack): State<Arc<HttpStack>>, mut request: Request, next: Next) -> Response {
    let meta = stack.meta(&request);
    let flight = Flight::new(&stack.metrics, Route::of(&request), &meta);
    let extensions = request.extensions_mut();
    extensions.insert(meta.clone());
    extensions.insert(Arc::clone(&stack.tenants));

    // The outermost layer catches a panic too, but only here is the answer logged and counted.
    let answer = AssertUnwindSafe(next.run(request))
        .catch_unwind()
        .instrument(flight.span.clone())
        .await;
    let answer = answer.unwrap_or_else(|panic| flight.span.in_scope(|| panicked(panic)));

    let answer = finished(answer, &meta);
    flight.answered(answer.status());
    answer
}

/// What a client is told of a panic: nothing. The message goes to the log.
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let message = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(message), _) => message,
        (_, Some(message)) => message.as_str(),
        _ => "not a text",
    };
    error!(panic.message = message, "a request's handler panicked");
    Problem::internal().into_response()
}

/// A request on its way through the service. Dropped without an answer, it was given up by its client.
struct Flight<'a> {
    metrics: &'a HttpMetrics,
    route: Route,
    span: Span,
    began: Instant,
    answered: bool,
}

impl<'a> Flight<'a> {
    fn new(metrics: &'a HttpMetrics, route: Route, meta: &RequestMeta) -> Self {
        let span = info_span!(
            "request",
            otel.kind = "server",
            otel.name = field::Empty,
            request.id = %meta.request_id,
            trace.id = %meta.trace.trace_id(),
            trace.sampled = meta.trace.sampled(),
            span.id = %meta.trace.span_id(),
            parent.span.id = meta.trace.parent_span_id(),
            tenant.id = field::Empty,
            http.method = route.method,
            http.route = route.route,
        );
        span.record(
            "otel.name",
            field::display(format_args!("{} {}", route.method, route.route)),
        );
        metrics.enter();
        Self {
            metrics,
            route,
            span,
            began: Instant::now(),
            answered: false,
        }
    }

    fn answered(mut self, status: StatusCode) {
        self.answered = true;
        self.metrics.answered(&self.route, status, self.began);
        let (method, route, status) = (self.route.method, &self.route.route, status.as_u16());
        let _entered = self.span.enter();
        info!(
            http.status = status,
            duration_ms = self.duration_ms(),
            "answered {status} to {method} {route}"
        );
    }

    fn duration_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.metrics.leave();
        if self.answered {
            return;
        }
        self.metrics.dropped(&self.route);
        let (method, route) = (self.route.method, &self.route.route);
        let _entered = self.span.enter();
        info!(
            duration_ms = self.duration_ms(),
            "the client of {method} {route} went away before the answer"
        );
    }
}

/// The answer with the request's id and trace; an error answer becomes a problem document that names the request.
fn finished(answer: Response, meta: &RequestMeta) -> Response {
    let (mut parts, mut body) = answer.into_parts();
    let problem = parts.extensions.remove::<Problem>();
    if let Some(problem) = problem.or_else(|| bare_error(&parts)) {
        let (document, text) = problem.of_request(meta.request_id).into_response().into_parts();
        for (name, value) in &document.headers {
            parts.headers.entry(name).or_insert_with(|| value.clone());
        }
        parts
            .headers
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.remove(header::CONTENT_ENCODING);
        body = text;
    }
    for (name, value) in [
        (X_REQUEST_ID, meta.request_id.to_string()),
        (TRACEPARENT, meta.trace.to_string()),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            parts.headers.insert(name, value);
        }
    }
    Response::from_parts(parts, body)
}

/// An error that a library answered without a document: an unknown route, a failed upgrade.
fn bare_error(parts: &axum::http::response::Parts) -> Option<Problem> {
    let status = parts.status;
    if !status.is_client_error() && !status.is_server_error() {
        return None;
    }
    let media_type = parts.headers.get(header::CONTENT_TYPE);
    let plain = media_type.is_none_or(|media_type| media_type.as_bytes().starts_with(b"text/plain"));
    plain.then(|| Problem::of_status(status))
}
