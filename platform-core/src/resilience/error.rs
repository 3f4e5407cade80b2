//! Why a call did not succeed.

use std::time::Duration;

/// Why a call under a [`Policy`](super::Policy) did not succeed, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError<E> {
    /// The request's deadline, or the limit of the policy, has passed. What was begun was dropped; whether the dependency did it is
    /// unknown.
    #[error("{dependency} did not answer in time")]
    DeadlineExceeded {
        /// The policy's name.
        dependency: &'static str,
    },
    /// Too many calls are under way. Nothing was begun; answer 503.
    #[error("too many calls to {dependency} are under way")]
    Full {
        /// The policy's name.
        dependency: &'static str,
    },
    /// Too many calls have failed, and none is made for a while. Nothing was begun; answer 503 with `Retry-After`.
    #[error("{dependency} is not called because it fails")]
    Open {
        /// The policy's name.
        dependency: &'static str,
        /// When it is tried again.
        retry_after: Duration,
    },
    /// The last try failed.
    #[error("{dependency} failed")]
    Failed {
        /// The policy's name.
        dependency: &'static str,
        /// How it failed.
        #[source]
        source: E,
    },
}

impl<E> PolicyError<E> {
    /// The error of the call itself, if it was made and answered.
    pub fn into_failure(self) -> Option<E> {
        match self {
            Self::Failed { source, .. } => Some(source),
            _ => None,
        }
    }

    /// Is it sure that the dependency was not asked?
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Open { .. })
    }
}
