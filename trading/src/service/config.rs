//! What an embedder decides about the brokerage.

use std::num::NonZeroU16;
use std::time::Duration;

use platform_core::TenantId;
use platform_core::lease::Ttl;

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
    /// Above how much an administrator's adjustment of cash waits for another's approval: 10,000.00. So much, in and out added up, can one
    /// administrator move alone between two closes of the `calendar`, and so much can be moved alone in one account. `None` lets each
    /// administrator adjust any amount alone.
    pub four_eyes_above: Option<Cents>,
    /// How long another administrator can approve an adjustment: 24 hours.
    pub approval_within: Duration,
    /// Days for which the answer to an idempotency key is remembered: 7.
    pub idempotency_days: u32,
    /// Open orders that the matcher keeps in memory: 1,000,000. Where it has no place left an order that would rest is refused with
    /// [`PlaceError::Full`](crate::PlaceError); those that other instances took wait for one.
    pub open_orders_max: usize,
    /// Open orders that an account may have: 10,000. One that would be one more is answered
    /// [`PlaceError::TooManyOpenOrders`](crate::PlaceError).
    pub open_orders_per_account: u64,
    /// Open orders that all accounts of a tenant may have: 500,000, give or take what is placed within seconds. One that would be one more is
    /// answered [`PlaceError::Full`](crate::PlaceError).
    pub open_orders_per_tenant: u64,
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
    /// Whether several instances show one market, with the same quotes under the same numbers, and all of them take orders: no. What orders
    /// take of the displayed sizes is then claimed in the database, so that each displayed share is sold once over all instances. Where
    /// they do not, a single instance takes orders and the others stand by, as far as a
    /// [`LedMatchingWorker`](crate::LedMatchingWorker) runs in them. The same on every instance; it is changed with all of them stopped.
    pub shared_market: bool,
    /// Into how many shards the symbols are divided, each of which one instance matches where they share a market: 1. The same on every
    /// instance; it is changed with all of them stopped.
    pub matching_shards: NonZeroU16,
    /// For how long an instance leads without renewing that, which is how long nobody does after one has died: 5 seconds.
    pub lead_ttl: Ttl,
    /// How often a matcher reads the open orders anew, for those that it was not told of: every 60 seconds.
    pub reconcile_every: Duration,
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
            open_orders_per_account: 10_000,
            open_orders_per_tenant: 500_000,
            market_tenant: None,
            market_gaps: false,
            alerts_max: 1_000_000,
            orders_per_commit: 64,
            commits_at_once: 2,
            waiting_orders_max: 1_024,
            shared_market: false,
            matching_shards: NonZeroU16::MIN,
            lead_ttl: Ttl::new(Duration::from_secs(5)).expect("a lease may last five seconds"),
            reconcile_every: Duration::from_secs(60),
        }
    }
}
