//! Tickets: what a browser shows instead of a header.

mod memory;
#[cfg(feature = "redis")]
mod redis;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};

use super::Identity;
use crate::http::Problem;
use crate::{Sources, Timestamp};

pub use memory::MemoryTickets;
#[cfg(feature = "redis")]
pub use redis::RedisTickets;

/// How long a ticket is good for.
const TTL: Duration = Duration::from_secs(30);

const RANDOM_BYTES: usize = 32;

/// Makes tickets and takes them, each once: an authenticated request gets one, and whoever opens a WebSocket with it within 30 seconds is
/// taken for who asked. Cheap to clone.
///
/// A ticket is 256 random bits, written in 43 characters of base64url. Only its SHA-256 is kept; that needs no key, since nobody guesses
/// what is behind it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use platform_core::hub::{Identity, MemoryTickets, Tickets};
/// use platform_core::secrecy::ExposeSecret;
/// use platform_core::{PrincipalId, Sources, TenantId};
///
/// let sources = Sources::system();
/// let tickets = Tickets::new(MemoryTickets::default(), &sources);
/// let (tenant, principal) = (TenantId::generate(&sources), PrincipalId::generate(&sources));
/// let identity = Identity { tenant, principal, session: None, api_key: None, permissions: vec![] };
///
/// let ticket = tickets.issue(&identity).await?;
/// let shown = ticket.secret.expose_secret();
/// assert_eq!(tickets.redeem(shown).await?, Some(identity));
/// assert_eq!(tickets.redeem(shown).await?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Tickets {
    store: Arc<dyn TicketStore>,
    sources: Sources,
}

/// A ticket that was made.
#[derive(Debug, Clone)]
pub struct Ticket {
    /// What is shown.
    pub secret: SecretString,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// The SHA-256 of a ticket: what is kept of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TicketHash([u8; 32]);

/// Keeps tickets until they are taken or are no longer good.
#[async_trait]
pub trait TicketStore: Send + Sync + 'static {
    /// Keeps a ticket until it expires, `ttl` from now.
    async fn put(
        &self,
        hash: TicketHash,
        identity: &Identity,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<(), TicketError>;

    /// Takes a ticket out: of any number who ask at the same time, one gets it.
    async fn take(&self, hash: TicketHash, now: Timestamp) -> Result<Option<Identity>, TicketError>;
}

/// A ticket could not be made, or it could not be found out whether one is good.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TicketError {
    /// As many are waiting to be used as may be.
    #[error("too many tickets are unused")]
    TooMany,
    /// The store is not reached: nobody gets in by a ticket.
    #[error("the store of tickets is not reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Tickets {
    /// Tickets that are kept in a store.
    pub fn new(store: impl TicketStore, sources: &Sources) -> Self {
        Self {
            store: Arc::new(store),
            sources: sources.clone(),
        }
    }

    /// Makes a ticket for somebody who has authenticated.
    ///
    /// # Errors
    /// [`TicketError`], answered 503.
    pub async fn issue(&self, identity: &Identity) -> Result<Ticket, TicketError> {
        let now = self.sources.now();
        let random: [u8; RANDOM_BYTES] = self.sources.bytes();
        let secret = BASE64_URL_SAFE_NO_PAD.encode(random);
        self.store
            .put(TicketHash::of(&secret), identity, now, TTL)
            .await?;
        Ok(Ticket {
            secret: secret.into(),
            expires_at: now + TTL,
        })
    }

    /// Takes a ticket that is shown. `None` when there is no such ticket, it has been used, or it is too old.
    ///
    /// # Errors
    /// [`TicketError::Unavailable`]: nobody is let in.
    pub async fn redeem(&self, shown: &str) -> Result<Option<Identity>, TicketError> {
        // What cannot be a ticket is not looked up.
        if shown.len() != (RANDOM_BYTES * 8).div_ceil(6) {
            return Ok(None);
        }
        self.store.take(TicketHash::of(shown), self.sources.now()).await
    }
}

impl Ticket {
    /// The text of it, to be answered to who asked and to nobody else.
    pub fn expose(&self) -> &str {
        self.secret.expose_secret()
    }
}

impl TicketHash {
    fn of(shown: &str) -> Self {
        Self(Sha256::digest(shown.as_bytes()).into())
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl TicketError {
    /// A stable word for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooMany => "too_many_tickets",
            Self::Unavailable(_) => "tickets_unavailable",
        }
    }
}

impl From<TicketError> for Problem {
    fn from(error: TicketError) -> Self {
        tracing::error!(error = %crate::error_chain(&error), "a ticket was neither made nor taken");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error.code(), error.to_string())
            .retry_after(Duration::from_secs(1))
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets").finish_non_exhaustive()
    }
}
