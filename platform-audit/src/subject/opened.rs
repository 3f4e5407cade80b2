//! Sealed changes, opened for the one they are about.

use platform_core::TenantId;
use platform_crypto::{KeyId, Keys, OpenError};
use serde_json::{Map, Value, json};

use crate::{OpenChangeError, OpenedChange, RecordedEvent, sealed_keys};

/// What the sealed fields of an event say, for the subject with this key; `None` when it has none.
///
/// A field becomes `{"before": …, "after": …}`, or says why not: `{"erased": true}` when the key was destroyed, `{"withheld": true}` when
/// it is sealed under the key of somebody else, `{"elsewhere": true}` when it was sealed for a column of another table, where it is to be
/// read, `{"unreadable": true}` when it cannot be opened.
pub(super) fn opened(
    event: &RecordedEvent,
    tenant: TenantId,
    key: Option<KeyId>,
    keys: &Keys,
) -> Option<Value> {
    let changes = event.changes.as_ref()?.as_object()?;
    let mut fields = Map::new();
    for (name, change) in changes.iter().filter(|(_, change)| is_sealed(change)) {
        let one = json!({ name: change });
        let is_own = key.is_some_and(|key| sealed_keys(&one).iter().all(|sealed_by| *sealed_by == key));
        let said = match is_own {
            true => said(event.open_change(keys, tenant, name)),
            false => json!({ "withheld": true }),
        };
        fields.insert(name.clone(), said);
    }
    (!fields.is_empty()).then_some(Value::Object(fields))
}

fn said(opened: Result<OpenedChange, OpenChangeError>) -> Value {
    match opened {
        Ok(OpenedChange { before, after }) => {
            let sides = [("before", before), ("after", after)];
            let sides = sides.into_iter().filter_map(|(side, value)| {
                let value = serde_json::from_str(value?.expose()).unwrap_or(Value::Null);
                Some((side.to_owned(), value))
            });
            Value::Object(sides.collect())
        }
        Err(OpenChangeError::Open(OpenError::KeyDestroyed(_))) => json!({ "erased": true }),
        Err(OpenChangeError::Open(OpenError::Tampered) | OpenChangeError::NotSealed) => {
            json!({ "elsewhere": true })
        }
        Err(_) => json!({ "unreadable": true }),
    }
}

/// Whether a side of a change is a sealed value.
fn is_sealed(change: &Value) -> bool {
    let sealed = |side: &str| {
        let members = change.get(side).and_then(Value::as_object);
        members.is_some_and(|members| members.len() == 1 && members.contains_key("sealed"))
    };
    sealed("before") || sealed("after")
}
