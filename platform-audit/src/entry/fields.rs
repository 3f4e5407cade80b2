//! What an entry says.

use platform_core::uuid::Uuid;
use platform_core::{PrincipalId, RequestId, TenantId, Timestamp};

use crate::{
    Activity, CanonicalJson, EventId, Outcome, ProducerId, Retention, Seal, Severity, Target, Visibility,
};

/// A recorded event as the tree commits to it: one field for each column of `platform_audit.event` that is not derived.
///
/// | member | column | form |
/// |---|---|---|
/// | `v` | none | the number 1: the version of this table |
/// | `tenant_id`, `id`, `request_id` | of the same name | UUID in lower case |
/// | `actor_id`, `on_behalf_of`, `session_id` | of the same name | UUID in lower case, absent when null |
/// | `occurred_at`, `recorded_at` | of the same name | `2026-01-02T03:04:05.000006Z`, always six digits |
/// | `xid` | of the same name | decimal digits in a string, because it may exceed 2^53 |
/// | `action`, `activity`, `outcome`, `severity`, `actor_kind`, `trace_id`, `retention`, `visibility` | of the same name | string |
/// | `action_version` | of the same name | number |
/// | `reason`, `purpose`, `source_address`, `user_agent` | of the same name | string, absent when null |
/// | `targets` | of the same name | array of `{"id", "kind"}` in the stored order |
/// | `changes`, `detail` | of the same name | [`CanonicalJson`], absent when the column is null, `null` when it holds JSON's null |
/// | `producer` | of the same name | UUID in lower case, absent when null |
/// | `counter` | of the same name | decimal digits in a string, absent when null |
/// | `seal` | of the same name | 64 hexadecimal digits in lower case, absent when null |
///
/// `target_kind` and `target_id` repeat the first target and are checked against it; see [`StoredRow`](crate::StoredRow). A column that
/// is added later becomes a member that is absent when null, so that the bytes of older events stay as they are.
///
/// ```
/// use platform_audit::{Activity, Entry, EventId, LeafHash, Outcome, Retention, Severity, Target, Visibility};
/// use platform_core::{RequestId, Sources, TenantId};
///
/// let sources = Sources::system();
/// let entry = Entry {
///     tenant: TenantId::generate(&sources),
///     id: EventId::generate(&sources),
///     recorded_at: sources.now(),
///     occurred_at: sources.now(),
///     xid: 771,
///     action: "order.cancel".into(),
///     action_version: 1,
///     activity: Activity::Update,
///     outcome: Outcome::Success,
///     reason: None,
///     severity: Severity::Informational,
///     actor_kind: "user".into(),
///     actor_id: None,
///     purpose: None,
///     on_behalf_of: None,
///     session_id: None,
///     targets: vec![Target { kind: "order".into(), id: "42".into() }],
///     changes: None,
///     source_address: None,
///     user_agent: None,
///     request_id: RequestId::generate(&sources),
///     trace_id: "0af7651916cd43dd8448eb211c80319c".into(),
///     detail: None,
///     retention: Retention::REGULATORY,
///     visibility: Visibility::Tenant,
///     producer: None,
///     counter: None,
///     seal: None,
/// };
/// let bytes = entry.to_bytes()?;
/// assert_eq!(Entry::from_bytes(&bytes)?, entry);
/// let leaf = LeafHash::of(&bytes);
/// # let _ = leaf;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Whose trail it is in.
    pub tenant: TenantId,
    /// Its id.
    pub id: EventId,
    /// When it was stored, by the database's clock.
    pub recorded_at: Timestamp,
    /// When it happened, by the program's clock.
    pub occurred_at: Timestamp,
    /// The transaction that recorded it.
    pub xid: u64,
    /// What was done.
    pub action: String,
    /// Of which version of the action the detail is.
    pub action_version: u16,
    /// What sort of thing was done.
    pub activity: Activity,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed or was refused.
    pub reason: Option<String>,
    /// How much it should worry whoever reads it.
    pub severity: Severity,
    /// `anonymous`, `user`, `service` or `system`.
    pub actor_kind: String,
    /// Who did it.
    pub actor_id: Option<PrincipalId>,
    /// Why a system job did it.
    pub purpose: Option<String>,
    /// For whom it was done.
    pub on_behalf_of: Option<PrincipalId>,
    /// The session whose credential was shown.
    pub session_id: Option<Uuid>,
    /// What it was done to.
    pub targets: Vec<Target>,
    /// What was changed.
    pub changes: Option<CanonicalJson>,
    /// Where the request came from.
    pub source_address: Option<String>,
    /// The client's `User-Agent`.
    pub user_agent: Option<String>,
    /// The request.
    pub request_id: RequestId,
    /// The trace: 32 hexadecimal digits.
    pub trace_id: String,
    /// What else was noted.
    pub detail: Option<CanonicalJson>,
    /// How long it is kept.
    pub retention: Retention,
    /// Who may read it.
    pub visibility: Visibility,
    /// The process that recorded it.
    pub producer: Option<ProducerId>,
    /// How many events of this tenant that process had recorded before.
    pub counter: Option<u64>,
    /// What shows that it was recorded by a process that has the log's key.
    pub seal: Option<Seal>,
}

impl Entry {
    /// The columns in which two entries differ, in the order of the fields.
    pub fn columns_changed(&self, other: &Self) -> Vec<&'static str> {
        // Taken apart, so that a field that is added and not compared does not compile.
        let Self {
            tenant,
            id,
            recorded_at,
            occurred_at,
            xid,
            action,
            action_version,
            activity,
            outcome,
            reason,
            severity,
            actor_kind,
            actor_id,
            purpose,
            on_behalf_of,
            session_id,
            targets,
            changes,
            source_address,
            user_agent,
            request_id,
            trace_id,
            detail,
            retention,
            visibility,
            producer,
            counter,
            seal,
        } = self;
        [
            ("tenant_id", tenant == &other.tenant),
            ("id", id == &other.id),
            ("recorded_at", recorded_at == &other.recorded_at),
            ("occurred_at", occurred_at == &other.occurred_at),
            ("xid", xid == &other.xid),
            ("action", action == &other.action),
            ("action_version", action_version == &other.action_version),
            ("activity", activity == &other.activity),
            ("outcome", outcome == &other.outcome),
            ("reason", reason == &other.reason),
            ("severity", severity == &other.severity),
            ("actor_kind", actor_kind == &other.actor_kind),
            ("actor_id", actor_id == &other.actor_id),
            ("purpose", purpose == &other.purpose),
            ("on_behalf_of", on_behalf_of == &other.on_behalf_of),
            ("session_id", session_id == &other.session_id),
            ("targets", targets == &other.targets),
            ("changes", changes == &other.changes),
            ("source_address", source_address == &other.source_address),
            ("user_agent", user_agent == &other.user_agent),
            ("request_id", request_id == &other.request_id),
            ("trace_id", trace_id == &other.trace_id),
            ("detail", detail == &other.detail),
            ("retention", retention == &other.retention),
            ("visibility", visibility == &other.visibility),
            ("producer", producer == &other.producer),
            ("counter", counter == &other.counter),
            ("seal", seal == &other.seal),
        ]
        .into_iter()
        .filter_map(|(column, same)| (!same).then_some(column))
        .collect()
    }
}
