//! The WebSocket: quotes for everybody, and what happens to their account for those who have signed in.

mod account;
mod config;
mod messages;
mod protocol;
mod quotes;
mod routes;

use std::sync::Arc;

use platform_core::bus::Bus;
use platform_core::hub::{Hub, MemoryTickets, Presence, Tickets};
use platform_core::metrics::Metrics;
use platform_core::runtime::CancellationToken;
use platform_core::{Permission, Sources};

use self::account::AccountHistory;
use self::protocol::StreamProtocol;
use self::quotes::QuoteFeed;
use crate::{TRADE, Trading};

pub(super) use account::follow_accounts;
pub use config::{StreamBackends, StreamConfig};
pub(super) use routes::{__path_issue_ticket, __path_open, issue_ticket, open};

/// The permissions that a stream asks about when somebody signs in. Whoever loses one of those that they had then is disconnected, where
/// [`StreamBackends::liveness`] says so.
pub const STREAM_PERMISSIONS: [Permission; 1] = [TRADE];

/// What the stream's handlers share.
#[derive(Clone)]
pub(super) struct Streams {
    hub: Hub,
    tickets: Tickets,
    protocol: Arc<StreamProtocol>,
    quotes: Arc<QuoteFeed>,
}

impl Streams {
    pub(super) fn new(
        trading: &Trading,
        (config, backends): (StreamConfig, &StreamBackends),
        (metrics, sources, stop): (&Metrics, &Sources, &CancellationToken),
    ) -> Self {
        let history = Arc::new(AccountHistory::new(trading));
        let mut hub = Hub::builder(config.hub, sources.clone(), metrics)
            .history(history)
            .stop(stop);
        if let Some(presence) = &backends.presence {
            hub = hub.presence(Presence::clone(presence));
        }
        if let Some(bus) = &backends.bus {
            hub = hub.bus(Bus::clone(bus));
        }
        let hub = hub.build();
        let tickets = backends.tickets.clone();
        let tickets = tickets.unwrap_or_else(|| Tickets::new(MemoryTickets::default(), sources));
        let quotes = Arc::new(QuoteFeed::new(trading.board()));
        let protocol = StreamProtocol::new(trading, quotes.board(), &tickets, backends);
        Self {
            hub,
            tickets,
            protocol: Arc::new(protocol),
            quotes,
        }
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.hub
    }
}
