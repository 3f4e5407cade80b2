//! An event as an object of the schema.

use platform_core::Timestamp;
use platform_core::time::format_description::well_known::Rfc3339;
use serde_json::{Map, Value, json};

use super::class::{Class, Done};
use super::people::{actor, privileges, source, user};
use crate::{CanonicalJson, Entry, KeyName, LeafHash, Outcome, Severity};

/// The version of the Open Cybersecurity Schema Framework whose words are used.
pub const OCSF_VERSION: &str = "1.6.0";

const PROGRAM: &str = "platform-audit";

/// An event as an object of OCSF 1.6.0, in JSON: what systems that collect security events read.
///
/// `seq` and `leaf` are the number and hash of the event in the log `origin`; they tie the object to what can be proven, which the
/// object itself cannot be.
///
/// # Class
///
/// | activity of the event | class | activity |
/// |---|---|---|
/// | `sign_in`, `sign_out` | Authentication 3002 | 1 Logon, 2 Logoff |
/// | `grant`, `revoke`, with a target of kind `user` | User Access Management 3005 | 1 Assign Privileges, 2 Revoke Privileges |
/// | `create`, `read`, `update`, `delete` | API Activity 6003 | 1 Create, 2 Read, 3 Update, 4 Delete |
/// | every other | API Activity 6003 | 99 Other, its word as `activity_name` |
///
/// `type_uid` is `class_uid * 100 + activity_id`.
///
/// # Attributes
///
/// | attribute | from |
/// |---|---|
/// | `time` | `occurred_at`, milliseconds since 1970; `metadata.original_time` has all its digits |
/// | `severity_id`, `severity` | 1 to 5 for `informational` to `critical` |
/// | `status_id`, `status` | 1 Success for `success`, 2 Failure for `failure` and `denied` |
/// | `status_code`, `status_detail` | `outcome`, `reason` |
/// | `message` | `action` |
/// | `metadata` | `uid` event id, `event_code` action, `log_name` the log, `log_version` version of the entry, `logged_time` `recorded_at`, `sequence` the number while it fits in 31 bits, `tenant_uid`, `correlation_uid` the trace, `labels` retention and visibility, `product` this library, `version` 1.6.0 |
/// | `actor` | a `user` for users, services (`type_id` 4) and anonymous callers; `app_name` and `invoked_by` (the purpose) for jobs; `session.uid` |
/// | `src_endpoint` | `ip`, or `name` `platform-audit` where no client asked |
/// | `http_request` | `user_agent` |
/// | `api` | class 6003: `operation` the action, `version` its version, `request.uid` the request |
/// | `resources` | classes 6003 and 3005: the targets, `type` the kind, `uid` the id, `role_id` 1 Target |
/// | `user` | classes 3002 and 3005: the first target of kind `user`, else the actor |
/// | `service` | class 3002: `name` the log |
/// | `session` | class 3002: `uid` |
/// | `privileges` | class 3005: the targets that are no users as `kind:id`, else the action |
/// | `unmapped` | `seq`, `leaf` (base64), `request_id`, `on_behalf_of`, `changes`, `detail`, `targets` of class 3002 |
pub fn ocsf_event(origin: &KeyName, seq: u64, leaf: LeafHash, entry: &Entry) -> Value {
    let done = Done::of(entry);
    let (category_uid, category_name) = done.class.category();
    let (severity_id, severity) = severity(entry.severity);
    let (status_id, status) = status(entry.outcome);
    let mut event = Map::from_iter([
        ("activity_id".to_owned(), json!(done.activity_id)),
        ("activity_name".to_owned(), json!(done.activity_name)),
        ("actor".to_owned(), actor(entry, PROGRAM)),
        ("category_name".to_owned(), json!(category_name)),
        ("category_uid".to_owned(), json!(category_uid)),
        ("class_name".to_owned(), json!(done.class.name())),
        ("class_uid".to_owned(), json!(done.class.uid())),
        ("message".to_owned(), json!(entry.action)),
        ("metadata".to_owned(), metadata(origin, seq, entry)),
        ("severity".to_owned(), json!(severity)),
        ("severity_id".to_owned(), json!(severity_id)),
        ("src_endpoint".to_owned(), source(entry, PROGRAM)),
        ("status".to_owned(), json!(status)),
        ("status_code".to_owned(), json!(entry.outcome.as_str())),
        ("status_id".to_owned(), json!(status_id)),
        ("time".to_owned(), json!(milliseconds(entry.occurred_at))),
        ("type_uid".to_owned(), json!(done.type_uid())),
        ("unmapped".to_owned(), unmapped(done.class, seq, leaf, entry)),
    ]);
    if let Some(reason) = &entry.reason {
        event.insert("status_detail".to_owned(), json!(reason));
    }
    if let Some(agent) = &entry.user_agent {
        event.insert("http_request".to_owned(), json!({ "user_agent": agent }));
    }
    add_of_class(&mut event, done.class, origin, entry);
    Value::Object(event)
}

