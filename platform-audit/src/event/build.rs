//! An event before it is recorded.

use std::borrow::Cow;

use platform_core::Timestamp;
use serde_json::Value;

use crate::{
    Action, Activity, Changes, EventId, InvalidEvent, Outcome, Retention, Severity, Target, Visibility,
};

/// An event before it is recorded. Who, when and from where come from the request context.
///
/// Personal data does not belong in the clear into an event, which nobody can erase: mask it with `platform_crypto`, or seal it in the
/// event's [`Changes`].
///
/// ```
/// use platform_audit::{Action, Activity, Event, Outcome};
///
/// const CANCELLED: Action = Action::new("order.cancel");
/// let event = Event::new(CANCELLED, Outcome::Failure)
///     .activity(Activity::Update)
///     .target("order", "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12")
///     .reason("already_filled")
///     .detail(serde_json::json!({ "filled_lots": 3 }));
/// assert!(event.check().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub(crate) id: Option<EventId>,
    pub(crate) action: Action,
    pub(crate) version: u16,
    pub(crate) activity: Activity,
    pub(crate) outcome: Outcome,
    pub(crate) reason: Option<Cow<'static, str>>,
    pub(crate) severity: Severity,
    pub(crate) targets: Vec<Target>,
    pub(crate) changes: Option<Changes>,
    pub(crate) detail: Option<Value>,
    pub(crate) retention: Retention,
    pub(crate) visibility: Visibility,
    pub(crate) occurred_at: Option<Timestamp>,
}

impl Event {
    /// An event that happens now: of version 1 of its action, [`Activity::Other`], [`Severity::Informational`],
    /// [`Retention::REGULATORY`] and [`Visibility::Tenant`], without targets, reason, changes and detail.
    pub fn new(action: Action, outcome: Outcome) -> Self {
        Self {
            id: None,
            action,
            version: 1,
            activity: Activity::Other,
            outcome,
            reason: None,
            severity: Severity::Informational,
            targets: Vec::new(),
            changes: None,
            detail: None,
            retention: Retention::REGULATORY,
            visibility: Visibility::Tenant,
            occurred_at: None,
        }
    }

    /// Names the event, so that recording it again is noticed. A UUIDv7 of the past, or of the next day at most.
    #[must_use]
    pub fn id(mut self, id: EventId) -> Self {
        self.id = Some(id);
        self
    }

    /// Says of which version of the action the detail is; 1 to [`ACTION_VERSION_MAX`](crate::ACTION_VERSION_MAX).
    #[must_use]
    pub fn version(mut self, version: u16) -> Self {
        self.version = version;
        self
    }

    /// Says what sort of thing was done.
    #[must_use]
    pub fn activity(mut self, activity: Activity) -> Self {
        self.activity = activity;
        self
    }

    /// Says how much it should worry whoever reads it.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
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

    /// Adds what was changed. No changes at all are left out. Changes that were sealed for an event give it that event's id.
    #[must_use]
    pub fn changes(mut self, changes: Changes) -> Self {
        self.id = self.id.or_else(|| changes.event());
        self.changes = (!changes.is_empty()).then_some(changes);
        self
    }

    /// Adds what else an auditor needs to understand the event.
    #[must_use]
    pub fn detail(mut self, detail: Value) -> Self {
        self.detail = Some(detail);
        self
    }

    /// Says how long it is kept.
    #[must_use]
    pub fn retention(mut self, class: Retention) -> Self {
        self.retention = class;
        self
    }

    /// Says who may read it.
    #[must_use]
    pub fn visibility(mut self, visibility: Visibility) -> Self {
        self.visibility = visibility;
        self
    }

    /// Says when it happened, where that was not just now.
    #[must_use]
    pub fn occurred_at(mut self, at: Timestamp) -> Self {
        self.occurred_at = Some(at);
        self
    }

    /// Checks the bounds, as recording does before it talks to the database.
    ///
    /// # Errors
    /// [`InvalidEvent`] names the first bound that is broken.
    pub fn check(&self) -> Result<(), InvalidEvent> {
        super::check::check(self).map(drop)
    }
}
