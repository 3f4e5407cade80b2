//! What is refused because of its size, its lateness or its number.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use http_body_util::{BodyExt, Limited};
use tokio::time::timeout;

use super::HttpStack;
use crate::http::Problem;
use crate::http::tenant::X_TENANT;

const RETRY_WHEN_OVERLOADED: Duration = Duration::from_secs(1);

/// How much of a body that is too large is read before it is refused, and for how long.
const DRAIN_BYTES_MAX: usize = 1024 * 1024;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// Headers that decide who and what is meant. Two of them would let two parties read two different requests.
const ONLY_ONCE: [HeaderName; 4] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::HOST,
    X_TENANT,
];

/// The limits on size, time and number, in that order.
pub(super) async fn limits(State(stack): State<Arc<HttpStack>>, request: Request, next: Next) -> Response {
    if stack.announces_too_much(request.headers()) {
        return too_large(request).await;
    }
    let request = match stack.sized(request) {
        Ok(request) => request,
        Err(problem) => return problem.into_response(),
    };
    match timeout(stack.deadline(), stack.with_a_slot(request, next)).await {
        Ok(answer) => answer,
        Err(_) => Problem::of_status(StatusCode::GATEWAY_TIMEOUT).into_response(),
    }
}

impl HttpStack {
    /// Refuses what is too large, and makes reading more of the body than allowed fail.
    fn sized(&self, request: Request) -> Result<Request, Problem> {
        let uri = request.uri();
        let target = uri.path_and_query().map_or("", |target| target.as_str());
        if target.len() > self.config.uri_bytes_max {
            return Err(Problem::of_status(StatusCode::URI_TOO_LONG));
        }
        let headers = request.headers();
        for name in &ONLY_ONCE {
            if headers.get_all(name).iter().nth(1).is_some() {
                let detail = format!("the header {name} is given twice");
                return Err(Problem::new(StatusCode::BAD_REQUEST, "duplicate_header", detail));
            }
        }
        let limit = self.config.body_bytes_max;
        let mut request = request.map(|body| Body::new(Limited::new(body, limit)));
        // axum's own limit of 2 MiB gives way; a route may still set a smaller one.
        DefaultBodyLimit::disable().apply(&mut request);
        Ok(request)
    }

    /// Is the body said to be larger than allowed?
    fn announces_too_much(&self, headers: &HeaderMap) -> bool {
        let announced = headers.get(header::CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let limit = u64::try_from(self.config.body_bytes_max).unwrap_or(u64::MAX);
        announced.is_some_and(|length| length > limit)
    }

    /// Works on the request if there is room, and refuses it at once if there is none.
    async fn with_a_slot(&self, request: Request, next: Next) -> Response {
        if self.is_probe(request.uri().path()) {
            return next.run(request).await;
        }
        let Ok(_slot) = self.slots.try_acquire() else {
            let detail = "the service is at its limit, try again";
            return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail)
                .retry_after(RETRY_WHEN_OVERLOADED)
                .into_response();
        };
        next.run(request).await
    }
}

/// Refuses a body, after reading what its sender has begun to send: closing a connection over unread bytes resets it, and the
/// sender would see that instead of the answer.
async fn too_large(request: Request) -> Response {
    // Whoever asks first is told no before sending anything.
    let waits = request.headers().contains_key(header::EXPECT);
    let is_read = !waits && timeout(DRAIN_TIMEOUT, drain(request.into_body())).await == Ok(true);
    let mut answer = Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE).into_response();
    if !is_read {
        answer
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// Reads a body and throws it away. Was it read to its end?
async fn drain(body: Body) -> bool {
    let mut bytes = Limited::new(body, DRAIN_BYTES_MAX).into_data_stream();
    while let Some(chunk) = bytes.next().await {
        if chunk.is_err() {
            return false;
        }
    }
    true
}
