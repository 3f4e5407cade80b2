//! The limits of idempotency keys.

use std::time::Duration;

/// The most bytes that the table takes as a body.
const BODY_BYTES_MAX: usize = 1 << 20;
const WAIT_MAX: Duration = Duration::from_secs(60);
const KEEP_MAX: Duration = Duration::from_secs(366 * 86_400);

/// The limits of idempotency keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdempotencyConfig {
    /// How long a claim waits for the transaction that has claimed the same key. 1 s; at most a minute. It keeps its own transaction, and
    /// with that a connection, meanwhile.
    pub wait_max: Duration,
    /// How long an answer is kept. 7 days; at most 366.
    pub keep: Duration,
    /// The longest body that is stored. 64 KiB; at most 1 MiB.
    pub body_bytes_max: usize,
    /// How many answers are forgotten in one transaction. 1000; 1 to 10000.
    pub forget_max: u32,
}

impl Default for IdempotencyConfig {
    fn default() -> Self {
        Self {
            wait_max: Duration::from_secs(1),
            keep: Duration::from_secs(7 * 86_400),
            body_bytes_max: 64 << 10,
            forget_max: 1_000,
        }
    }
}

/// Idempotency keys cannot have this limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{limit} of idempotency keys must be {must}")]
pub struct InvalidIdempotencyConfig {
    /// The limit's name.
    pub limit: &'static str,
    /// What it must be.
    pub must: &'static str,
}

impl IdempotencyConfig {
    pub(super) fn check(&self) -> Result<(), InvalidIdempotencyConfig> {
        let rules = [
            (self.wait_max <= WAIT_MAX, "wait_max", "at most a minute"),
            (
                !self.keep.is_zero() && self.keep <= KEEP_MAX,
                "keep",
                "more than nothing and at most 366 days",
            ),
            (
                self.body_bytes_max <= BODY_BYTES_MAX,
                "body_bytes_max",
                "at most 1 MiB",
            ),
            (
                (1..=10_000).contains(&self.forget_max),
                "forget_max",
                "from 1 to 10000",
            ),
        ];
        match rules.into_iter().find(|(holds, ..)| !holds) {
            Some((_, limit, must)) => Err(InvalidIdempotencyConfig { limit, must }),
            None => Ok(()),
        }
    }
}
