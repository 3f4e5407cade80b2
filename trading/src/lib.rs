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
//! # Features
//!
//! | feature | gives |
//! |---|---|
//! | `http` (default) | routes with their OpenAPI document, the WebSocket stream of quotes, the runtime module |

mod domain;
mod market;
mod matching;
mod metrics;
mod service;
mod store;

#[cfg(feature = "http")]
pub mod http;

pub use domain::{
    AccountState, Amount, ApplyError, Asset, Cash, Cents, ClientOrderId, Collar, Command, DecimalError,
    DecimalText, Event, Execution, ExecutionId, FeeRate, FieldError, FieldProblem, Intake, Invalid,
    InvalidTransfer, InvalidTransition, LedgerAccount, Market, Notional, Order, OrderId, OrderStatus,
    OrderTerms, OrderType, ParseClientOrderIdError, ParseSymbolError, Position, Price, Pricing, Priority,
    Quantity, QuoteView, Reason, Reject, ReplaceTicket, Replacement, Rounding, Rules, Side, Step, Symbol,
    Tick, Ticket, TimeInForce, Transfer, TransferCode, Trigger, UnknownWord, apply, buy_hold, decide,
    transition,
};
pub use market::{
    Alignment, Bar, BoardConfig, Calendar, DayPath, Instrument, Liquidity, MalformedRow, MarketFeed,
    MarketMetrics, MarketWorker, NotTaken, PublishedQuote, Quote, QuoteAge, QuoteBatch, QuoteBoard,
    QuoteSource, QuoteStream, QuoteUpdate, ReplayConfig, ReplayData, ReplayError, ReplaySpeed, Reservation,
    SESSION_SECONDS, Session, SimulatorConfig, SpeedOutOfRange, TakeRequest,
};
pub use matching::{HousekeepingWorker, MatchingWorker};
pub use metrics::{DurationLabels, OrdersOpen, PlacedLabels, RejectedLabels, TradingMetrics};
pub use service::{
    ACCOUNT, AccountId, AccountStatus, AccountView, CancelError, CancelResult, CancelledAll, Discrepancy,
    ExecutionView, ListedAccount, OrderPreview, OrderStatusFilter, OrderView, PlaceError, PlaceOutcome,
    Placed, Portfolio, PositionView, Reconciliation, ReplaceError, ReplaceOutcome, TRADE, Trading,
    TradingConfig, TradingError, VIEW,
};

pub use platform_audit;
pub use platform_core;

use platform_core::pg::Migrations;

/// The tables of this crate, in the schema `trading`. They need those of `platform_core` and `platform_audit`.
pub static MIGRATIONS: Migrations = Migrations {
    schema: "trading",
    migrator: &MIGRATOR,
    roles: &[],
};

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/trading");
