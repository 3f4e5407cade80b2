//! Holds: what keeps events from being deleted although their time is over.

use platform_core::{PrincipalId, Timestamp};

use super::InvalidHold;

platform_core::id_type! {
    /// Names a hold on events.
    pub struct HoldId;
}

const REASON_CHARS_MAX: usize = 256;
const TARGET_KIND_CHARS_MAX: usize = 64;
const TARGET_ID_CHARS_MAX: usize = 256;

/// A hold before it is placed: on all events of the tenant, narrowed by every condition that is added.
///
/// ```
/// use platform_audit::NewHold;
///
/// let hold = NewHold::new("case 2026-117").target("account", "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12");
/// assert!(hold.check().is_ok());
/// assert!(NewHold::new(" ").check().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHold {
    pub(super) reason: String,
    pub(super) scope: HoldScope,
}

/// Which events a hold is on: those to which every condition applies that is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HoldScope {
    /// One of the event's targets is of this kind.
    pub target_kind: Option<String>,
    /// The same target has this id.
    pub target_id: Option<String>,
    /// It was done by or on behalf of this principal.
    pub actor: Option<PrincipalId>,
    /// It was stored at this time or later, by the database's clock.
    pub recorded_from: Option<Timestamp>,
    /// It was stored before this time.
    pub recorded_to: Option<Timestamp>,
}

/// A hold as it stands in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hold {
    /// Names it.
    pub id: HoldId,
    /// The matter, such as the reference of a case.
    pub reason: String,
    /// Which events it is on.
    pub scope: HoldScope,
    /// Since when, by the database's clock.
    pub placed_at: Timestamp,
    /// Until when; `None` while it stands.
    pub released_at: Option<Timestamp>,
}

impl NewHold {
    /// A hold on everything of the tenant. The reason is kept in the trail for good: nothing personal.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            scope: HoldScope::default(),
        }
    }

    /// Only events with this target, be it the first or another.
    #[must_use]
    pub fn target(mut self, kind: impl Into<String>, id: impl Into<String>) -> Self {
        self.scope.target_kind = Some(kind.into());
        self.scope.target_id = Some(id.into());
        self
    }

    /// Only events with a target of this kind.
    #[must_use]
    pub fn target_kind(mut self, kind: impl Into<String>) -> Self {
        self.scope.target_kind = Some(kind.into());
        self.scope.target_id = None;
        self
    }

    /// Only what was done by or on behalf of this principal.
    #[must_use]
    pub const fn actor(mut self, actor: PrincipalId) -> Self {
        self.scope.actor = Some(actor);
        self
    }

    /// Only what was stored at this time or later.
    #[must_use]
    pub const fn recorded_from(mut self, at: Timestamp) -> Self {
        self.scope.recorded_from = Some(at);
        self
    }

    /// Only what was stored before this time.
    #[must_use]
    pub const fn recorded_to(mut self, at: Timestamp) -> Self {
        self.scope.recorded_to = Some(at);
        self
    }

    /// Checks the bounds, as placing it does before it talks to the database.
    ///
    /// # Errors
    /// [`InvalidHold`] names the first bound that is broken.
    pub fn check(&self) -> Result<(), InvalidHold> {
        if !is_text(self.reason.trim(), REASON_CHARS_MAX) {
            return Err(InvalidHold::Reason);
        }
        let scope = &self.scope;
        let kind_fits = scope
            .target_kind
            .as_deref()
            .is_none_or(|kind| is_text(kind, TARGET_KIND_CHARS_MAX));
        let id_fits = scope
            .target_id
            .as_deref()
            .is_none_or(|id| is_text(id, TARGET_ID_CHARS_MAX));
        if !kind_fits || !id_fits {
            return Err(InvalidHold::Target);
        }
        let mut ends = scope.recorded_from.iter().chain(&scope.recorded_to);
        if ends.any(|at| !(1..=9999).contains(&at.to_utc().year())) {
            return Err(InvalidHold::Time);
        }
        match (scope.recorded_from, scope.recorded_to) {
            (Some(from), Some(to)) if from >= to => Err(InvalidHold::Range),
            _ => Ok(()),
        }
    }
}

/// PostgreSQL stores no U+0000, and a reason is printed to terminals.
fn is_text(text: &str, chars_max: usize) -> bool {
    !text.is_empty() && text.chars().count() <= chars_max && !text.contains(char::is_control)
}
