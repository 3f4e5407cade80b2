//! Which events are wanted, as query parameters.

use platform_core::axum::http::StatusCode;
use platform_core::http::Problem;

use crate::InvalidFilter;

/// Declares the query of a route: the conditions of a filter, and what is the route's own. A misspelt condition is refused, because
/// ignoring it would answer more than was asked for; that is why the conditions cannot be a flattened struct.
macro_rules! filter_query {
    (
        $(#[$meta:meta])*
        $name:ident { $($(#[$own_meta:meta])* $own:ident: $own_type:ty,)* }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
        #[serde(deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        pub(super) struct $name {
            /// Stored at this time or later (RFC 3339), by the database's clock.
            #[serde(default, with = "platform_core::time::serde::rfc3339::option")]
            #[param(value_type = Option<String>, format = DateTime)]
            recorded_from: Option<platform_core::Timestamp>,
            /// Stored before this time.
            #[serde(default, with = "platform_core::time::serde::rfc3339::option")]
            #[param(value_type = Option<String>, format = DateTime)]
            recorded_to: Option<platform_core::Timestamp>,
            /// Happened at this time or later, by the program's clock.
            #[serde(default, with = "platform_core::time::serde::rfc3339::option")]
            #[param(value_type = Option<String>, format = DateTime)]
            occurred_from: Option<platform_core::Timestamp>,
            /// Happened before this time.
            #[serde(default, with = "platform_core::time::serde::rfc3339::option")]
            #[param(value_type = Option<String>, format = DateTime)]
            occurred_to: Option<platform_core::Timestamp>,
            /// Done by this principal.
            #[serde(default)]
            actor_id: Option<platform_core::PrincipalId>,
            /// This action, or with a dot at its end every one that begins so.
            #[serde(default)]
            #[param(example = "order.")]
            action: Option<String>,
            /// Done to something of this kind.
            #[serde(default)]
            #[param(example = "order")]
            target_kind: Option<String>,
            /// Done to this; needs `target_kind`.
            #[serde(default)]
            target_id: Option<String>,
            /// Ended so.
            #[serde(default)]
            outcome: Option<crate::Outcome>,
            /// Of this severity.
            #[serde(default)]
            severity: Option<crate::Severity>,
            /// Recorded while this request was served.
            #[serde(default)]
            request_id: Option<platform_core::RequestId>,
            $($(#[$own_meta])* $own: $own_type,)*
        }

        impl $name {
            /// The conditions.
            pub(super) fn filter(&self) -> crate::EventFilter {
                crate::EventFilter {
                    recorded_from: self.recorded_from,
                    recorded_to: self.recorded_to,
                    occurred_from: self.occurred_from,
                    occurred_to: self.occurred_to,
                    actor_id: self.actor_id,
                    action: self.action.clone(),
                    target_kind: self.target_kind.clone(),
                    target_id: self.target_id.clone(),
                    outcome: self.outcome,
                    severity: self.severity,
                    request_id: self.request_id,
                }
            }
        }
    };
}
pub(super) use filter_query;

/// 422 `invalid_filter`, naming what is wrong.
impl From<InvalidFilter> for Problem {
    fn from(invalid: InvalidFilter) -> Self {
        let (field, code) = match invalid {
            InvalidFilter::Range("recorded_at") => ("recorded_to", "out_of_range"),
            InvalidFilter::Range(_) => ("occurred_to", "out_of_range"),
            InvalidFilter::Time("recorded_at") => ("recorded_from", "out_of_range"),
            InvalidFilter::Time(_) => ("occurred_from", "out_of_range"),
            InvalidFilter::Action => ("action", "malformed"),
            InvalidFilter::Target => ("target_id", "malformed"),
        };
        let detail = "no event can pass the filter";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_filter", detail).field(
            field,
            code,
            invalid.to_string(),
        )
    }
}
