//! An order as the log of its account tells of it.

use platform_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Event, Order};

/// What is stored of an order beside what the rules decide on. Each of its events says what it is after the event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRecord {
    /// 1 as the order is taken in, and one more after each change. The events of one change have the same.
    pub version: i32,
    /// The client's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_order_id: Option<String>,
    /// When the session opens that it waits for, or waited for.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub opens_at: Option<Timestamp>,
    /// When it ends by itself.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub expires_at: Option<Timestamp>,
    /// When a change sent it to the end of its queue.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub requeued_at: Option<Timestamp>,
}

impl OrderRecord {
    /// Whether this can be the record after the event, when `before` was the one before it.
    pub(super) fn follows(&self, before: Option<&Self>, event: &Event) -> bool {
        let Some(before) = before else {
            return !matches!(event, Event::Accepted { .. })
                || (self.version == 1 && self.requeued_at.is_none());
        };
        let (replaced, requeued) = match event {
            Event::Replaced { keeps_priority, .. } => (true, !keeps_priority),
            _ => (false, false),
        };
        let is_next = before.version.checked_add(1) == Some(self.version);
        (self.version == before.version || is_next)
            && self.client_order_id == before.client_order_id
            && self.opens_at == before.opens_at
            && (replaced || self.expires_at == before.expires_at)
            && (requeued || self.requeued_at == before.requeued_at)
    }
}

/// An order with its record and its times.
///
/// What the log of an order does not say is `None` and is not judged: a release that wrote no records has written its last event, or the
/// order is older than the log of its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookedOrder {
    /// What the rules decide on.
    pub order: Order,
    /// What is stored beside it.
    pub record: Option<OrderRecord>,
    /// When it was taken in.
    pub accepted_at: Option<Timestamp>,
    /// When the last thing happened to it.
    pub updated_at: Option<Timestamp>,
}

impl BookedOrder {
    /// Whether this is the other order, as far as this one is known.
    pub fn agrees_with(&self, other: &Self) -> bool {
        fn agrees<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
            one.is_none() || one == other
        }
        self.order == other.order
            && agrees(self.record.as_ref(), other.record.as_ref())
            && agrees(self.accepted_at.as_ref(), other.accepted_at.as_ref())
            && agrees(self.updated_at.as_ref(), other.updated_at.as_ref())
    }
}
