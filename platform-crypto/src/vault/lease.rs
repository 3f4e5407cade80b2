//! How long a token lives and when it is renewed.

use std::time::Duration;

use platform_core::{Sources, Timestamp};

/// After a failed renewal the token serves on, and the next attempt comes after so long.
const PAUSE: Duration = Duration::from_secs(5);

/// When to renew a token and when it ends. Plain arithmetic; the caller's clock gives the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease {
    issued_at: Timestamp,
    /// What Vault granted first: a renewal that grants much less tells that the token nears its `max_ttl`.
    granted: Duration,
    renewable: bool,
    ends: Option<Ends>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ends {
    renew_at: Timestamp,
    ends_at: Timestamp,
}

/// What a token needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing yet.
    Nothing,
    /// To be renewed, or replaced where that cannot be; it serves meanwhile.
    Renewal,
    /// To be replaced: it has ended.
    Login,
}

impl Lease {
    /// A token that was issued just now for `ttl_s` seconds, 0 being for ever.
    pub(super) fn new(ttl_s: u64, renewable: bool, sources: &Sources) -> Self {
        let mut lease = Self {
            issued_at: sources.now(),
            granted: Duration::from_secs(ttl_s),
            renewable,
            ends: None,
        };
        lease.ends = lease.ends_after(ttl_s, sources);
        lease
    }

    /// The same token after a renewal.
    pub(super) fn renewed(self, ttl_s: u64, sources: &Sources) -> Self {
        let ends = self.ends_after(ttl_s, sources);
        Self { ends, ..self }
    }

    /// The same token after a renewal that failed.
    pub(super) fn postponed(self, now: Timestamp) -> Self {
        let ends = self.ends.map(|ends| Ends {
            renew_at: (now + PAUSE).min(ends.ends_at),
            ..ends
        });
        Self { ends, ..self }
    }

    pub(super) fn need(&self, now: Timestamp) -> Need {
        match self.ends {
            Some(ends) if now >= ends.ends_at => Need::Login,
            Some(ends) if now >= ends.renew_at => Need::Renewal,
            _ => Need::Nothing,
        }
    }

    /// When it needs something next; a token without an end never does.
    pub(super) fn next_need(&self) -> Option<Timestamp> {
        self.ends.map(|ends| ends.renew_at)
    }

    pub(super) fn is_renewable(&self) -> bool {
        self.renewable
    }

    /// Would a token that a renewal grants `ttl_s` be near its last renewal?
    pub(super) fn is_last_grant(&self, ttl_s: u64) -> bool {
        Duration::from_secs(ttl_s) < self.granted / 2
    }

    /// Has it lived long enough that a refusal may mean its end? A token that was refused at once lacks a permission.
    pub(super) fn is_settled(&self, now: Timestamp) -> bool {
        now >= self.issued_at + Duration::from_secs(1)
    }

    /// Renewal after two thirds of the time, less up to a tenth of it at random, so that replicas do not renew together.
    fn ends_after(&self, ttl_s: u64, sources: &Sources) -> Option<Ends> {
        let ttl = Duration::from_secs(ttl_s.min(u64::from(u32::MAX)));
        if ttl.is_zero() {
            return None;
        }
        let share = u32::from(u16::from_be_bytes(sources.bytes()));
        let jitter = ttl / 10 * share / u32::from(u16::MAX);
        let now = sources.now();
        Some(Ends {
            renew_at: now + (ttl * 2 / 3).saturating_sub(jitter),
            ends_at: now + ttl,
        })
    }
}
