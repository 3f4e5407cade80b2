//! Who acted, from where, and about whom.

use serde_json::{Map, Value, json};

use crate::Entry;

/// The kind of a target that is a user.
pub(super) const USER: &str = "user";

/// The actor: a user for a person or a program, the name of the program for a job of its own.
pub(super) fn actor(entry: &Entry, program: &str) -> Value {
    let mut actor = Map::new();
    match (entry.actor_kind.as_str(), entry.actor_id) {
        ("system", _) => {
            actor.insert("app_name".to_owned(), json!(program));
            if let Some(purpose) = &entry.purpose {
                actor.insert("invoked_by".to_owned(), json!(purpose));
            }
        }
        ("service", Some(id)) => {
            actor.insert(
                USER.to_owned(),
                json!({ "uid": id, "type_id": 4, "type": "Service" }),
            );
        }
        ("user", Some(id)) => {
            actor.insert(
                USER.to_owned(),
                json!({ "uid": id, "type_id": 1, "type": "User" }),
            );
        }
        (kind, _) => {
            actor.insert(
                USER.to_owned(),
                json!({ "name": kind, "type_id": 0, "type": "Unknown" }),
            );
        }
    }
    if let Some(session) = entry.session_id {
        actor.insert("session".to_owned(), json!({ "uid": session }));
    }
    Value::Object(actor)
}

/// The user whom it is about: the first target that is one, else whoever acted, else nobody who is known.
pub(super) fn user(entry: &Entry) -> Value {
    let target = entry.targets.iter().find(|target| target.kind == USER);
    match (target, entry.actor_id) {
        (Some(target), _) => json!({ "uid": target.id, "type_id": 1, "type": "User" }),
        (None, Some(id)) => json!({ "uid": id, "type_id": 1, "type": "User" }),
        (None, None) => json!({ "name": "unknown", "type_id": 0, "type": "Unknown" }),
    }
}

/// Where it came from: the address of the client, or the program itself where no client asked.
pub(super) fn source(entry: &Entry, program: &str) -> Value {
    match &entry.source_address {
        Some(address) => json!({ "ip": address }),
        None => json!({ "name": program }),
    }
}

/// What was given or taken: the targets that are not users, or else the action.
pub(super) fn privileges(entry: &Entry) -> Vec<String> {
    let targets = entry.targets.iter().filter(|target| target.kind != USER);
    let mut privileges: Vec<_> = targets
        .map(|target| format!("{}:{}", target.kind, target.id))
        .collect();
    if privileges.is_empty() {
        privileges.push(entry.action.clone());
    }
    privileges
}
