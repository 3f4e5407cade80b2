//! What an embedder decides about the brokerage.

use platform_core::TenantId;
use std::time::Duration;

use crate::{Calendar, Cents, Rules};

/// What an embedder decides about the brokerage.
#[derive(Debug, Clone)]
pub struct TradingConfig {
    /// What a new account starts with: 10,000.00.
    pub opening_deposit: Cents,
    /// Collar, tick, fee and the largest order.
    pub rules: Rules,
    /// When the market is open: always.
    pub calendar: Calendar,
    /// Above how much, in or out, an administrator's adjustment of cash waits for another's approval: 10,000.00. `None` lets each
    /// administrator adjust any amount alone.
    pub four_eyes_above: Option<Cents>,
    /// How long another administrator can approve an adjustment: 24 hours.
    pub approval_within: Duration,
    /// Days for which the answer to an idempotency key is remembered: 7.
    pub idempotency_days: u32,
    /// Open orders that the matcher keeps in memory: 1,000,000. Orders beyond wait for a place.
    pub open_orders_max: usize,
    /// The tenant whose operators run the market that the customers of all tenants share, with [`MARKET`](crate::MARKET). `None`: nobody
    /// does. With one the market rests until a [`MarketStateWorker`](crate::MarketStateWorker) has read how it stands.
    pub market_tenant: Option<TenantId>,
    /// Whether they may let it fall silent, for tests: no.
    pub market_gaps: bool,
    /// Alerts that the worker keeps in memory: 1,000,000. Alerts beyond wait for a place.
    pub alerts_max: usize,
    /// Orders that share a commit at most: 64.
    pub orders_per_commit: usize,
    /// Transactions in which this process places orders at a time: 2. With more, orders share fewer commits.
    pub commits_at_once: usize,
    /// Orders of one tenant that may wait to be placed: 1,024. Further ones are answered [`TradingError::Busy`](crate::TradingError).
    pub waiting_orders_max: usize,
}

impl Default for TradingConfig {
    fn default() -> Self {
        Self {
            opening_deposit: Cents::from_cents(1_000_000).unwrap_or(Cents::ZERO),
            rules: Rules::default(),
            calendar: Calendar::default(),
            four_eyes_above: Cents::from_cents(1_000_000).ok(),
            approval_within: Duration::from_secs(86_400),
            idempotency_days: 7,
            open_orders_max: 1_000_000,
            market_tenant: None,
            market_gaps: false,
            alerts_max: 1_000_000,
            orders_per_commit: 64,
            commits_at_once: 2,
            waiting_orders_max: 1_024,
        }
    }
}
