//! A cash brokerage: exact money, orders, a double-entry ledger, quotes.
//!
//! The rules are pure functions ([`decide`], [`apply`]) over integer amounts. [`Trading`] carries them out: every operation is one
//! transaction that holds the order, its ledger rows, its idempotency key and its audit event. It learns who is calling from a
//! [`RequestContext`](platform_core::RequestContext) alone, so that it embeds under any sign-in.
//!
//! ```no_run
//! use platform_audit::AuditLog;
//! use platform_core::RequestContext;
//! use platform_core::pg::Db;
//! use trading::{BoardConfig, MarketFeed, QuoteBoard, SimulatorConfig, Ticket, Trading, TradingConfig};
//!
//! async fn buy(db: &Db, ctx: &RequestContext) -> Result<(), Box<dyn std::error::Error>> {
//!     let mut feed = MarketFeed::simulated(SimulatorConfig::default());
//!     let board = QuoteBoard::new(feed.instruments(), BoardConfig::default());
//!     board.publish(db.sources().now(), feed.advance(db.sources().now()));
//!
//!     let trading = Trading::new(db, &AuditLog::new(db.sources().clone()), &board, TradingConfig::default());
//!     let ticket: Ticket = serde_json::from_str(
//!         r#"{ "symbol": "AAPL", "side": "buy", "order_type": "market", "quantity": "10" }"#,
//!     )?;
//!     let placed = trading.place(ctx, &ticket).await?;
//!     assert_eq!(placed.outcome().executions.len(), 1);
//!     Ok(())
//! }
//! ```
//!
//! # Several processes
//!
//! A [`Trading`] takes for granted that it is the only one on its database until a [`LedMatchingWorker`] is made for it, which is what the
//! module of the feature `http` does. From then on one process of several matches, and takes orders unless they all
//! [share a market](TradingConfig::shared_market). A service that is one process, a test or a benchmark runs a [`MatchingWorker`] instead.
//!
//! # Features
//!
//! | feature | gives |
//! |---|---|
//! | `http` (default) | routes with their OpenAPI document, the WebSocket stream of quotes, the runtime module |

mod domain;
mod market;
mod matching;
mod metrics;
mod replay;
mod service;
mod store;

#[cfg(feature = "http")]
pub mod http;

pub use domain::{
    AccountDay, AccountState, Amount, ApplyError, Asset, Cash, Cents, ClientOrderId, Collar, Command,
    DecimalError, DecimalText, Earned, Event, Execution, ExecutionId, FeeRate, FieldError, FieldProblem,
    Intake, Invalid, InvalidTransfer, InvalidTransition, LedgerAccount, Market, Notional, Order, OrderId,
    OrderStatus, OrderTerms, OrderType, ParseClientOrderIdError, ParseExecutionIdError, ParseSymbolError,
    Position, Price, Pricing, Priority, Quantity, QuoteView, Reason, Reject, ReplaceTicket, Replacement,
    Rounding, Rules, Side, Step, Symbol, SymbolDay, Tick, Ticket, TimeInForce, Transfer, TransferCode,
    Trigger, UnknownWord, apply, buy_hold, decide, equity, transition, worth,
};
#[cfg(feature = "http")]
pub use market::SharedMarket;
pub use market::{
    Alignment, Bar, BoardConfig, Calendar, DayPath, Followed, FromTheFuture, Instrument, InvalidMarketSpeed,
    Liquidity, MalformedRow, MarketBar, MarketClock, MarketFeed, MarketMetrics, MarketSpeed, MarketWorker,
    NotTaken, PublishedQuote, Quote, QuoteAge, QuoteBatch, QuoteBoard, QuoteFrame, QuoteSource, QuoteStream,
    QuoteUpdate, RemoteFeed, ReplayConfig, ReplayData, ReplayError, ReplaySpeed, Reservation,
    SESSION_SECONDS, Session, SimulatorConfig, SpeedOutOfRange, TakeRequest, Timeframe, TradingDay,
    UnknownTimeframe, Volume,
};
pub use matching::{HousekeepingWorker, LedMatchingWorker, MatchingWorker};
pub use metrics::{DurationLabels, OrdersOpen, PlacedLabels, RejectedLabels, TradingMetrics};
pub use replay::{
    AccountBooks, AccountEvent, BookedOrder, BooksError, BooksState, EventError, FiredPrice, Opening,
    OrderRecord,
};
pub use service::{
    ACCOUNT, AccountId, AccountStatus, AccountView, BarQuery, BarWorker, CancelError, CancelResult,
    CancelledAll, Discrepancy, ExecutionView, HaltedSymbol, ListedAccount, MARKET, MarketChange, MarketError,
    MarketState, MarketStateWorker, OrderEventView, OrderPreview, OrderProof, OrderStatusFilter, OrderView,
    PlaceError, PlaceOutcome, Placed, Portfolio, PositionView, Reconciliation, ReplaceError, ReplaceOutcome,
    StateHashWorker, TRADE, Trading, TradingConfig, TradingError, VIEW, Verification, VerifiedAccounts,
    VerifyFinding, VerifyProgress, VerifyRequest,
};
pub use service::{
    ADJUST, ALERTS_MAX, AccountAdminError, ActivityFilter, ActivityOrder, ActivityView, Adjusted,
    AdjustmentError, AdjustmentId, AdjustmentStatus, AdjustmentView, AdminReason, Alert, AlertDirection,
    AlertError, AlertFilter, AlertId, AlertWorker, AssetAmount, ClosingView, ClosingWorker, DayResult,
    FIRED_ALERTS_WAITING_MAX, FiredAlert, HistoryPeriod, InvalidAdminReason, MANAGE, NewAlert, OrderExport,
    OrderExportFormat, STATEMENT_ROWS_MAX, Statement, StatementBalance, StatementPosition, Suspended,
    SymbolResult, WATCHLIST_NAME_CHARS_MAX, WATCHLIST_SYMBOLS_MAX, WATCHLISTS_MAX, Watched, Watchlist,
    WatchlistError, WatchlistId,
};

pub use platform_audit;
pub use platform_core;

use platform_core::pg::{Allowed, GroupRole, Migrations};

/// The role that writes and reads what symbols cost, which is nobody's in particular. It reaches no row of a tenant.
pub const MARKET_DATA: GroupRole = GroupRole::new("platform_market_data");

/// What the self-check of a service with a brokerage finds in these tables, and why it is meant. For
/// [`AllowList::with_all`](platform_core::pg::AllowList::with_all).
///
/// ```no_run
/// use platform_core::pg::{AllowList, Db};
/// use trading::TRADING_TABLES;
///
/// async fn check(db: &Db) -> Result<bool, Box<dyn std::error::Error>> {
///     Ok(db.self_check(&AllowList::core().with_all(TRADING_TABLES)).await?.passes())
/// }
/// ```
pub const TRADING_TABLES: &[Allowed] = &[
    Allowed {
        code: "TABLE_WITHOUT_TENANT_COLUMN",
        object: "trading.bar",
        reason: "what symbols cost, the same for everybody; out of the reach of tenants' transactions",
    },
    Allowed {
        code: "TABLE_WITHOUT_TENANT_COLUMN",
        object: "trading.displayed",
        reason: "how much of the market's newest quotes is sold, of which transactions of every tenant take; nobody's data",
    },
];

/// The tables of this crate, in the schema `trading`. They need those of `platform_core` and `platform_audit`.
pub static MIGRATIONS: Migrations = Migrations {
    schema: "trading",
    migrator: &MIGRATOR,
    roles: &[MARKET_DATA],
};

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/trading");
