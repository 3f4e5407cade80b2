//! Tickets that all instances take.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{TicketError, TicketHash, TicketStore};
use crate::Timestamp;
use crate::bus::Redis;
use crate::hub::Identity;

/// Keeps tickets in Redis 6.2 or newer, so that every instance takes those of every other. When it is not reached, nobody gets in by a
/// ticket.
#[derive(Debug, Clone)]
pub struct RedisTickets(Redis);

#[derive(Serialize, Deserialize)]
struct Kept {
    identity: Identity,
    /// In microseconds since 1970: the clock of the service decides, and that of Redis only cleans up.
    expires_at_us: i64,
}

impl RedisTickets {
    /// Tickets in this Redis.
    pub fn new(redis: &Redis) -> Self {
        Self(redis.clone())
    }

    fn key(&self, hash: TicketHash) -> String {
        let hash: String = hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        self.0.key("ticket", hash)
    }
}

#[async_trait]
impl TicketStore for RedisTickets {
    async fn put(
        &self,
        hash: TicketHash,
        identity: &Identity,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<(), TicketError> {
        let kept = Kept {
            identity: identity.clone(),
            expires_at_us: micros(now + ttl),
        };
        let text = serde_json::to_string(&kept).map_err(unavailable)?;
        let mut command = redis::cmd("SET");
        command.arg(self.key(hash)).arg(text).arg("NX");
        command
            .arg("PX")
            .arg(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
        let set: Option<String> = command
            .query_async(&mut self.0.commands())
            .await
            .map_err(unavailable)?;
        set.map(drop).ok_or_else(|| unavailable(Taken))
    }

    async fn take(&self, hash: TicketHash, now: Timestamp) -> Result<Option<Identity>, TicketError> {
        let mut command = redis::cmd("GETDEL");
        command.arg(self.key(hash));
        let text: Option<String> = command
            .query_async(&mut self.0.commands())
            .await
            .map_err(unavailable)?;
        let Some(text) = text else { return Ok(None) };
        let kept: Kept = serde_json::from_str(&text).map_err(unavailable)?;
        Ok((micros(now) < kept.expires_at_us).then_some(kept.identity))
    }
}

fn micros(at: Timestamp) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX)
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> TicketError {
    TicketError::Unavailable(Box::new(error))
}

/// Two tickets of 256 random bits are the same only when the generator is broken.
#[derive(Debug, thiserror::Error)]
#[error("there is such a ticket already")]
struct Taken;
