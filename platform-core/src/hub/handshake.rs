//! The request that becomes a WebSocket.

use std::mem::take;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use crate::http::Problem;

/// A client's request to open a WebSocket (RFC 6455, section 4.2, over HTTP/1.1), which a handler takes and [`Hub::accept`](super::Hub::accept)
/// answers.
///
/// A request that is something else is refused with 400 `bad_request`, and one whose connection cannot become a WebSocket with 426
/// `upgrade_required`.
#[derive(Debug)]
pub struct Handshake {
    answer: Response,
    upgrade: OnUpgrade,
}

impl Handshake {
    /// What is answered, and the connection as it is once the answer was written.
    pub(super) fn accept(self) -> (Response, OnUpgrade) {
        (self.answer, self.upgrade)
    }
}

impl<S: Sync> FromRequestParts<S> for Handshake {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut request = Request::new(());
        *request.method_mut() = parts.method.clone();
        *request.version_mut() = parts.version;
        *request.headers_mut() = take(&mut parts.headers);
        let answer = create_response_with_body(&request, Body::empty);
        parts.headers = take(request.headers_mut());
        let answer = answer.map_err(|_| {
            let detail = "the request does not open a WebSocket of version 13";
            Problem::new(StatusCode::BAD_REQUEST, "bad_request", detail)
        })?;
        let upgrade = parts.extensions.remove::<OnUpgrade>().ok_or_else(|| {
            let detail = "the connection cannot become a WebSocket";
            Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", detail)
        })?;
        Ok(Self { answer, upgrade })
    }
}
