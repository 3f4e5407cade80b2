//! placeholder

mod domain;

pub use domain::{
    AccountState, Amount, ApplyError, Asset, Cash, Cents, ClientOrderId, Collar, Command, DecimalError,
    DecimalText, Event, Execution, ExecutionId, FeeRate, FieldError, FieldProblem, Intake, Invalid,
    InvalidTransfer, InvalidTransition, LedgerAccount, Market, Notional, Order, OrderId, OrderStatus,
    OrderTerms, OrderType, ParseClientOrderIdError, ParseSymbolError, Position, Price, Pricing, Quantity,
    QuoteView, Reason, Reject, Rounding, Rules, Side, Step, Symbol, Tick, Ticket, TimeInForce, Transfer,
    TransferCode, UnknownWord, UnsupportedOrderType, apply, buy_hold, decide, transition,
};
