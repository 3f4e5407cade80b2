//! What a connection may not do.

use std::time::Duration;

use axum::http::StatusCode;

use crate::http::Problem;

/// A connection was not accepted, or asks for more than it may have. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// As many connections are open as may be: try again later.
    #[error("too many streams are open")]
    TooManyConnections,
    /// As many connections of this tenant are open as may be.
    #[error("too many streams of this tenant are open")]
    TooManyOfTenant,
    /// The service is stopping: connect again, and reach another instance.
    #[error("the service is stopping, connect again")]
    Draining,
    /// It would follow more than one connection may.
    #[error("one stream follows at most {0} topics and keys")]
    TooManySubscriptions(usize),
    /// There is no such topic for this caller.
    #[error("there is no such topic")]
    UnknownTopic,
    /// The board has no such key.
    #[error("there is no such key")]
    UnknownKey,
    /// Somebody has authenticated on this connection already.
    #[error("somebody has authenticated on this stream already")]
    AlreadyAuthenticated,
    /// Nothing is kept from which to resume.
    #[error("nothing is kept from which to resume")]
    NoHistory,
}

impl HubError {
    /// A stable word for it.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooManyConnections => "too_many_streams",
            Self::TooManyOfTenant => "too_many_streams_of_tenant",
            Self::Draining => "draining",
            Self::TooManySubscriptions(_) => "too_many_subscriptions",
            Self::UnknownTopic => "unknown_topic",
            Self::UnknownKey => "unknown_key",
            Self::AlreadyAuthenticated => "already_authenticated",
            Self::NoHistory => "no_history",
        }
    }
}

impl From<HubError> for Problem {
    fn from(error: HubError) -> Self {
        let status = match error {
            HubError::TooManyConnections | HubError::TooManyOfTenant | HubError::Draining => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            HubError::UnknownTopic | HubError::UnknownKey => StatusCode::NOT_FOUND,
            HubError::AlreadyAuthenticated => StatusCode::CONFLICT,
            HubError::TooManySubscriptions(_) | HubError::NoHistory => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let problem = Self::new(status, error.code(), error.to_string());
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return problem.retry_after(Duration::from_secs(5));
        }
        problem
    }
}
