//! The operations of the brokerage: each one a transaction that holds the change, its ledger rows and its audit event.

mod accounts;
mod cancel;
mod config;
mod error;
mod fill;
mod outcome;
mod place;
mod portfolio;
mod proof;
mod queries;
mod reconcile;
mod sweep;
mod trail;
mod view;

use std::sync::Arc;

use platform_audit::AuditLog;
use platform_core::pg::{Db, Tenants};
use platform_core::{Permission, Sources, Timestamp};
use tokio::sync::Notify;

use crate::matching::OpenOrders;
use crate::{QuoteBoard, TradingMetrics};

pub use accounts::{AccountStatus, AccountView};
pub use config::TradingConfig;
pub use error::{CancelError, PlaceError, TradingError};
pub(crate) use fill::Tried;
pub use outcome::{ExecutionView, OrderEventView, OrderView, PlaceOutcome, Placed};
pub use portfolio::{Portfolio, PositionView};
pub use proof::OrderProof;
pub use queries::OrderStatusFilter;
pub use reconcile::{Discrepancy, Reconciliation};
pub use view::ListedAccount;

platform_core::id_type! {
    /// Names a brokerage account.
    pub struct AccountId;
}

/// May see quotes, place and cancel orders and see its own account.
pub const TRADE: Permission = Permission::new("trading:trade");

/// May see accounts of others and what is in them: all of them, or the one that it was granted on.
pub const VIEW: Permission = Permission::new("trading:view");

/// The kind of resource that an account is, for grants on one of them: its id is the account's.
pub const ACCOUNT: &str = "account";

/// The brokerage. Cheap to clone; clones share one market, one index of open orders and one set of metrics.
#[derive(Clone)]
pub struct Trading {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) db: Db,
    pub(crate) tenants: Tenants,
    pub(crate) audit: AuditLog,
    pub(crate) board: QuoteBoard,
    pub(crate) config: TradingConfig,
    pub(crate) open_orders: OpenOrders,
    pub(crate) metrics: TradingMetrics,
    /// Told when accounts have changed; whoever follows them looks then.
    accounts_changed: Notify,
}

impl Trading {
    /// A brokerage that trades on the quotes of `board`.
    pub fn new(db: &Db, audit: &AuditLog, board: &QuoteBoard, config: TradingConfig) -> Self {
        let open_orders = OpenOrders::new(config.open_orders_max);
        let inner = Inner {
            db: db.clone(),
            tenants: Tenants::new(db),
            audit: audit.clone(),
            board: board.clone(),
            metrics: TradingMetrics::new(&open_orders),
            open_orders,
            config,
            accounts_changed: Notify::new(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The quotes it trades on.
    pub fn board(&self) -> &QuoteBoard {
        &self.inner.board
    }

    /// What operators see of it.
    pub fn metrics(&self) -> &TradingMetrics {
        &self.inner.metrics
    }

    /// Accounts have changed: who follows them over the stream is told at once instead of at the next look. To be called when a change is
    /// committed; it costs nothing, and many calls together cost one look.
    pub fn accounts_changed(&self) {
        self.inner.accounts_changed.notify_one();
    }

    /// Completes when accounts have changed since the last time.
    #[cfg(feature = "http")]
    pub(crate) async fn until_accounts_change(&self) {
        self.inner.accounts_changed.notified().await;
    }

    pub(crate) fn sources(&self) -> &Sources {
        self.inner.db.sources()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.sources().now()
    }
}

impl std::fmt::Debug for Trading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trading")
            .field("config", &self.inner.config)
            .finish_non_exhaustive()
    }
}
