//! The difference of two values.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Changes, Side};

/// A value does not become a JSON object, so that it has no fields to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("only values that become json objects can be compared field by field")]
pub struct NotComparable;

impl Changes {
    /// The members in which two values differ, as JSON has them; those that are alike are left out.
    ///
    /// A member that only one of them has is a field with one side: compare with `serde_json::json!({})` for something that was made or
    /// deleted. Bounds and names are looked at when the event is recorded.
    ///
    /// ```
    /// use platform_audit::Changes;
    ///
    /// #[derive(serde::Serialize)]
    /// struct Limits {
    ///     lots_max: u32,
    ///     orders_max: u32,
    /// }
    ///
    /// let before = Limits { lots_max: 10, orders_max: 5 };
    /// let after = Limits { lots_max: 20, orders_max: 5 };
    /// let changes = Changes::between(&before, &after)?;
    /// assert_eq!(changes, Changes::new().field("lots_max", 10, 20));
    /// # Ok::<(), platform_audit::NotComparable>(())
    /// ```
    ///
    /// # Errors
    /// [`NotComparable`].
    pub fn between(before: &impl Serialize, after: &impl Serialize) -> Result<Self, NotComparable> {
        let mut before = members(before)?;
        let mut changes = Self::new();
        for (name, after) in members(after)? {
            let before = before.remove(&name);
            if before.as_ref() != Some(&after) {
                changes = changes.with(Cow::Owned(name), Side::optional(before), Side::Clear(after));
            }
        }
        for (name, before) in before {
            changes = changes.with(Cow::Owned(name), Side::Clear(before), Side::Absent);
        }
        Ok(changes)
    }
}

impl Side {
    fn optional(value: Option<Value>) -> Self {
        value.map_or(Self::Absent, Self::Clear)
    }
}

fn members(value: &impl Serialize) -> Result<Map<String, Value>, NotComparable> {
    match serde_json::to_value(value) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(NotComparable),
    }
}
