//! The operations of the brokerage: each one a transaction that holds the change, its ledger rows and its audit event.

mod account_admin;
mod accounts;
mod activities;
mod adjustments;
mod alert_index;
mod alert_worker;
mod alerts;
mod attempt;
mod bars;
mod cancel;
mod cancel_all;
mod claims;
mod closing_worker;
mod config;
mod draft;
mod error;
mod export;
mod fill;
mod findings;
mod history;
mod market_admin;
mod market_state;
mod meeting;
mod outcome;
mod place;
mod portfolio;
mod preview;
mod proof;
mod queries;
mod queue;
mod reconcile;
mod replace;
mod room;
mod snapshots;
mod standing;
mod state_hashes;
mod statements;
mod sweep;
mod together;
mod trail;
mod verify;
mod verify_account;
mod verify_rows;
mod view;
mod waiting;
mod watchlists;

use std::sync::{Arc, Mutex};

use platform_audit::AuditLog;
use platform_core::pg::{Db, Tenants};
use platform_core::{Permission, Sources, Timestamp};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use crate::market::MarketControl;
use crate::matching::{OpenOrders, Shards};
use crate::{QuoteBoard, TradingMetrics};
use tokio::sync::broadcast;

pub use account_admin::{AccountAdminError, AdminReason, InvalidAdminReason, Suspended};
pub use accounts::{AccountStatus, AccountView};
pub use activities::{ActivityFilter, ActivityOrder, ActivityView, AssetAmount};
pub(crate) use adjustments::Adjustment;
pub use adjustments::{Adjusted, AdjustmentError, AdjustmentId, AdjustmentStatus, AdjustmentView};
pub(crate) use alert_index::{AlertIndex, Crossing};
pub use alert_worker::AlertWorker;
pub(crate) use alerts::FiredRow;
pub use alerts::{
    ALERTS_MAX, Alert, AlertDirection, AlertError, AlertFilter, AlertId, FIRED_ALERTS_WAITING_MAX,
    FiredAlert, NewAlert,
};
pub(crate) use attempt::Attempt;
pub use bars::{BarQuery, BarWorker};
pub use cancel_all::{CancelResult, CancelledAll};
pub use closing_worker::ClosingWorker;
pub use config::TradingConfig;
pub use error::{CancelError, PlaceError, ReplaceError, TradingError};
pub use export::{OrderExport, OrderExportFormat};
pub(crate) use fill::Tried;
pub use findings::{Verification, VerifyFinding, VerifyProgress};
pub use history::{ClosingView, DayResult, HistoryPeriod, SymbolResult};
pub use market_admin::{MARKET, MarketChange, MarketError};
pub use market_state::{HaltedSymbol, MarketState, MarketStateWorker};
pub use outcome::{ExecutionView, OrderEventView, OrderView, PlaceOutcome, Placed};
pub use portfolio::{Portfolio, PositionView};
pub use preview::OrderPreview;
pub use proof::OrderProof;
pub use queries::OrderStatusFilter;
pub use reconcile::{Discrepancy, Reconciliation};
pub use replace::ReplaceOutcome;
pub(crate) use snapshots::ClosingPrice;
pub use state_hashes::StateHashWorker;
pub use statements::{STATEMENT_ROWS_MAX, Statement, StatementBalance, StatementPosition};
pub use verify::{VerifiedAccounts, VerifyRequest};
pub use view::ListedAccount;
pub use watchlists::{
    WATCHLIST_NAME_CHARS_MAX, WATCHLIST_SYMBOLS_MAX, WATCHLISTS_MAX, Watched, Watchlist, WatchlistError,
    WatchlistId,
};

platform_core::id_type! {
    /// Names a brokerage account.
    pub struct AccountId;
}

/// May see quotes, place and cancel orders and see its own account.
pub const TRADE: Permission = Permission::new("trading:trade");

/// May see accounts of others and what is in them: all of them, or the one that it was granted on.
pub const VIEW: Permission = Permission::new("trading:view");

/// May suspend, resume and close accounts of others: all of them, or the one that it was granted on. Needs [`VIEW`] beside it.
pub const MANAGE: Permission = Permission::new("trading:manage");

/// May pay cash into accounts of others and out of them, and decide about what others asked for. Needs [`VIEW`] beside it.
pub const ADJUST: Permission = Permission::new("trading:adjust");
/// So many tenants may have as many orders waiting as one may at most; beyond, nobody's more are taken.
const WAITING_TENANTS: usize = 16;

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
    pub(crate) standing: standing::Standing,
    /// Whether the displayed sizes of every symbol can be claimed.
    claimable: tokio::sync::OnceCell<()>,
    pub(crate) alerts: AlertIndex,
    pub(crate) fired_alerts: broadcast::Sender<FiredAlert>,
    pub(crate) metrics: TradingMetrics,
    /// How the market runs, for the worker that moves it.
    pub(crate) market: MarketControl,
    /// The number of the newest thing an operator did to the market that is done here.
    followed: Mutex<i64>,
    pub(crate) placements: waiting::Placements,
    verifying: verify::Verifying,
    tenant_counts: room::TenantCounts,
    /// Those that place orders, each of which ends when no order waits any more, and those that count them.
    pub(crate) tasks: TaskTracker,
    /// Told when accounts have changed; whoever follows them looks then.
    accounts_changed: Notify,
}

impl Trading {
    /// A brokerage that trades on the quotes of `board`, in the sessions of its own calendar.
    pub fn new(db: &Db, audit: &AuditLog, board: &QuoteBoard, config: TradingConfig) -> Self {
        let open_orders = OpenOrders::new(config.open_orders_max, Shards::new(config.matching_shards));
        let inner = Inner {
            db: db.clone(),
            tenants: Tenants::new(db),
            audit: audit.clone(),
            board: board.in_sessions_of(config.calendar),
            metrics: TradingMetrics::new(&open_orders),
            open_orders,
            standing: standing::Standing::free(),
            claimable: tokio::sync::OnceCell::new(),
            market: match config.market_tenant {
                Some(_) => MarketControl::unread(),
                None => MarketControl::free(),
            },
            followed: Mutex::default(),
            alerts: AlertIndex::new(config.alerts_max),
            fired_alerts: broadcast::Sender::new(FIRED_ALERTS_WAITING_MAX),
            placements: waiting::Placements::new(
                (
                    config.waiting_orders_max,
                    config.waiting_orders_max.saturating_mul(WAITING_TENANTS),
                ),
                config.commits_at_once,
            ),
            verifying: verify::Verifying::default(),
            tenant_counts: room::TenantCounts::default(),
            tasks: TaskTracker::new(),
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
