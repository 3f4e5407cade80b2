//! The limits of a policy.

use std::time::Duration;

/// The limits of a policy. The defaults suit a service in the same data centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyConfig {
    /// How long a call may take with everything: waiting, tries and the time between them. 10 s.
    pub timeout: Duration,
    /// How long one try may take. 3 s. One that the request's deadline ends sooner counts against the dependency when it had a tenth of
    /// this.
    pub try_timeout: Duration,
    /// How many calls at once.
    pub bulkhead: BulkheadConfig,
    /// When calls are not made.
    pub breaker: BreakerConfig,
    /// When calls are made again.
    pub retry: RetryConfig,
}

/// How many calls at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BulkheadConfig {
    /// Calls under way. 64.
    pub concurrent_max: u32,
    /// Calls that wait for their turn. 64; may be 0.
    pub waiting_max: u32,
    /// How long a call waits for its turn. 500 ms.
    pub wait_max: Duration,
}

/// When calls are not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerConfig {
    /// The time over which calls are counted. 5 s; at least 10 ms.
    pub window: Duration,
    /// The share of failures in it that opens the breaker, in percent. 50; 1 to 100.
    pub failure_percent: u32,
    /// The fewest calls in it of which a share is taken. 10; at least 1.
    pub calls_min: u32,
    /// How long it stays open. 30 s.
    pub open_for: Duration,
    /// How many calls are let through then: when all of them succeed it closes, when one fails it opens again. 3; at least 1.
    pub probes: u32,
}

/// When calls are made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryConfig {
    /// How often a call is tried in all. 3; at least 1.
    pub tries_max: u32,
    /// The longest wait before the second try; doubles with each. What is waited is anything from nothing to that. 50 ms.
    pub first_wait: Duration,
    /// The longest wait before any try. 1 s.
    pub wait_max: Duration,
    /// How many retries a hundred calls earn. 10; at most 100.
    pub budget_percent: u32,
    /// How many retries may be saved up, and are there at the beginning. 10.
    pub budget_max: u32,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            try_timeout: Duration::from_secs(3),
            bulkhead: BulkheadConfig::default(),
            breaker: BreakerConfig::default(),
            retry: RetryConfig::default(),
        }
    }
}

impl Default for BulkheadConfig {
    fn default() -> Self {
        Self {
            concurrent_max: 64,
            waiting_max: 64,
            wait_max: Duration::from_millis(500),
        }
    }
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(5),
            failure_percent: 50,
            calls_min: 10,
            open_for: Duration::from_secs(30),
            probes: 3,
        }
    }
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            tries_max: 3,
            first_wait: Duration::from_millis(50),
            wait_max: Duration::from_secs(1),
            budget_percent: 10,
            budget_max: 10,
        }
    }
}

/// A policy cannot be made of these limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{limit} of a policy must be {must}")]
pub struct InvalidPolicy {
    /// The limit's path, such as `breaker.probes`.
    pub limit: &'static str,
    /// What it must be.
    pub must: &'static str,
}

const DAY: Duration = Duration::from_secs(86_400);
/// No count is larger, so that sums of them never overflow.
const COUNT_MAX: u32 = 1_000_000;

impl PolicyConfig {
    pub(super) fn check(&self) -> Result<(), InvalidPolicy> {
        let Self {
            bulkhead,
            breaker,
            retry,
            ..
        } = self;
        let some = |count: u32| (1..=COUNT_MAX).contains(&count);
        let lasting = |time: Duration| !time.is_zero() && time <= DAY;
        let rules = [
            (
                lasting(self.timeout),
                "timeout",
                "more than nothing and at most a day",
            ),
            (
                lasting(self.try_timeout),
                "try_timeout",
                "more than nothing and at most a day",
            ),
            (
                some(bulkhead.concurrent_max),
                "bulkhead.concurrent_max",
                "from 1 to 1000000",
            ),
            (
                bulkhead.waiting_max <= COUNT_MAX,
                "bulkhead.waiting_max",
                "at most 1000000",
            ),
            (bulkhead.wait_max <= DAY, "bulkhead.wait_max", "at most a day"),
            (
                (Duration::from_millis(10)..=DAY).contains(&breaker.window),
                "breaker.window",
                "from 10 ms to a day",
            ),
            (
                (1..=100).contains(&breaker.failure_percent),
                "breaker.failure_percent",
                "from 1 to 100",
            ),
            (some(breaker.calls_min), "breaker.calls_min", "from 1 to 1000000"),
            (
                lasting(breaker.open_for),
                "breaker.open_for",
                "more than nothing and at most a day",
            ),
            (some(breaker.probes), "breaker.probes", "from 1 to 1000000"),
            (
                (1..=100).contains(&retry.tries_max),
                "retry.tries_max",
                "from 1 to 100",
            ),
            (
                retry.first_wait <= retry.wait_max && retry.wait_max <= DAY,
                "retry.wait_max",
                "at least the first wait and at most a day",
            ),
            (retry.budget_percent <= 100, "retry.budget_percent", "at most 100"),
            (
                retry.budget_max <= COUNT_MAX,
                "retry.budget_max",
                "at most 1000000",
            ),
        ];
        match rules.into_iter().find(|(holds, ..)| !holds) {
            Some((_, limit, must)) => Err(InvalidPolicy { limit, must }),
            None => Ok(()),
        }
    }
}
