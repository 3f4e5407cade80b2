//! Which events are wanted.

use platform_core::time::UtcOffset;
use platform_core::{PrincipalId, RequestId, Timestamp};
use serde::Serialize;

use crate::{Outcome, Severity};

const ACTION_BYTES_MAX: usize = 64;
const TARGET_KIND_CHARS_MAX: usize = 64;
const TARGET_ID_CHARS_MAX: usize = 256;

/// Which events are wanted: those to which every condition applies. Without conditions, all.
///
/// ```
/// use platform_audit::{EventFilter, Outcome};
///
/// let refused_orders = EventFilter::new().action("order.").outcome(Outcome::Denied);
/// assert!(refused_orders.check().is_ok());
/// assert!(EventFilter::new().action("Order!").check().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct EventFilter {
    #[serde(with = "platform_core::time::serde::rfc3339::option")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recorded_from: Option<Timestamp>,
    #[serde(with = "platform_core::time::serde::rfc3339::option")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recorded_to: Option<Timestamp>,
    #[serde(with = "platform_core::time::serde::rfc3339::option")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) occurred_from: Option<Timestamp>,
    #[serde(with = "platform_core::time::serde::rfc3339::option")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) occurred_to: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) actor_id: Option<PrincipalId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) action: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target_kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) severity: Option<Severity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<RequestId>,
}

/// A filter that no event can pass, or that means nothing. Nothing was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidFilter {
    /// A range of time ends where it begins or before.
    #[error("the range of {0} ends before it begins")]
    Range(&'static str),
    /// A time is outside of the years 1 to 9999.
    #[error("{0} is not in the years 1 to 9999")]
    Time(&'static str),
    /// The action is not like `order.place`, and not the beginning of one like `order.` either.
    #[error("an action is like order.place, or order. for all that begin so")]
    Action,
    /// The target's kind or id is empty, too long or holds the character U+0000, or there is an id without a kind.
    #[error("a target has a kind of 1 to 64 and an id of 1 to 256 characters")]
    Target,
}

impl EventFilter {
    /// All events.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stored at this time or later, by the database's clock.
    #[must_use]
    pub const fn recorded_from(mut self, at: Timestamp) -> Self {
        self.recorded_from = Some(at);
        self
    }

    /// Stored before this time, by the database's clock.
    #[must_use]
    pub const fn recorded_to(mut self, at: Timestamp) -> Self {
        self.recorded_to = Some(at);
        self
    }

    /// Happened at this time or later, by the program's clock.
    #[must_use]
    pub const fn occurred_from(mut self, at: Timestamp) -> Self {
        self.occurred_from = Some(at);
        self
    }

    /// Happened before this time, by the program's clock.
    #[must_use]
    pub const fn occurred_to(mut self, at: Timestamp) -> Self {
        self.occurred_to = Some(at);
        self
    }

    /// Done by this principal.
    #[must_use]
    pub const fn actor(mut self, id: PrincipalId) -> Self {
        self.actor_id = Some(id);
        self
    }

    /// This action, or with a dot at its end every action that begins so: `order.place`, `order.`.
    #[must_use]
    pub fn action(mut self, name: impl Into<String>) -> Self {
        self.action = Some(name.into());
        self
    }

    /// Done to this, be it the first of the event's targets or another.
    #[must_use]
    pub fn target(mut self, kind: impl Into<String>, id: impl Into<String>) -> Self {
        self.target_kind = Some(kind.into());
        self.target_id = Some(id.into());
        self
    }

    /// Done to something of this kind, be it the first of the event's targets or another.
    #[must_use]
    pub fn target_kind(mut self, kind: impl Into<String>) -> Self {
        self.target_kind = Some(kind.into());
        self.target_id = None;
        self
    }

    /// Ended so.
    #[must_use]
    pub const fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = Some(outcome);
        self
    }

    /// Of this severity.
    #[must_use]
    pub const fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// Recorded while this request was served.
    #[must_use]
    pub const fn request(mut self, id: RequestId) -> Self {
        self.request_id = Some(id);
        self
    }

    /// Checks that the conditions can be met, as searching and exporting do before they talk to the database.
    ///
    /// # Errors
    /// [`InvalidFilter`] names the first that cannot.
    pub fn check(&self) -> Result<(), InvalidFilter> {
        check_range("recorded_at", self.recorded_from, self.recorded_to)?;
        check_range("occurred_at", self.occurred_from, self.occurred_to)?;
        if let Some(action) = &self.action
            && !is_action_or_beginning(action)
        {
            return Err(InvalidFilter::Action);
        }
        let kind_fits = fits(self.target_kind.as_deref(), TARGET_KIND_CHARS_MAX);
        let id_fits = fits(self.target_id.as_deref(), TARGET_ID_CHARS_MAX);
        let id_has_kind = self.target_id.is_none() || self.target_kind.is_some();
        if kind_fits && id_fits && id_has_kind {
            Ok(())
        } else {
            Err(InvalidFilter::Target)
        }
    }

    /// The action that is wanted, unless it is the beginning of several.
    pub(crate) fn whole_action(&self) -> Option<&str> {
        self.action.as_deref().filter(|action| !action.ends_with('.'))
    }

    /// What the action begins with.
    pub(crate) fn action_beginning(&self) -> Option<&str> {
        self.action.as_deref().filter(|action| action.ends_with('.'))
    }
}

fn check_range(
    column: &'static str,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Result<(), InvalidFilter> {
    let can_be_stored = |at: &Timestamp| {
        let utc = at.checked_to_offset(UtcOffset::UTC);
        utc.is_some_and(|at| (1..=9999).contains(&at.year()))
    };
    if !from.iter().chain(&to).all(can_be_stored) {
        return Err(InvalidFilter::Time(column));
    }
    match (from, to) {
        (Some(from), Some(to)) if from >= to => Err(InvalidFilter::Range(column)),
        _ => Ok(()),
    }
}

fn is_action_or_beginning(action: &str) -> bool {
    let words = action.strip_suffix('.').unwrap_or(action);
    let is_word = |word: &str| {
        let mut chars = word.chars();
        chars.next().is_some_and(|c| c.is_ascii_lowercase())
            && chars.all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_'))
    };
    let is_whole = words.contains('.');
    action.len() <= ACTION_BYTES_MAX
        && words.split('.').all(is_word)
        && (is_whole || words.len() < action.len())
}

fn fits(text: Option<&str>, chars_max: usize) -> bool {
    text.is_none_or(|text| !text.is_empty() && text.chars().count() <= chars_max && !text.contains('\0'))
}
