//! The bounds of the stream, and what it shares with other instances.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use platform_core::bus::Bus;
use platform_core::http::Authenticate;
use platform_core::hub::{Access, HubConfig, Liveness, Presence, Tickets, WatchConfig};

/// The bounds of the stream.
#[derive(Debug, Clone, Copy)]
pub struct StreamConfig {
    /// The bounds of the hub and of each connection. Messages of clients may have 16 KiB, for a thousand symbols; quotes are for anybody.
    pub hub: HubConfig,
    /// How often accounts that are followed are looked at for new events, besides when this instance has changed one: every 500 ms.
    pub accounts_every: Duration,
    /// How those who have signed in are watched, where somebody knows whether they may stay.
    pub watch: WatchConfig,
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            hub: HubConfig {
                access: Access::Public,
                message_bytes_max: 16 * 1024,
                subscriptions_max: 10_000,
                ..HubConfig::default()
            },
            accounts_every: Duration::from_millis(500),
            watch: WatchConfig::default(),
        }
    }
}

/// What the stream works with besides the brokerage. Without any of it there are tickets of this process, and nobody signs in by a message.
#[derive(Clone, Default)]
pub struct StreamBackends {
    /// Who verifies the token of an `auth` message: what also verifies the credentials of requests.
    pub authenticate: Option<Arc<dyn Authenticate>>,
    /// Who knows whether those who have signed in may stay.
    pub liveness: Option<Arc<dyn Liveness>>,
    /// Tickets that all instances take.
    pub tickets: Option<Tickets>,
    /// Where instances tell each other of events.
    pub bus: Option<Bus>,
    /// Where it is told who is connected.
    pub presence: Option<Presence>,
}

impl fmt::Debug for StreamBackends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamBackends")
            .field("authenticates", &self.authenticate.is_some())
            .field("watches", &self.liveness.is_some())
            .field("bus", &self.bus)
            .finish_non_exhaustive()
    }
}
