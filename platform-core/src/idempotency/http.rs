//! Answers over HTTP.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::{AnonymousCaller, ClaimError, CompleteError, InvalidResponse, StoredResponse};
use crate::http::Problem;

/// Says of an answer that it was given before.
pub const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// An answer that is given again: the same status, content type and body, and `Idempotent-Replayed: true`.
///
/// ```
/// use platform_core::axum::response::IntoResponse as _;
/// use platform_core::idempotency::{IDEMPOTENT_REPLAYED, Replayed, StoredResponse};
///
/// let again = Replayed(StoredResponse::json(201, &["on its way"])?).into_response();
/// assert_eq!(again.status(), 201);
/// assert_eq!(again.headers()[IDEMPOTENT_REPLAYED], "true");
/// # Ok::<(), platform_core::idempotency::InvalidResponse>(())
/// ```
#[derive(Debug, Clone)]
pub struct Replayed(pub StoredResponse);

impl IntoResponse for Replayed {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        response
            .headers_mut()
            .insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
        response
    }
}

impl IntoResponse for StoredResponse {
    fn into_response(self) -> Response {
        let content_type = self.content_type().map(HeaderValue::from_str);
        let Ok(status) = StatusCode::from_u16(self.status()) else {
            return Problem::internal().into_response();
        };
        let mut response = (status, self.into_body()).into_response();
        // Bytes without a type of their own would be sent as some.
        response.headers_mut().remove(header::CONTENT_TYPE);
        if let Some(Ok(content_type)) = content_type {
            response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        }
        response
    }
}

/// 422 `idempotency_key_reused`, 409 `idempotency_in_flight` with `Retry-After`, or what the database's failure is.
impl From<ClaimError> for Problem {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "the idempotency key was used for another request",
            ),
            ClaimError::InFlight { retry_after } => Self::new(
                StatusCode::CONFLICT,
                "idempotency_in_flight",
                "the same request is being worked on, try again for its answer",
            )
            .retry_after(retry_after),
            ClaimError::Db(error) => error.into(),
        }
    }
}

/// 500, or what the database's failure is.
impl From<CompleteError> for Problem {
    fn from(error: CompleteError) -> Self {
        match error {
            CompleteError::Db(error) => error.into(),
            defect => {
                tracing::error!(error = %defect, "an answer was not stored under its idempotency key: {defect}");
                Self::internal()
            }
        }
    }
}

/// 500: the program made an answer that none can be.
impl From<InvalidResponse> for Problem {
    fn from(error: InvalidResponse) -> Self {
        tracing::error!(
            error = crate::error_chain(&error),
            "an answer cannot be stored: {error}"
        );
        Self::internal()
    }
}

/// 401: keys are for those who have signed in.
impl From<AnonymousCaller> for Problem {
    fn from(_: AnonymousCaller) -> Self {
        Self::unauthenticated()
    }
}
