//! What a connection may not do.

use std::time::Duration;

use axum::http::StatusCode;

use super::CloseReason;
use crate::http::Problem;

/// A connection was not accepted, or asks for more than it may have. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// As many connections are open as may be: try again later.
    #[error("too many streams are open")]
    TooManyConnections,
    /// As many connections are open on which nobody has authenticated as may be: authenticate with the request.
    #[error("too many streams are open that nobody has authenticated on, authenticate with the request")]
    TooManyAnonymous,
    /// As many connections of this address are open as may be.
    #[error("too many streams of this address are open")]
    TooManyOfAddress,
    /// As many connections of this principal are open as may be.
    #[error("too many streams of this principal are open")]
    TooManyOfPrincipal,
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
    /// Why a connection ends on which somebody authenticates who may not have one more; `None` where it goes on.
    pub fn ends_it(self) -> Option<CloseReason> {
        match self {
            Self::TooManyOfTenant => Some(CloseReason::TenantFull),
            Self::TooManyOfPrincipal => Some(CloseReason::PrincipalFull),
            _ => None,
        }
    }

    /// A stable word for it.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooManyConnections => "too_many_streams",
            Self::TooManyAnonymous => "too_many_anonymous_streams",
            Self::TooManyOfAddress => "too_many_streams_of_address",
            Self::TooManyOfPrincipal => "too_many_streams_of_principal",
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
            HubError::TooManyConnections
            | HubError::TooManyAnonymous
            | HubError::TooManyOfTenant
            | HubError::Draining => StatusCode::SERVICE_UNAVAILABLE,
            HubError::TooManyOfAddress | HubError::TooManyOfPrincipal => StatusCode::TOO_MANY_REQUESTS,
            HubError::UnknownTopic | HubError::UnknownKey => StatusCode::NOT_FOUND,
            HubError::AlreadyAuthenticated => StatusCode::CONFLICT,
            HubError::TooManySubscriptions(_) | HubError::NoHistory => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let problem = Self::new(status, error.code(), error.to_string());
        match status {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                problem.retry_after(Duration::from_secs(5))
            }
            _ => problem,
        }
    }
}
