//! Reading an entry back, strictly.

use std::str::FromStr;

use platform_core::Timestamp;
use platform_core::time::format_description::well_known::Rfc3339;

use super::json::Json;
use crate::note::parse_decimal;
use crate::{CanonicalJson, ENTRY_BYTES_MAX, ENTRY_VERSION, Entry, JSON_DEPTH_MAX, JsonInvalid, Target};

/// Bytes are not an entry in its one spelling. They have no place in a tree, whatever their hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryInvalid {
    /// There are more than [`ENTRY_BYTES_MAX`] bytes.
    #[error("an entry has at most {ENTRY_BYTES_MAX} bytes")]
    TooLong,
    /// The bytes are not UTF-8.
    #[error("an entry is text in UTF-8")]
    NotText,
    /// The text is not JSON.
    #[error(transparent)]
    Json(#[from] JsonInvalid),
    /// It is of a version that this program does not know.
    #[error("the version of the entry is unknown")]
    UnknownVersion,
    /// A member is missing, or is not what the version says.
    #[error("the member {0} of the entry is missing or malformed")]
    Member(&'static str),
    /// It says the same as an entry, but spelt otherwise: blanks, another order, a member too many.
    #[error("the entry is not canonical")]
    NotCanonical,
}

impl Entry {
    /// Reads an entry from its canonical bytes; no other bytes give the same entry.
    ///
    /// # Errors
    /// [`EntryInvalid`] for everything that [`to_bytes`](Self::to_bytes) does not write.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EntryInvalid> {
        if bytes.len() > ENTRY_BYTES_MAX {
            return Err(EntryInvalid::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| EntryInvalid::NotText)?;
        let mut members = Members::of(Json::parse(text, 1 + JSON_DEPTH_MAX)?)?;
        let version = ENTRY_VERSION.to_string();
        if !matches!(members.take("v"), Some(Json::Number(found)) if found == version) {
            return Err(EntryInvalid::UnknownVersion);
        }
        let entry = members.into_entry()?;
        // Whatever is not spelt as it would be written, down to the last member, differs here.
        if entry.to_bytes().is_ok_and(|written| written == bytes) {
            Ok(entry)
        } else {
            Err(EntryInvalid::NotCanonical)
        }
    }
}

struct Members(Vec<(String, Json)>);

impl Members {
    fn of(json: Json) -> Result<Self, EntryInvalid> {
        match json {
            Json::Object(members) => Ok(Self(members)),
            _ => Err(EntryInvalid::UnknownVersion),
        }
    }

    fn into_entry(mut self) -> Result<Entry, EntryInvalid> {
        Ok(Entry {
            tenant: self.parsed("tenant_id")?,
            id: self.parsed("id")?,
            recorded_at: self.time("recorded_at")?,
            occurred_at: self.time("occurred_at")?,
            xid: parse_decimal(&self.text("xid")?).ok_or(EntryInvalid::Member("xid"))?,
            action: self.text("action")?,
            action_version: self.action_version()?,
            activity: self.parsed("activity")?,
            outcome: self.parsed("outcome")?,
            reason: self.optional_text("reason")?,
            severity: self.parsed("severity")?,
            actor_kind: self.text("actor_kind")?,
            actor_id: self.optional("actor_id")?,
            purpose: self.optional_text("purpose")?,
            on_behalf_of: self.optional("on_behalf_of")?,
            session_id: self.optional("session_id")?,
            targets: self.targets()?,
            changes: self.take("changes").map(|json| CanonicalJson::from_json(&json)),
            source_address: self.optional_text("source_address")?,
            user_agent: self.optional_text("user_agent")?,
            request_id: self.parsed("request_id")?,
            trace_id: self.text("trace_id")?,
            detail: self.take("detail").map(|json| CanonicalJson::from_json(&json)),
            retention: self.parsed("retention")?,
            visibility: self.parsed("visibility")?,
            producer: self.optional("producer")?,
            counter: self.counter()?,
            seal: self.optional("seal")?,
        })
    }

    fn take(&mut self, name: &str) -> Option<Json> {
        let at = self.0.iter().position(|(found, _)| found == name)?;
        Some(self.0.swap_remove(at).1)
    }

    fn optional_text(&mut self, name: &'static str) -> Result<Option<String>, EntryInvalid> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(_) => Err(EntryInvalid::Member(name)),
        }
    }

    fn text(&mut self, name: &'static str) -> Result<String, EntryInvalid> {
        self.optional_text(name)?.ok_or(EntryInvalid::Member(name))
    }

    fn optional<T: FromStr>(&mut self, name: &'static str) -> Result<Option<T>, EntryInvalid> {
        let text = self.optional_text(name)?;
        text.map(|text| text.parse().map_err(|_| EntryInvalid::Member(name)))
            .transpose()
    }

    fn parsed<T: FromStr>(&mut self, name: &'static str) -> Result<T, EntryInvalid> {
        self.optional(name)?.ok_or(EntryInvalid::Member(name))
    }

    fn time(&mut self, name: &'static str) -> Result<Timestamp, EntryInvalid> {
        let text = self.text(name)?;
        Timestamp::parse(&text, &Rfc3339).map_err(|_| EntryInvalid::Member(name))
    }

    fn action_version(&mut self) -> Result<u16, EntryInvalid> {
        let version = match self.take("action_version") {
            Some(Json::Number(version)) => version.parse().ok(),
            _ => None,
        };
        version.ok_or(EntryInvalid::Member("action_version"))
    }

    fn counter(&mut self) -> Result<Option<u64>, EntryInvalid> {
        let text = self.optional_text("counter")?;
        text.map(|text| parse_decimal(&text).ok_or(EntryInvalid::Member("counter")))
            .transpose()
    }

    fn targets(&mut self) -> Result<Vec<Target>, EntryInvalid> {
        self.take("targets")
            .and_then(read_targets)
            .ok_or(EntryInvalid::Member("targets"))
    }
}

/// Reads targets and nothing but targets: a member too many makes it none.
pub(super) fn read_targets(json: Json) -> Option<Vec<Target>> {
    let read = |target| {
        let mut members = Members::of(target).ok()?;
        let target = Target {
            kind: members.text("kind").ok()?.into(),
            id: members.text("id").ok()?,
        };
        members.0.is_empty().then_some(target)
    };
    match json {
        Json::Array(targets) => targets.into_iter().map(read).collect(),
        _ => None,
    }
}
