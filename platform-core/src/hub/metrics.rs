//! The metrics of a hub.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::mailbox::Kind;
use super::{CloseReason, HubError};
use crate::metrics::Metrics;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Open {
    /// `true` or `false`.
    authenticated: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Sent {
    /// `reply`, `ordered` or `conflated`.
    policy: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Closed {
    /// The word of a [`CloseReason`].
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    /// The code of a [`HubError`].
    reason: &'static str,
}

/// Every label has few values, whatever clients do.
#[derive(Debug, Clone)]
pub(super) struct HubMetrics {
    anonymous: Gauge,
    authenticated: Gauge,
    replies: Counter,
    ordered: Counter,
    boards: Counter,
    conflated: Counter,
    closed: Family<Closed, Counter>,
    refused: Family<Refused, Counter>,
}

impl HubMetrics {
    pub(super) fn registered(metrics: &Metrics) -> Self {
        let (open, sent) = (
            Family::<Open, Gauge>::default(),
            Family::<Sent, Counter>::default(),
        );
        let connections = |authenticated| open.get_or_create_owned(&Open { authenticated });
        let messages = |policy| sent.get_or_create_owned(&Sent { policy });
        let own = Self {
            anonymous: connections("false"),
            authenticated: connections("true"),
            replies: messages("reply"),
            ordered: messages("ordered"),
            boards: messages("conflated"),
            conflated: Counter::default(),
            closed: Family::default(),
            refused: Family::default(),
        };
        metrics.register("websocket_connections", "Open WebSockets", open);
        metrics.register("websocket_messages_sent", "Messages sent over WebSockets", sent);
        metrics.register(
            "websocket_updates_conflated",
            "Updates that a newer one replaced before a client took them",
            own.conflated.clone(),
        );
        metrics.register(
            "websocket_connections_closed",
            "WebSockets that ended, by the reason",
            own.closed.clone(),
        );
        metrics.register(
            "websocket_connections_refused",
            "WebSockets that there was no place for, by whose limit was reached",
            own.refused.clone(),
        );
        own
    }

    pub(super) fn opened(&self, is_authenticated: bool) {
        self.open(is_authenticated).inc();
    }

    pub(super) fn authenticated(&self) {
        self.anonymous.dec();
        self.authenticated.inc();
    }

    pub(super) fn ended(&self, was_authenticated: bool) {
        self.open(was_authenticated).dec();
    }

    fn open(&self, authenticated: bool) -> &Gauge {
        if authenticated {
            &self.authenticated
        } else {
            &self.anonymous
        }
    }

    pub(super) fn closed(&self, reason: CloseReason) {
        let reason = reason.as_str();
        self.closed.get_or_create(&Closed { reason }).inc();
    }

    pub(super) fn refused(&self, error: HubError) {
        let reason = error.code();
        self.refused.get_or_create(&Refused { reason }).inc();
    }

    pub(super) fn sent(&self, kind: Kind) {
        match kind {
            Kind::Reply => self.replies.inc(),
            Kind::Ordered => self.ordered.inc(),
            Kind::Conflated => self.boards.inc(),
        };
    }

    pub(super) fn conflated(&self, updates: u64) {
        self.conflated.inc_by(updates);
    }
}
