//! What is spoken over a connection.

use async_trait::async_trait;

use super::Link;

/// What a service's clients say and are answered. One value serves every connection; what belongs to a connection is in its [`Link`].
///
/// A call has [`HubConfig::work_timeout`](super::HubConfig::work_timeout) to return, and is dropped when the connection ends meanwhile.
/// While it works, nothing else is read from the client or sent to it.
#[async_trait]
pub trait Protocol: Send + Sync + 'static {
    /// The connection is open. Whoever authenticated with the request is in [`Link::identity`].
    async fn opened(&self, link: &mut Link) {
        let _ = link;
    }

    /// The client says something, of at most [`HubConfig::message_bytes_max`](super::HubConfig::message_bytes_max) bytes.
    async fn heard(&self, link: &mut Link, text: &str);
}
