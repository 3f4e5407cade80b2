//! The rules of the brokerage as plain values and functions.
//!
//! Nothing in here reads a clock, a database or the network. A transaction loads the rows a command touches
//! ([`AccountState`]), [`decide`] says what happens ([`Event`]), [`apply`] gives the rows after it. The server, a replay of the
//! log, a simulation and the tests all call these two functions, so they cannot disagree about money.
//!
//! - **Amounts** are integers in the unit they are stored in ([`Price`], [`Quantity`], [`Cents`]). Too many decimals are refused,
//!   never rounded. Only a price times a quantity is money ([`Notional`], exact), and it becomes cents with the rounding named.
//! - **Ledger**: value only moves by a [`Transfer`] between two accounts, so the sum over all accounts of each asset is zero.
//! - **Holds**: an accepted buy sets aside what it may cost at its worst price ([`buy_hold`]); executions never need more, and
//!   what a better price saves comes back at once. An accepted sell sets its shares aside.
//! - **Cash of executions** is rounded over the whole order, so it does not depend on how the order is cut into executions.
//! - **Orders** move through the states of [`transition`], and no others.
//! - **Stops** wait until a quote elects them ([`Trigger`]), and then take their turn among the others ([`Priority`]).
//! - **Changes** of an open order ([`Replacement`]) keep its id; what it holds follows by the difference.
//! - **Positions** keep their total cost; the average is only for display.

mod account;
mod apply;
mod client_order_id;
mod command;
mod decide;
mod event;
mod execute;
mod hold;
mod ledger;
mod money;
mod order;
mod place;
pub(crate) mod pnl;
mod position;
mod priority;
mod quote;
mod replace;
mod replace_ticket;
mod replacement;
mod rules;
mod status;
mod symbol;
mod terms;
mod ticket;
mod trigger;
mod words;

pub use account::{AccountState, Cash};
pub use apply::{ApplyError, apply};
pub use client_order_id::{ClientOrderId, ParseClientOrderIdError};
pub use command::{Command, Invalid};
pub use decide::decide;
pub use event::{Event, Reject};
pub use ledger::{Amount, Asset, InvalidTransfer, LedgerAccount, Transfer, TransferCode};
pub use money::{Cents, DecimalError, DecimalText, Notional, Price, Quantity, Rounding};
pub use order::{Execution, ExecutionId, Intake, Order, OrderId, ParseExecutionIdError, Reason};
pub use pnl::{AccountDay, Earned, SymbolDay, equity, worth};
pub use position::Position;
pub use priority::Priority;
pub(crate) use priority::Rank;
pub use quote::{Market, QuoteView};
pub use replace_ticket::ReplaceTicket;
pub use replacement::Replacement;
pub use rules::{Collar, FeeRate, Rules, Tick, buy_hold};
pub use status::{InvalidTransition, OrderStatus, Step, transition};
pub use symbol::{ParseSymbolError, Symbol};
pub use terms::{OrderTerms, OrderType, Pricing, Side, TimeInForce};
pub use ticket::{FieldError, FieldProblem, Ticket};
pub use trigger::Trigger;
pub use words::UnknownWord;

pub(crate) use words::{text_column, word_enum};
