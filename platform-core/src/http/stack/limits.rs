//! What is refused because of its size, its lateness or its number.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::Limited;
use tokio::time::timeout;

use super::HttpStack;
use super::unread::Unread;
use crate::http::Problem;
use crate::http::tenant::X_TENANT;

const RETRY_WHEN_OVERLOADED: Duration = Duration::from_secs(1);

/// Headers that decide who and what is meant. Two of them would let two parties read two different requests.
const ONLY_ONCE: [HeaderName; 4] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::HOST,
    X_TENANT,
];

/// The limits on size, time and number, in that order.
pub(super) async fn limits(State(stack): State<Arc<HttpStack>>, request: Request, next: Next) -> Response {
    let (request, unread) = Unread::of(request);
    let answer = match stack.sized(request) {
        Ok(request) => timeout(stack.deadline(), stack.with_a_slot(request, next)).await,
        Err(problem) => Ok(problem.into_response()),
    };
    let answer = answer.unwrap_or_else(|_| Problem::of_status(StatusCode::GATEWAY_TIMEOUT).into_response());
    unread.settle(answer).await
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
        let announced = headers.get(header::CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > u64::try_from(limit).unwrap_or(u64::MAX)) {
            return Err(Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE));
        }
        let mut request = request.map(|body| Body::new(Limited::new(body, limit)));
        // axum's own limit of 2 MiB gives way; a route may still set a smaller one.
        DefaultBodyLimit::disable().apply(&mut request);
        Ok(request)
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
