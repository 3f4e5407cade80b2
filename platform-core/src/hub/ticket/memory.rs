//! Tickets of one process.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::{TicketError, TicketHash, TicketStore};
use crate::Timestamp;
use crate::hub::Identity;

/// Tickets that are kept.
const TICKETS_MAX: usize = 100_000;

/// Keeps tickets in this process: they are taken where they were made. At most 100,000 at a time.
#[derive(Debug, Default)]
pub struct MemoryTickets(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    tickets: HashMap<TicketHash, (Identity, Timestamp)>,
    /// In the order in which they were made, in which they expire.
    order: VecDeque<(TicketHash, Timestamp)>,
}

#[async_trait]
impl TicketStore for MemoryTickets {
    async fn put(
        &self,
        hash: TicketHash,
        identity: &Identity,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<(), TicketError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.forget(now);
        if kept.order.len() >= TICKETS_MAX {
            return Err(TicketError::TooMany);
        }
        let expires_at = now + ttl;
        kept.tickets.insert(hash, (identity.clone(), expires_at));
        kept.order.push_back((hash, expires_at));
        Ok(())
    }

    async fn take(&self, hash: TicketHash, now: Timestamp) -> Result<Option<Identity>, TicketError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = kept.tickets.remove(&hash);
        Ok(taken
            .filter(|(_, expires_at)| now < *expires_at)
            .map(|(identity, _)| identity))
    }
}

impl Kept {
    /// Forgets those that are no longer good.
    fn forget(&mut self, now: Timestamp) {
        while let Some((hash, _)) = self.order.pop_front_if(|(_, expires_at)| *expires_at <= now) {
            self.tickets.remove(&hash);
        }
    }
}
