//! The reports that list events.

use platform_core::{PrincipalId, RequestId, Timestamp};
use serde_json::Value;

use super::row::event_report;
use crate::EventId;

event_report! {
    /// Something that was done with more than ordinary rights.
    PrivilegedAccess = PrivilegedAccess,
    "id, recorded_at, actor_kind, actor_id, on_behalf_of, action, activity, severity, outcome, reason, target_kind, target_id,
     source_address, request_id",
    "(e.on_behalf_of is not null or e.activity in ('grant', 'revoke') or e.severity in ('high', 'critical'))"
    {
        /// The event.
        id: EventId,
        /// When it was stored.
        recorded_at: Timestamp = "platform_core::time::serde::rfc3339",
        /// `anonymous`, `user`, `service` or `system`.
        actor_kind: String,
        /// Who did it.
        actor_id: Option<PrincipalId>,
        /// For whom.
        on_behalf_of: Option<PrincipalId>,
        /// What was done.
        action: String,
        /// What sort of thing that is.
        activity: String,
        /// How much it should worry whoever reads it.
        severity: String,
        /// How it ended.
        outcome: String,
        /// Why it failed or was refused.
        reason: Option<String>,
        /// What it was done to: the kind of the first target.
        target_kind: Option<String>,
        /// The id of the first target.
        target_id: Option<String>,
        /// From where.
        source_address: Option<String>,
        /// The request.
        request_id: RequestId,
    }
}

event_report! {
    /// A sign-in that failed or was refused.
    FailedSignIn = FailedSignIns,
    "id, recorded_at, action, outcome, reason, case when target_kind = 'user' then target_id end as user_id, detail ->> 'email' as email,
     source_address, user_agent, request_id",
    "(e.activity = 'sign_in' or e.action = 'auth.sign_in') and e.outcome <> 'success'"
    {
        /// The event.
        id: EventId,
        /// When it was stored.
        recorded_at: Timestamp = "platform_core::time::serde::rfc3339",
        /// What was tried.
        action: String,
        /// Whether it failed or was refused.
        outcome: String,
        /// Why.
        reason: Option<String>,
        /// The user, if there is one of this name.
        user_id: Option<String>,
        /// Under which name it was tried, masked.
        email: Option<String>,
        /// From where.
        source_address: Option<String>,
        /// With what.
        user_agent: Option<String>,
        /// The request.
        request_id: RequestId,
    }
}

event_report! {
    /// A change of how the platform works for the tenant: an action of the modules `access` (roles and permissions), `config`, `flag`,
    /// `policy`, `setting` and `tenant`, a hold on events, or a right that was given or taken.
    ConfigurationChange = ConfigurationChanges,
    "id, recorded_at, actor_kind, actor_id, on_behalf_of, action, activity, outcome, reason, target_kind, target_id, changes, request_id",
    "(split_part(e.action, '.', 1) in ('access', 'config', 'flag', 'policy', 'setting', 'tenant')
      or e.action in ('audit.hold_place', 'audit.hold_release') or e.activity in ('grant', 'revoke'))
     and e.activity <> 'read' and e.action <> 'access.deny'"
    {
        /// The event.
        id: EventId,
        /// When it was stored.
        recorded_at: Timestamp = "platform_core::time::serde::rfc3339",
        /// `anonymous`, `user`, `service` or `system`.
        actor_kind: String,
        /// Who did it.
        actor_id: Option<PrincipalId>,
        /// For whom.
        on_behalf_of: Option<PrincipalId>,
        /// What was done.
        action: String,
        /// What sort of thing that is.
        activity: String,
        /// How it ended.
        outcome: String,
        /// Why it failed or was refused.
        reason: Option<String>,
        /// What was changed: the kind of the first target.
        target_kind: Option<String>,
        /// The id of the first target.
        target_id: Option<String>,
        /// The fields before and after, as far as they were recorded.
        changes: Option<Value>,
        /// The request.
        request_id: RequestId,
    }
}

event_report! {
    /// Something that was done with an encryption key, a data subject, or a key with which a program signs in.
    KeyOperation = KeyOperations,
    "id, recorded_at, actor_kind, actor_id, purpose, action, outcome, reason, target_kind, target_id, detail, request_id",
    "(split_part(e.action, '.', 1) in ('key', 'subject') or starts_with(e.action, 'auth.api_key_'))"
    {
        /// The event.
        id: EventId,
        /// When it was stored.
        recorded_at: Timestamp = "platform_core::time::serde::rfc3339",
        /// `anonymous`, `user`, `service` or `system`.
        actor_kind: String,
        /// Who did it.
        actor_id: Option<PrincipalId>,
        /// Why a job of the program did it.
        purpose: Option<String>,
        /// What was done.
        action: String,
        /// How it ended.
        outcome: String,
        /// Why it failed or was refused.
        reason: Option<String>,
        /// `key`, `subject`, `column` or `api_key`.
        target_kind: Option<String>,
        /// Which of them.
        target_id: Option<String>,
        /// What else was noted.
        detail: Option<Value>,
        /// The request.
        request_id: RequestId,
    }
}

event_report! {
    /// Data that left the platform.
    DataExport = Exports,
    "id, recorded_at, actor_kind, actor_id, on_behalf_of, action, outcome, reason, target_kind, target_id, detail, source_address,
     request_id",
    "e.activity = 'export'"
    {
        /// The event.
        id: EventId,
        /// When it was stored.
        recorded_at: Timestamp = "platform_core::time::serde::rfc3339",
        /// `anonymous`, `user`, `service` or `system`.
        actor_kind: String,
        /// Who took it.
        actor_id: Option<PrincipalId>,
        /// For whom.
        on_behalf_of: Option<PrincipalId>,
        /// What was done.
        action: String,
        /// How it ended.
        outcome: String,
        /// Why it failed or was refused.
        reason: Option<String>,
        /// What was taken: the kind of the first target.
        target_kind: Option<String>,
        /// The id of the first target.
        target_id: Option<String>,
        /// What else was noted, such as the filter.
        detail: Option<Value>,
        /// To where.
        source_address: Option<String>,
        /// The request.
        request_id: RequestId,
    }
}
