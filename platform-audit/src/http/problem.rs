//! How errors are answered: one conversion for each.

use std::time::Duration;

use platform_core::axum::http::StatusCode;
use platform_core::error_chain;
use platform_core::http::Problem;
use serde_json::json;

use crate::{ExportError, ProveError, SearchError};

/// 422 for a filter that means nothing, else what the database's error is.
impl From<SearchError> for Problem {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Filter(invalid) => invalid.into(),
            SearchError::Db(error) => error.into(),
        }
    }
}

/// 409 `audit_pending` with the state, until it is proven; 422 `not_signed` for what no checkpoint covers.
impl From<ProveError> for Problem {
    fn from(error: ProveError) -> Self {
        match error {
            ProveError::Pending(state) => Self::new(
                StatusCode::CONFLICT,
                "audit_pending",
                "no signed checkpoint covers the event yet, try again",
            )
            .with("state", json!(state.as_str()))
            .retry_after(Duration::from_secs(1)),
            ProveError::NotCovered(covered) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "not_signed",
                "no signed checkpoint covers this size, or the sizes are not in order",
            )
            .with("size", json!(covered.size)),
            ProveError::Damaged { .. } => damaged(&error),
            ProveError::Db(error) => error.into(),
        }
    }
}

/// What keeps an export from beginning. On its way it can only be broken off.
impl From<ExportError> for Problem {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Filter(invalid) => invalid.into(),
            ExportError::NoCheckpoint => no_checkpoint(),
            ExportError::FirstSeq { size } => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "not_signed",
                "the first position is behind those that are signed",
            )
            .with("size", json!(size)),
            ExportError::Damaged { .. } | ExportError::Unproven(_) => damaged(&error),
            ExportError::Unrecorded(error) => error.into(),
            ExportError::Db(error) => error.into(),
            ExportError::TooLong | ExportError::Manifest => {
                tracing::error!(error = error_chain(&error), "an export failed: {error}");
                Self::internal()
            }
        }
    }
}

/// 409 `no_checkpoint`: nothing was signed yet.
pub(super) fn no_checkpoint() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "no_checkpoint",
        "nothing of the trail was signed yet, try again",
    )
    .retry_after(Duration::from_secs(1))
}

/// 500 `trail_damaged`: the operator has to verify the trail.
fn damaged(error: &(dyn std::error::Error + 'static)) -> Problem {
    tracing::error!(
        error = error_chain(error),
        "the stored trail was altered: {error}"
    );
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "trail_damaged",
        "what is stored of the trail is not what was signed, tell the operator",
    )
}