fn add_of_class(event: &mut Map<String, Value>, class: Class, origin: &KeyName, entry: &Entry) {
    match class {
        Class::Authentication => {
            event.insert("user".to_owned(), user(entry));
            event.insert("service".to_owned(), json!({ "name": origin.as_str() }));
            if let Some(session) = entry.session_id {
                event.insert("session".to_owned(), json!({ "uid": session }));
            }
        }
        Class::UserAccess => {
            event.insert("user".to_owned(), user(entry));
            event.insert("privileges".to_owned(), json!(privileges(entry)));
            event.insert("resources".to_owned(), resources(entry));
        }
        Class::Api => {
            let api = json!({
                "operation": entry.action,
                "version": entry.action_version.to_string(),
                "request": { "uid": entry.request_id },
            });
            event.insert("api".to_owned(), api);
            event.insert("resources".to_owned(), resources(entry));
        }
    }
}

fn metadata(origin: &KeyName, seq: u64, entry: &Entry) -> Value {
    let mut metadata = json!({
        "version": OCSF_VERSION,
        "product": { "name": PROGRAM, "vendor_name": "platform", "version": env!("CARGO_PKG_VERSION") },
        "uid": entry.id,
        "event_code": entry.action,
        "log_name": origin.as_str(),
        "log_version": crate::ENTRY_VERSION.to_string(),
        "logged_time": milliseconds(entry.recorded_at),
        "original_time": entry.occurred_at.format(&Rfc3339).unwrap_or_default(),
        "tenant_uid": entry.tenant,
        "correlation_uid": entry.trace_id,
        "labels": [
            format!("retention:{}", entry.retention),
            format!("visibility:{}", entry.visibility),
        ],
    });
    // An `integer_t` of the schema.
    if let Ok(seq) = i32::try_from(seq) {
        metadata["sequence"] = json!(seq);
    }
    metadata
}

fn unmapped(class: Class, seq: u64, leaf: LeafHash, entry: &Entry) -> Value {
    let mut unmapped = Map::new();
    unmapped.insert("seq".to_owned(), json!(seq));
    unmapped.insert("leaf".to_owned(), json!(crate::NodeHash::from(leaf).to_base64()));
    unmapped.insert("request_id".to_owned(), json!(entry.request_id));
    if let Some(principal) = entry.on_behalf_of {
        unmapped.insert("on_behalf_of".to_owned(), json!(principal));
    }
    for (name, json) in [("changes", &entry.changes), ("detail", &entry.detail)] {
        if let Some(json) = json {
            unmapped.insert(name.to_owned(), value(json));
        }
    }
    if class == Class::Authentication {
        unmapped.insert("targets".to_owned(), json!(entry.targets));
    }
    Value::Object(unmapped)
}

fn resources(entry: &Entry) -> Value {
    let targets = entry.targets.iter();
    targets
        .map(|target| json!({ "type": target.kind, "uid": target.id, "role_id": 1, "role": "Target" }))
        .collect()
}

/// What is canonical is JSON; should it be nested too deep for the other reader, its text stands for it.
fn value(json: &CanonicalJson) -> Value {
    serde_json::from_str(json.as_str()).unwrap_or_else(|_| json!(json.as_str()))
}

const fn severity(severity: Severity) -> (u8, &'static str) {
    match severity {
        Severity::Informational => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    }
}

const fn status(outcome: Outcome) -> (u8, &'static str) {
    match outcome {
        Outcome::Success => (1, "Success"),
        Outcome::Failure | Outcome::Denied => (2, "Failure"),
    }
}

fn milliseconds(at: Timestamp) -> i64 {
    i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).unwrap_or_default()
}
