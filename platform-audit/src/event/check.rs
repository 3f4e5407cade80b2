//! The bounds of an event.

use super::action::ACTION_VERSION_MAX;
use crate::changes::{CHANGED_FIELDS_MAX, CHANGES_BYTES_MAX};
use crate::entry::{Unstorable, storable};
use crate::{CanonicalJson, ENTRY_BYTES_MAX, EntryError, Event, JSON_DEPTH_MAX, Target};

/// The most bytes of compact JSON that an event's detail may take.
pub const DETAIL_BYTES_MAX: usize = 16 * 1024;

/// The most targets that an event may name.
pub const TARGETS_MAX: usize = 16;

/// PostgreSQL prints blanks behind colons and commas, and writes numbers out.
const DETAIL_PRINTED_BYTES_MAX: usize = 2 * DETAIL_BYTES_MAX;

const REASON_CHARS_MAX: usize = 128;
const TARGET_KIND_CHARS_MAX: usize = 64;
const TARGET_ID_CHARS_MAX: usize = 256;

/// An event breaks one of the bounds. It was not recorded; the caller's code has to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEvent {
    /// The id is not a UUIDv7, or of a time more than a day ahead.
    #[error("the id of an event is a UUIDv7 that is not more than a day ahead of the clock")]
    Id,
    /// The time at which it happened is not in whole microseconds, or its year is not within 0 and 9999.
    #[error("an event happens in a whole microsecond of the years 0 to 9999")]
    OccurredAt,
    /// More than [`TARGETS_MAX`] targets.
    #[error("an event names at most {TARGETS_MAX} targets")]
    TooManyTargets,
    /// A target's kind or id is empty, too long or holds the character U+0000.
    #[error("a target has a kind of 1 to 64 and an id of 1 to 256 characters")]
    Target,
    /// The reason is empty, too long or holds the character U+0000.
    #[error("a reason has 1 to 128 characters")]
    Reason,
    /// The version of the action is 0 or more than [`ACTION_VERSION_MAX`].
    #[error("the version of an action is 1 to {ACTION_VERSION_MAX}")]
    Version,
    /// The context has a reason that is empty or longer than 256 characters, a user agent of more than 256, or U+0000 in one of them.
    #[error("a context has a reason of 1 to 256 and a user agent of at most 256 characters")]
    Context,
    /// The detail takes more than [`DETAIL_BYTES_MAX`] bytes, or twice that as PostgreSQL prints it.
    #[error("a detail takes at most {DETAIL_BYTES_MAX} bytes of compact json")]
    DetailTooLarge,
    /// The detail holds the character U+0000, which PostgreSQL cannot store.
    #[error("a detail cannot hold the character u+0000")]
    DetailText,
    /// The changes are of more than [`CHANGED_FIELDS_MAX`] fields, or take more than [`CHANGES_BYTES_MAX`] bytes as PostgreSQL prints
    /// them.
    #[error("changes are of at most {CHANGED_FIELDS_MAX} fields and take at most {CHANGES_BYTES_MAX} bytes")]
    ChangesTooLarge,
    /// The changes hold the character U+0000, which PostgreSQL cannot store.
    #[error("changes cannot hold the character u+0000")]
    ChangesText,
    /// The name of a changed field is empty or longer than 64 characters, or its value cannot be told from a sealed one, or could not
    /// be turned into JSON.
    #[error("a changed field has a name of 1 to 64 characters and values that are json")]
    ChangedField,
    /// A changed field has the name of a secret or of personal data, and its values are not sealed.
    #[error("a field with the name of a secret is changed only sealed")]
    SecretField,
    /// The changes were sealed for another event or another tenant.
    #[error("the changes were sealed for another event")]
    SealedElsewhere,
    /// The detail or a changed value is nested deeper than [`JSON_DEPTH_MAX`].
    #[error("json is nested at most {JSON_DEPTH_MAX} deep")]
    TooDeep,
    /// A number of the detail or of a changed value is so large or small that PostgreSQL cannot store it.
    #[error("a number of the json is out of range")]
    Number,
    /// Each part keeps its bounds, but all together they take more than [`ENTRY_BYTES_MAX`] bytes.
    #[error("an event takes at most {ENTRY_BYTES_MAX} bytes in all")]
    TooLarge,
}

/// The JSON of an event in the form in which it is stored.
pub(crate) struct CheckedJson {
    pub(crate) changes: Option<CanonicalJson>,
    pub(crate) detail: Option<CanonicalJson>,
}

pub(crate) fn check(event: &Event) -> Result<CheckedJson, InvalidEvent> {
    if event.targets.len() > TARGETS_MAX {
        return Err(InvalidEvent::TooManyTargets);
    }
    let target_fits =
        |target: &Target| fits(&target.kind, TARGET_KIND_CHARS_MAX) && fits(&target.id, TARGET_ID_CHARS_MAX);
    if !event.targets.iter().all(target_fits) {
        return Err(InvalidEvent::Target);
    }
    if event
        .reason
        .as_deref()
        .is_some_and(|reason| !fits(reason, REASON_CHARS_MAX))
    {
        return Err(InvalidEvent::Reason);
    }
    if !(1..=ACTION_VERSION_MAX).contains(&event.version) {
        return Err(InvalidEvent::Version);
    }
    Ok(CheckedJson {
        changes: changes(event)?,
        detail: detail(event)?,
    })
}

fn detail(event: &Event) -> Result<Option<CanonicalJson>, InvalidEvent> {
    let Some(detail) = &event.detail else {
        return Ok(None);
    };
    let json = storable(detail, DETAIL_PRINTED_BYTES_MAX).map_err(|unstorable| match unstorable {
        Unstorable::TooLarge => InvalidEvent::DetailTooLarge,
        Unstorable::Text => InvalidEvent::DetailText,
        Unstorable::TooDeep => InvalidEvent::TooDeep,
        Unstorable::Number => InvalidEvent::Number,
    })?;
    if json.as_str().len() > DETAIL_BYTES_MAX {
        return Err(InvalidEvent::DetailTooLarge);
    }
    Ok(Some(json))
}

fn changes(event: &Event) -> Result<Option<CanonicalJson>, InvalidEvent> {
    let Some(changes) = &event.changes else {
        return Ok(None);
    };
    changes.check(event.id)?;
    let json = storable(&changes.to_value(), CHANGES_BYTES_MAX).map_err(|unstorable| match unstorable {
        Unstorable::TooLarge => InvalidEvent::ChangesTooLarge,
        Unstorable::Text => InvalidEvent::ChangesText,
        Unstorable::TooDeep => InvalidEvent::TooDeep,
        Unstorable::Number => InvalidEvent::Number,
    })?;
    Ok(Some(json))
}

impl From<EntryError> for InvalidEvent {
    fn from(error: EntryError) -> Self {
        match error {
            EntryError::TooLong => Self::TooLarge,
            EntryError::Time => Self::OccurredAt,
        }
    }
}

/// Whether a text has at least one character and not too many, all of which PostgreSQL can store.
pub(crate) fn fits(text: &str, chars_max: usize) -> bool {
    !text.is_empty() && text.chars().count() <= chars_max && !text.contains('\0')
}
