//! What an event says, and the bounds it keeps.

use std::borrow::Cow;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The most bytes of compact JSON that an event's detail may take.
pub const DETAIL_BYTES_MAX: usize = 16 * 1024;

/// The most targets that an event may name.
pub const TARGETS_MAX: usize = 16;

const ACTION_BYTES_MAX: usize = 64;
const REASON_CHARS_MAX: usize = 128;
const TARGET_KIND_CHARS_MAX: usize = 64;
const TARGET_ID_CHARS_MAX: usize = 256;

/// What was done, named `module.verb` in lower case: `order.place`, `auth.sign_in`.
///
/// ```
/// use platform_audit::Action;
///
/// const PLACED: Action = Action::new("order.place");
/// assert_eq!(PLACED.name(), "order.place");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Action(&'static str);

impl Action {
    /// Declares an action. Make it a `const`, so that a wrong name does not compile.
    ///
    /// # Panics
    /// When the name is not two or more words of `a-z`, `0-9` and `_`, each beginning with a letter, joined by dots, of 64 bytes at most.
    pub const fn new(name: &'static str) -> Self {
        assert!(
            well_formed(name.as_bytes()),
            "an action is named like module.verb, in lower case"
        );
        Self(name)
    }

    /// Its stable name.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was tried and did not succeed.
    Failure,
    /// The actor was not allowed to.
    Denied,
}

impl Outcome {
    /// The word that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Denied => "denied",
        }
    }
}

/// A stored outcome is none of the words that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an outcome is success, failure or denied")]
pub struct UnknownOutcome;

impl FromStr for Outcome {
    type Err = UnknownOutcome;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "success" => Ok(Self::Success),
            "failure" => Ok(Self::Failure),
            "denied" => Ok(Self::Denied),
            _ => Err(UnknownOutcome),
        }
    }
}

/// What it was done to: a kind such as `order`, and the id that kind is known by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The kind, 1 to 64 characters.
    pub kind: Cow<'static, str>,
    /// The id, 1 to 256 characters.
    pub id: String,
}

/// An event before it is recorded. Who, when and from where come from the request context.
///
/// Personal data does not belong in the clear into an event, which nobody can erase: mask it with `platform_crypto`.
///
/// ```
/// use platform_audit::{Action, Event, Outcome};
///
/// const CANCELLED: Action = Action::new("order.cancel");
/// let event = Event::new(CANCELLED, Outcome::Failure)
///     .target("order", "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12")
///     .reason("already_filled")
///     .detail(serde_json::json!({ "filled_lots": 3 }));
/// assert!(event.check().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub(crate) action: Action,
    pub(crate) outcome: Outcome,
    pub(crate) reason: Option<Cow<'static, str>>,
    pub(crate) targets: Vec<Target>,
    pub(crate) detail: Option<Value>,
}

/// An event breaks one of the bounds. It was not recorded; the caller's code has to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEvent {
    /// More than [`TARGETS_MAX`] targets.
    #[error("an event names at most {TARGETS_MAX} targets")]
    TooManyTargets,
    /// A target's kind or id is empty, too long or holds the character U+0000.
    #[error("a target has a kind of 1 to 64 and an id of 1 to 256 characters")]
    Target,
    /// The reason is empty, too long or holds the character U+0000.
    #[error("a reason has 1 to 128 characters")]
    Reason,
    /// The detail takes more than [`DETAIL_BYTES_MAX`] bytes.
    #[error("a detail takes at most {DETAIL_BYTES_MAX} bytes of compact json")]
    DetailTooLarge,
    /// The detail holds the character U+0000, which PostgreSQL cannot store.
    #[error("a detail cannot hold the character u+0000")]
    DetailText,
}

impl Event {
    /// An event without targets, reason and detail.
    pub fn new(action: Action, outcome: Outcome) -> Self {
        Self {
            action,
            outcome,
            reason: None,
            targets: Vec::new(),
            detail: None,
        }
    }

    /// Adds a target. The event is found again under the first.
    #[must_use]
    pub fn target(mut self, kind: impl Into<Cow<'static, str>>, id: impl Into<String>) -> Self {
        self.targets.push(Target {
            kind: kind.into(),
            id: id.into(),
        });
        self
    }

    /// Says why it failed or was refused, as a short stable code.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<Cow<'static, str>>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Adds what else an auditor needs to understand the event.
    #[must_use]
    pub fn detail(mut self, detail: Value) -> Self {
        self.detail = Some(detail);
        self
    }

    /// Checks the bounds, as recording does before it talks to the database.
    ///
    /// # Errors
    /// [`InvalidEvent`] names the first bound that is broken.
    pub fn check(&self) -> Result<(), InvalidEvent> {
        if self.targets.len() > TARGETS_MAX {
            return Err(InvalidEvent::TooManyTargets);
        }
        let target_fits = |target: &Target| {
            fits(&target.kind, TARGET_KIND_CHARS_MAX) && fits(&target.id, TARGET_ID_CHARS_MAX)
        };
        if !self.targets.iter().all(target_fits) {
            return Err(InvalidEvent::Target);
        }
        if self
            .reason
            .as_deref()
            .is_some_and(|reason| !fits(reason, REASON_CHARS_MAX))
        {
            return Err(InvalidEvent::Reason);
        }
        self.detail.as_ref().map_or(Ok(()), check_detail)
    }
}

fn check_detail(detail: &Value) -> Result<(), InvalidEvent> {
    let bytes = serde_json::to_vec(detail).map_err(|_| InvalidEvent::DetailTooLarge)?;
    if bytes.len() > DETAIL_BYTES_MAX {
        return Err(InvalidEvent::DetailTooLarge);
    }
    let mut values = vec![detail];
    while let Some(value) = values.pop() {
        match value {
            Value::String(text) if text.contains('\0') => return Err(InvalidEvent::DetailText),
            Value::Array(items) => values.extend(items),
            Value::Object(fields) if fields.keys().any(|name| name.contains('\0')) => {
                return Err(InvalidEvent::DetailText);
            }
            Value::Object(fields) => values.extend(fields.values()),
            _ => {}
        }
    }
    Ok(())
}

fn fits(text: &str, chars_max: usize) -> bool {
    !text.is_empty() && text.chars().count() <= chars_max && !text.contains('\0')
}

const fn well_formed(name: &[u8]) -> bool {
    let mut words = 1;
    let mut at_word_start = true;
    let mut at = 0;
    while at < name.len() {
        match name[at] {
            b'a'..=b'z' => at_word_start = false,
            b'0'..=b'9' | b'_' if !at_word_start => {}
            b'.' if !at_word_start => {
                words += 1;
                at_word_start = true;
            }
            _ => return false,
        }
        at += 1;
    }
    words >= 2 && !at_word_start && name.len() <= ACTION_BYTES_MAX
}
