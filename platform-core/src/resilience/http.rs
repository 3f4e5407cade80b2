//! What a client is told when a dependency cannot be called.

use axum::http::StatusCode;

use super::PolicyError;
use crate::http::Problem;

/// 504 `deadline_exceeded`; 503 `unavailable` with `Retry-After` where nothing was begun; what the call failed with otherwise.
impl<E: Into<Problem>> From<PolicyError<E>> for Problem {
    fn from(error: PolicyError<E>) -> Self {
        match error {
            PolicyError::DeadlineExceeded { .. } => Self::of_status(StatusCode::GATEWAY_TIMEOUT),
            PolicyError::Full { .. } => Self::unavailable(),
            PolicyError::Open { retry_after, .. } => Self::unavailable().retry_after(retry_after),
            PolicyError::Failed { source, .. } => source.into(),
        }
    }
}
