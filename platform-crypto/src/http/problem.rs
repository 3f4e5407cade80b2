//! How errors are answered: one conversion for each, and nothing of keys or values.

use std::time::Duration;

use platform_core::axum::http::StatusCode;
use platform_core::error_chain;
use platform_core::http::Problem;
use serde_json::json;

use crate::{KeyError, OpenError, SealError};

/// 503 `keys_unavailable` for whatever is wrong with keys that a client cannot mend, 404 and 409 for what it can.
///
/// The cause is logged here and stays here.
impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        match &error {
            KeyError::Db(cause) => {
                let causes = error_chain(cause.as_ref());
                if cause.is_unavailable() {
                    tracing::warn!(error = causes, "the keys of a request could not be read: {error}");
                    return Self::unavailable();
                }
                tracing::error!(error = causes, "a statement about keys is defective: {error}");
                Self::internal()
            }
            KeyError::NotFound { .. } => Self::not_found(),
            KeyError::NotDestroyable { state } => Self::new(
                StatusCode::CONFLICT,
                "key_not_destroyable",
                "only a key that has been replaced and is not destroyed yet can be destroyed",
            )
            .with("state", json!(state.as_str())),
            KeyError::TooEarly { .. } => Self::new(
                StatusCode::CONFLICT,
                "key_in_use",
                "the key was in use until a moment ago and may still be, try again later",
            ),
            KeyError::TooManyVersions { .. } => Self::new(
                StatusCode::CONFLICT,
                "too_many_keys",
                "the key has too many versions, destroy old ones first",
            ),
            KeyError::StillUsed { .. } | KeyError::StillNeeded(_) => Self::new(
                StatusCode::CONFLICT,
                "key_needed",
                "something is still under the key; bring it under a newer one first",
            ),
            KeyError::SubjectErased(_) => {
                let detail = "the person has been erased";
                Self::new(StatusCode::CONFLICT, "subject_erased", detail)
            }
            KeyError::ForeignTransaction => {
                tracing::error!("keys of one tenant were asked for in the transaction of another");
                Self::internal()
            }
            _ => {
                tracing::error!(
                    error = error_chain(&error),
                    "a request failed for want of keys: {error}"
                );
                keys_unavailable()
            }
        }
    }
}

/// What cannot be opened is answered alike, whatever the reason: 409 `unreadable`.
impl From<OpenError> for Problem {
    fn from(error: OpenError) -> Self {
        if error == OpenError::KeyUnavailable {
            return keys_unavailable();
        }
        tracing::error!(%error, "a sealed value cannot be opened: {error}");
        Self::new(
            StatusCode::CONFLICT,
            "unreadable",
            "what is stored cannot be read, tell the operator",
        )
    }
}

/// What cannot be sealed is not stored: 503 `keys_unavailable`, but for a value that is too long.
impl From<SealError> for Problem {
    fn from(error: SealError) -> Self {
        match error {
            SealError::TooLong => Self::invalid_body(),
            error => {
                tracing::error!(%error, "a value cannot be sealed: {error}");
                keys_unavailable()
            }
        }
    }
}

fn keys_unavailable() -> Problem {
    let detail = "the keys cannot be had now, try again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "keys_unavailable", detail)
        .retry_after(Duration::from_secs(1))
}
