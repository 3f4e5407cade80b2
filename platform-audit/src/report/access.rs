//! What every user has done.

use platform_core::{PrincipalId, Timestamp};
use serde::Serialize;
use sqlx::FromRow;

use super::row::events_in_range;
use super::{ReportCursor, ReportKind, ReportRow};

/// How often a user or a service has done something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
#[non_exhaustive]
pub struct UserAccess {
    /// `user` or `service`.
    pub actor_kind: String,
    /// Who.
    pub actor_id: PrincipalId,
    /// What.
    pub action: String,
    /// How often it was done.
    pub success: i64,
    /// How often it was tried in vain.
    pub failure: i64,
    /// How often it was refused.
    pub denied: i64,
    /// From how many addresses.
    pub addresses: i64,
    /// When it was stored for the first time in the range.
    #[serde(with = "platform_core::time::serde::rfc3339")]
    pub first_at: Timestamp,
    /// And for the last time.
    #[serde(with = "platform_core::time::serde::rfc3339")]
    pub last_at: Timestamp,
}

impl ReportRow for UserAccess {
    const KIND: ReportKind = ReportKind::AccessByUser;

    const COLUMNS: &'static [&'static str] = &[
        "actor_kind",
        "actor_id",
        "action",
        "success",
        "failure",
        "denied",
        "addresses",
        "first_at",
        "last_at",
    ];

    const SQL: &'static str = concat!(
        "select actor_kind::text as actor_kind, actor_id, action::text as action,
                count(*) filter (where outcome = 'success') as success,
                count(*) filter (where outcome = 'failure') as failure,
                count(*) filter (where outcome = 'denied') as denied,
                count(distinct source_address) as addresses,
                min(recorded_at) as first_at, max(recorded_at) as last_at
         from ",
        events_in_range!(
            "e.actor_id is not null and ($5::uuid is null or (e.actor_id, e.actor_kind::text, e.action::text) > ($5, $7, $8))",
            ""
        ),
        " group by actor_id, actor_kind::text, action::text
         order by actor_id, actor_kind::text, action::text
         limit $6"
    );

    fn cursor(&self) -> ReportCursor {
        ReportCursor::access(self)
    }
}
