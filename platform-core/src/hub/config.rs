//! The bounds of a hub.

use std::time::Duration;

use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// The bounds of a [`Hub`](super::Hub) and of each of its connections. Every default is safe in production.
///
/// ```
/// use platform_core::hub::{Access, HubConfig};
///
/// let config = HubConfig { access: Access::Public, ..HubConfig::default() };
/// assert_eq!(config.queue_messages_max, 64);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HubConfig {
    /// Who may stay connected.
    pub access: Access,
    /// Connections at a time; one more is answered 503 `too_many_streams`. 10,000.
    pub connections_max: usize,
    /// Connections at a time on which nobody has authenticated; one more is answered 503 `too_many_anonymous_streams`. The rest of
    /// [`connections_max`](Self::connections_max) is for those who authenticate with the request or show a ticket in it. 8,000.
    pub anonymous_max: usize,
    /// Connections of one source address at a time, of IPv6 of its first 64 bits; one more is answered 429 `too_many_streams_of_address`.
    /// Those whose address nobody knows count as one address. 1,000.
    pub connections_per_address_max: usize,
    /// Authenticated connections of one principal at a time; one more is answered 429 `too_many_streams_of_principal`, or refused when
    /// the principal authenticates on it. 100.
    pub connections_per_principal_max: usize,
    /// Authenticated connections of one tenant at a time; one more is answered 503 `too_many_streams_of_tenant`, or refused when somebody
    /// authenticates on it. 2,000.
    pub connections_per_tenant_max: usize,
    /// Topics and keys that one connection follows at a time. 1,000.
    pub subscriptions_max: usize,
    /// Messages that wait for one client; one more closes the connection (1013). 64.
    pub queue_messages_max: usize,
    /// Bytes that wait for one client. 256 KiB.
    pub queue_bytes_max: usize,
    /// The largest message of a client; a larger one closes the connection. 4 KiB.
    pub message_bytes_max: usize,
    /// Messages of a client in a second, pings and pongs among them; more close the connection. 20.
    pub messages_per_second: u32,
    /// How long a connection may go unauthenticated where it must be. 5 s.
    pub authenticate_within: Duration,
    /// How long the protocol may work on one message, and a read of history may take. 5 s.
    pub work_timeout: Duration,
    /// How often a ping is sent. 30 s.
    pub ping_every: Duration,
    /// A client that has been silent for so long, pongs included, is closed. 75 s.
    pub silence_max: Duration,
    /// A client that does not take a message within this time is closed. 10 s.
    pub send_timeout: Duration,
    /// How long a client is given to close its side. 2 s.
    pub farewell_max: Duration,
    /// Clients of a service that stops are told to wait up to so long, each another time, before they connect again. 10 s.
    pub retry_max: Duration,
    /// Events that one read of history asks for, all of which are in memory at once. 100.
    pub history_page: u32,
    /// Reads of history at a time, of all connections. 32.
    pub history_reads_max: usize,
    /// The buffer for reading, for each connection. 512 bytes, in which most of what clients say has room.
    pub read_buffer_bytes: usize,
    /// What is gathered before it is written, for each connection. 2 KiB.
    pub write_buffer_bytes: usize,
}

/// Who may stay connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody; who authenticates may follow more.
    Public,
    /// Who has authenticated within [`HubConfig::authenticate_within`].
    Authenticated,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            access: Access::Authenticated,
            connections_max: 10_000,
            anonymous_max: 8_000,
            connections_per_address_max: 1_000,
            connections_per_principal_max: 100,
            connections_per_tenant_max: 2_000,
            subscriptions_max: 1_000,
            queue_messages_max: 64,
            queue_bytes_max: 256 * 1024,
            message_bytes_max: 4 * 1024,
            messages_per_second: 20,
            authenticate_within: Duration::from_secs(5),
            work_timeout: Duration::from_secs(5),
            ping_every: Duration::from_secs(30),
            silence_max: Duration::from_secs(75),
            send_timeout: Duration::from_secs(10),
            farewell_max: Duration::from_secs(2),
            retry_max: Duration::from_secs(10),
            history_page: 100,
            history_reads_max: 32,
            read_buffer_bytes: 512,
            write_buffer_bytes: 2 * 1024,
        }
    }
}

impl HubConfig {
    /// The limits of the codec: what is a little too large is still read, so that the client is told why it is closed.
    pub(super) fn codec(&self) -> WebSocketConfig {
        let message_bytes_max = self.message_bytes_max.saturating_mul(4);
        WebSocketConfig::default()
            .max_message_size(Some(message_bytes_max))
            .max_frame_size(Some(message_bytes_max))
            .read_buffer_size(self.read_buffer_bytes)
            .write_buffer_size(self.write_buffer_bytes)
            .max_write_buffer_size(
                self.queue_bytes_max
                    .max(self.write_buffer_bytes.saturating_mul(2)),
            )
    }
}
