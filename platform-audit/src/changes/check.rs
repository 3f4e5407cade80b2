//! The bounds of changes.

use serde_json::Value;

use super::secret_name::is_secret_name;
use super::{Change, Changes, SEALED, Side};
use crate::event::fits;
use crate::{EventId, InvalidEvent};

/// The most fields that an event may say were changed.
pub const CHANGED_FIELDS_MAX: usize = 128;

/// The most bytes that changes may take as PostgreSQL prints them.
pub const CHANGES_BYTES_MAX: usize = 64 * 1024;

const NAME_CHARS_MAX: usize = 64;

impl Changes {
    /// All but the size. `id` is that of the event, when it has one already.
    pub(crate) fn check(&self, id: Option<EventId>) -> Result<(), InvalidEvent> {
        if self.fields.len() > CHANGED_FIELDS_MAX {
            return Err(InvalidEvent::ChangesTooLarge);
        }
        if self
            .sealed_for
            .is_some_and(|(_, sealed_for)| id != Some(sealed_for))
        {
            return Err(InvalidEvent::SealedElsewhere);
        }
        for (name, change) in &self.fields {
            if name.contains('\0') {
                return Err(InvalidEvent::ChangesText);
            }
            if !fits(name, NAME_CHARS_MAX) {
                return Err(InvalidEvent::ChangedField);
            }
            change.check(name)?;
        }
        Ok(())
    }
}

impl Change {
    fn check(&self, name: &str) -> Result<(), InvalidEvent> {
        let secret = is_secret_name(name);
        for side in [&self.before, &self.after] {
            match side {
                Side::Absent | Side::Sealed(_) => {}
                // That there is nothing tells nothing.
                Side::Clear(Value::Null) => {}
                Side::Clear(_) if secret => return Err(InvalidEvent::SecretField),
                Side::Clear(value) => check_value(value)?,
                Side::Broken => return Err(InvalidEvent::ChangedField),
            }
        }
        Ok(())
    }
}

/// Looks for secrets within a value, and for what would be taken for a sealed one.
fn check_value(value: &Value) -> Result<(), InvalidEvent> {
    let mut values = vec![value];
    while let Some(value) = values.pop() {
        match value {
            Value::Array(items) => values.extend(items),
            Value::Object(members) => {
                if members.len() == 1 && members.contains_key(SEALED) {
                    return Err(InvalidEvent::ChangedField);
                }
                for (name, member) in members {
                    if !member.is_null() && is_secret_name(name) {
                        return Err(InvalidEvent::SecretField);
                    }
                    values.push(member);
                }
            }
            _ => {}
        }
    }
    Ok(())
}
