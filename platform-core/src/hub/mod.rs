//! A hub of WebSockets: what is published once reaches every connection that follows it, and none of them makes memory grow.
//!
//! A service publishes in two ways. On a [`Board`] only the newest text under each key counts: a slow client gets the newest and not those
//! between. In an ordered topic ([`Hub::publish`]) every event counts: a client that is too slow is closed with a reason, connects again
//! and resumes after the last number it saw, from a [`History`] that the service keeps; so does a connection that finds a gap in what it
//! is told. A client is sent every event once and in order.
//!
//! What clients say is a [`Protocol`] of the service's, which acts on the client's [`Link`]. Whoever has authenticated has an
//! [`Identity`], and follows topics of its tenant and public ones. A browser, which cannot send a header with a WebSocket, shows a
//! [ticket](Tickets). Everything about a connection is bounded by a [`HubConfig`], whatever its client does, and so is how many of them one
//! address, one principal and one tenant have.
//!
//! ```no_run
//! use std::sync::Arc;
//! use async_trait::async_trait;
//! use platform_core::Sources;
//! use platform_core::axum::extract::State;
//! use platform_core::axum::response::Response;
//! use platform_core::axum::{Router, routing::get};
//! use platform_core::bus::Topic;
//! use platform_core::http::{HttpConfig, HttpStack, Meta, Problem};
//! use platform_core::hub::{Access, Frame, Handshake, Hub, HubConfig, Link, Opening, Protocol, Since};
//! use platform_core::metrics::Metrics;
//!
//! /// Whoever says anything follows the news.
//! struct News(Topic);
//!
//! #[async_trait]
//! impl Protocol for News {
//!     async fn heard(&self, link: &mut Link, _: &str) {
//!         if let Err(error) = link.follow(&self.0, Since::Now).await {
//!             link.say(Frame::text(error.code()));
//!         }
//!     }
//! }
//!
//! async fn open(
//!     State((hub, news)): State<(Hub, Arc<News>)>,
//!     Meta(meta): Meta,
//!     handshake: Handshake,
//! ) -> Result<Response, Problem> {
//!     Ok(hub.accept(handshake, news, Opening::anonymous(meta))?)
//! }
//!
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let config = HubConfig { access: Access::Public, ..HubConfig::default() };
//! let metrics = Metrics::new();
//! let hub = Hub::builder(config, Sources::system(), &metrics).build();
//! let news = Topic::public("news")?;
//! let routes: Router = Router::new()
//!     .route("/ws", get(open))
//!     .with_state((hub.clone(), Arc::new(News(news.clone()))));
//! let app = HttpStack::new(HttpConfig::default(), Sources::system(), &metrics).wrap(routes);
//!
//! hub.publish(&news, 1, &Frame::text("hello")).await?;
//! # let _ = app;
//! # Ok(()) }
//! ```

mod board;
mod builder;
mod close;
mod config;
mod connection;
mod error;
mod facade;
mod frame;
mod handshake;
mod heartbeat;
mod history;
mod identity;
mod lane;
mod link;
mod liveness;
mod mailbox;
mod metrics;
mod opening;
mod pace;
mod place;
mod presence;
mod protocol;
mod registry;
mod relay;
mod send;
mod socket;
mod ticket;
mod wire;

pub use board::{Board, Framing};
pub use builder::HubBuilder;
pub use close::CloseReason;
pub use config::{Access, HubConfig};
pub use error::HubError;
pub use facade::{Drained, Hub};
pub use frame::Frame;
pub use handshake::Handshake;
pub use history::{History, Recorded, Since};
pub use identity::Identity;
pub use link::Link;
pub use liveness::{Liveness, Verdict, WatchConfig};
pub use opening::Opening;
#[cfg(feature = "redis")]
pub use presence::RedisPresence;
pub use presence::{MemoryPresence, Presence, PresenceBackend, PresenceConfig, PresenceError, Present};
pub use protocol::Protocol;
#[cfg(feature = "redis")]
pub use ticket::RedisTickets;
pub use ticket::{MemoryTickets, Ticket, TicketError, TicketHash, TicketStore, Tickets};
