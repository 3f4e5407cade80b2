//! Writing an entry.

use std::fmt::{Display, Write as _};

use platform_core::Timestamp;
use platform_core::time::UtcOffset;

use super::canonical::write_string;
use crate::{Entry, Target};

/// The most bytes of an entry: what the length of an entry in a C2SP `tlog-tiles` bundle can state.
pub const ENTRY_BYTES_MAX: usize = 65_535;

/// The version of the members of an entry.
pub const ENTRY_VERSION: u64 = 1;

const NANOSECONDS_PER_MICROSECOND: u32 = 1_000;

/// An event cannot become an entry. It must not be recorded either, since nothing could ever prove it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// It would have more than [`ENTRY_BYTES_MAX`] bytes.
    #[error("an entry has at most {ENTRY_BYTES_MAX} bytes")]
    TooLong,
    /// A time is not in whole microseconds, or its year is not within 0 and 9999.
    #[error("a time is in whole microseconds of the years 0 to 9999")]
    Time,
}

impl Entry {
    /// The canonical bytes: what the leaf of the event is the hash of.
    ///
    /// # Errors
    /// [`EntryError`] when the event is too large or has a time that cannot be stored.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EntryError> {
        self.write(Members::All)
    }

    /// What the seal is made over: the canonical bytes without what the database adds, its time and its transaction, and without the
    /// seal itself.
    pub(crate) fn to_sealed_bytes(&self) -> Result<Vec<u8>, EntryError> {
        self.write(Members::Sealed)
    }

    fn write(&self, members: Members) -> Result<Vec<u8>, EntryError> {
        let all = members == Members::All;
        let mut object = Object::new();
        object.text("action", &self.action);
        object.json("action_version", &self.action_version.to_string());
        object.plain("activity", self.activity);
        object.optional("actor_id", self.actor_id);
        object.text("actor_kind", &self.actor_kind);
        if let Some(changes) = &self.changes {
            object.json("changes", changes.as_str());
        }
        object.optional("counter", self.counter);
        if let Some(detail) = &self.detail {
            object.json("detail", detail.as_str());
        }
        object.plain("id", self.id);
        object.time("occurred_at", self.occurred_at)?;
        object.optional("on_behalf_of", self.on_behalf_of);
        object.plain("outcome", self.outcome);
        object.optional("producer", self.producer);
        object.optional_text("purpose", self.purpose.as_deref());
        object.optional_text("reason", self.reason.as_deref());
        if all {
            object.time("recorded_at", self.recorded_at)?;
        }
        object.plain("request_id", self.request_id);
        object.plain("retention", &self.retention);
        if all {
            object.optional("seal", self.seal);
        }
        object.optional("session_id", self.session_id);
        object.plain("severity", self.severity);
        object.optional_text("source_address", self.source_address.as_deref());
        object.json("targets", &targets_json(&self.targets));
        object.plain("tenant_id", self.tenant);
        object.text("trace_id", &self.trace_id);
        object.optional_text("user_agent", self.user_agent.as_deref());
        object.json("v", &ENTRY_VERSION.to_string());
        object.plain("visibility", self.visibility);
        if all {
            object.plain("xid", self.xid);
        }
        object.finish()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Members {
    All,
    Sealed,
}

/// Writes members in the order in which they come: that of their names.
struct Object {
    text: String,
}

impl Object {
    fn new() -> Self {
        Self {
            text: String::with_capacity(1024),
        }
    }

    fn json(&mut self, name: &str, value: &str) {
        self.text
            .push_str(if self.text.is_empty() { "{\"" } else { ",\"" });
        self.text.push_str(name);
        self.text.push_str("\":");
        self.text.push_str(value);
    }

    fn text(&mut self, name: &str, value: &str) {
        self.json(name, "");
        write_string(&mut self.text, value);
    }

    fn optional_text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// A value whose text needs no escapes.
    fn plain(&mut self, name: &str, value: impl Display) {
        self.json(name, "\"");
        let _infallible = write!(self.text, "{value}\"");
    }

    fn optional(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.plain(name, value);
        }
    }

    fn time(&mut self, name: &str, at: Timestamp) -> Result<(), EntryError> {
        let at = at.checked_to_offset(UtcOffset::UTC).ok_or(EntryError::Time)?;
        let whole = at.nanosecond().is_multiple_of(NANOSECONDS_PER_MICROSECOND);
        if !whole || !(0..=9999).contains(&at.year()) {
            return Err(EntryError::Time);
        }
        let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
        let (hour, minute, second, micros) = (at.hour(), at.minute(), at.second(), at.microsecond());
        self.plain(
            name,
            format_args!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z"),
        );
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<u8>, EntryError> {
        self.text.push('}');
        if self.text.len() > ENTRY_BYTES_MAX {
            return Err(EntryError::TooLong);
        }
        Ok(self.text.into_bytes())
    }
}

/// The JSON of targets, in the entry and in the column alike.
pub(crate) fn targets_json(targets: &[Target]) -> String {
    let mut text = String::from("[");
    for (at, target) in targets.iter().enumerate() {
        text.push_str(if at == 0 { "{\"id\":" } else { ",{\"id\":" });
        write_string(&mut text, &target.id);
        text.push_str(",\"kind\":");
        write_string(&mut text, &target.kind);
        text.push('}');
    }
    text.push(']');
    text
}
