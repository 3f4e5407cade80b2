//! What goes over the wire.

use platform_core::uuid::Uuid;
use platform_core::{PrincipalId, RequestId, Timestamp};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    Activity, ConsistencyProof, EventId, EventState, NodeHash, Outcome, RecordedEvent, Retention, Severity,
    StoredCheckpoint, Target, Visibility,
};

/// An event of the trail.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EventBody {
    id: EventId,
    /// Its number in the log; null until it is sequenced.
    #[schema(example = 41)]
    seq: Option<u64>,
    /// By the program's clock.
    #[serde(with = "platform_core::time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    occurred_at: Timestamp,
    /// By the database's clock.
    #[serde(with = "platform_core::time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    recorded_at: Timestamp,
    #[schema(example = "order.place")]
    action: String,
    action_version: u16,
    activity: Activity,
    outcome: Outcome,
    /// Why it failed or was refused.
    reason: Option<String>,
    severity: Severity,
    /// `anonymous`, `user`, `service` or `system`.
    #[schema(example = "user")]
    actor_kind: String,
    actor_id: Option<PrincipalId>,
    /// Why a system job did it.
    purpose: Option<String>,
    /// For whom it was done.
    on_behalf_of: Option<PrincipalId>,
    session_id: Option<Uuid>,
    targets: Vec<Target>,
    /// What was changed: for each field what it was `before` and what it is `after`.
    #[schema(value_type = Option<Object>)]
    changes: Option<Value>,
    source_address: Option<String>,
    user_agent: Option<String>,
    request_id: RequestId,
    #[schema(example = "0af7651916cd43dd8448eb211c80319c")]
    trace_id: String,
    /// What else was noted.
    #[schema(value_type = Option<Object>)]
    detail: Option<Value>,
    retention: Retention,
    visibility: Visibility,
}

/// How far an event has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EventStateBody {
    /// `recorded`, `sequenced`, `integrated`, `published`; or `rejected`, from where it goes no further.
    #[schema(example = "integrated")]
    pub(super) state: &'static str,
}

/// A signed head of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CheckpointBody {
    /// How many positions it covers.
    #[schema(example = 42)]
    size: u64,
    /// The root over them, in base64.
    root: String,
    /// The signed note (C2SP `tlog-checkpoint`). Verify it with a key that came from elsewhere.
    note: String,
    #[serde(with = "platform_core::time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    signed_at: Timestamp,
    /// When it had been put outside of the database; null until then.
    #[serde(with = "platform_core::time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    published_at: Option<Timestamp>,
}

/// That the log of one size begins with that of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConsistencyBody {
    #[schema(example = 17)]
    from: u64,
    #[schema(example = 42)]
    to: u64,
    /// The hashes of RFC 6962, section 2.1.2, in base64.
    proof: Vec<String>,
}

/// What a verifier is configured with. Have it confirmed from elsewhere: whoever can change what is answered here can change this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LogKeyBody {
    /// The name of the tenant's log.
    #[schema(example = "audit.example.com/audit/018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12")]
    pub(super) origin: String,
    /// The public key (C2SP `signed-note`): name, id and base64, joined by `+`.
    pub(super) vkey: String,
}

impl From<RecordedEvent> for EventBody {
    fn from(event: RecordedEvent) -> Self {
        Self {
            id: event.id,
            seq: event.seq,
            occurred_at: event.occurred_at,
            recorded_at: event.recorded_at,
            action: event.action,
            action_version: event.action_version,
            activity: event.activity,
            outcome: event.outcome,
            reason: event.reason,
            severity: event.severity,
            actor_kind: event.actor_kind,
            actor_id: event.actor_id,
            purpose: event.purpose,
            on_behalf_of: event.on_behalf_of,
            session_id: event.session_id,
            targets: event.targets,
            changes: event.changes,
            source_address: event.source_address,
            user_agent: event.user_agent,
            request_id: event.request_id,
            trace_id: event.trace_id,
            detail: event.detail,
            retention: event.retention,
            visibility: event.visibility,
        }
    }
}

impl From<EventState> for EventStateBody {
    fn from(state: EventState) -> Self {
        Self {
            state: state.as_str(),
        }
    }
}

impl From<StoredCheckpoint> for CheckpointBody {
    fn from(checkpoint: StoredCheckpoint) -> Self {
        Self {
            size: checkpoint.head.size,
            root: checkpoint.head.root.to_base64(),
            note: checkpoint.note,
            signed_at: checkpoint.signed_at,
            published_at: checkpoint.published_at,
        }
    }
}

impl ConsistencyBody {
    pub(super) fn new(from: u64, to: u64, proof: &ConsistencyProof) -> Self {
        Self {
            from,
            to,
            proof: proof.hashes.iter().map(NodeHash::to_base64).collect(),
        }
    }
}
