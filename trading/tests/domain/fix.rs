//! The scenarios of FIX's order state change matrices (Appendix D) that this market can have.
//!
//! The numbers are those of FIX 4.2, the letters behind them those of FIX 4.4. A cancel or replace request is carried out in one
//! transaction here, so the states `PendingCancel` and `PendingReplace` do not occur: a request that crosses an execution comes
//! before it or after it.

use crate::support::{Account, cents, fill, limit, open, order_id, price, quantity, quote, replace};
use trading::{
    AccountState, ApplyError, Command, Invalid, Market, Order, OrderId, OrderStatus, Position, Reason,
    Replacement, Rules, Side, TimeInForce, decide,
};

/// An order for 10,000 shares at 1.00 and the account it belongs to.
struct Desk {
    account: Account,
    id: OrderId,
    seq: u64,
}

impl Desk {
    fn with(time_in_force: TimeInForce, offered: &str) -> Self {
        let mut account = Account::with_cash("1000000.00");
        let quote = quote(1, "0.99", if offered == "0" { "1.01" } else { "1.00" });
        let now = Market::Open {
            quote,
            offered: quantity(offered),
        };
        let order = account
            .place(limit(Side::Buy, "10000", "1.00", time_in_force), now)
            .unwrap();
        Self {
            account,
            id: order.intake.order_id,
            seq: 1,
        }
    }

    fn new() -> Self {
        Self::with(TimeInForce::Day, "0")
    }

    fn order(&self) -> Order {
        self.account.orders[&self.id]
    }

    fn executes(&mut self, shares: &str) {
        self.seq += 1;
        let command = fill(quote(self.seq, "0.99", "1.00"), shares);
        assert_eq!(self.account.on(self.id, &command).unwrap().len(), 1);
    }

    fn asks(&mut self, command: &Command) -> Result<(), Invalid> {
        self.account.on(self.id, command).map(drop)
    }

    fn asks_for(&mut self, shares: &str) -> Result<(), Invalid> {
        let replacement = Replacement {
            quantity: Some(quantity(shares)),
            ..Replacement::default()
        };
        self.asks_to(replacement)
    }

    fn asks_to(&mut self, replacement: Replacement) -> Result<(), Invalid> {
        self.seq += 1;
        let now = Market::Open {
            quote: quote(self.seq, "0.99", "1.01"),
            offered: quantity("10000"),
        };
        self.asks(&replace(replacement, now))
    }

    /// OrdStatus, OrderQty, CumQty and LeavesQty, where LeavesQty of a final order is zero; and nothing is held for what is not left.
    #[track_caller]
    fn is(&self, status: OrderStatus, [order, cumulative, leaves]: [&str; 3]) {
        let found = self.order();
        let left = if status.is_terminal() {
            quantity("0")
        } else {
            found.leaves()
        };
        assert_eq!(
            (found.status, found.terms().quantity(), found.filled, left),
            (status, quantity(order), quantity(cumulative), quantity(leaves))
        );
        assert_eq!(found.hold, cents(leaves), "a share is held for with a dollar");
    }
}

const NEW: OrderStatus = OrderStatus::Submitted;
const PART: OrderStatus = OrderStatus::Partial;
const FILLED: OrderStatus = OrderStatus::Filled;
const CANCELLED: OrderStatus = OrderStatus::Cancelled;

#[test]
fn d1_a1a_filled_order() {
    let mut desk = Desk::new();
    desk.is(NEW, ["10000", "0", "10000"]);
    desk.executes("2000");
    desk.is(PART, ["10000", "2000", "8000"]);
    desk.executes("1000");
    desk.is(PART, ["10000", "3000", "7000"]);
    desk.executes("7000");
    desk.is(FILLED, ["10000", "10000", "0"]);
}

#[test]
fn d2_a1b_part_filled_day_order_done_for_day() {
    let mut desk = Desk::new();
    desk.executes("2000");
    desk.executes("1000");
    desk.asks(&Command::Expire).unwrap();
    desk.is(OrderStatus::Expired, ["10000", "3000", "0"]);
}

#[test]
fn d3_b1a_cancel_of_a_zero_filled_order() {
    let mut desk = Desk::new();
    desk.asks(&Command::Cancel).unwrap();
    desk.is(CANCELLED, ["10000", "0", "0"]);
    assert_eq!(desk.order().reason, Some(Reason::Requested));
}

#[test]
fn d4_b1b_cancel_of_a_part_filled_order_while_it_executes() {
    let mut desk = Desk::new();
    desk.executes("2000");
    desk.executes("5000");
    desk.asks(&Command::Cancel).unwrap();
    desk.is(CANCELLED, ["10000", "7000", "0"]);
    // An execution that comes after the cancel finds a final order.
    let late = fill(quote(9, "0.99", "1.00"), "3000");
    assert!(desk.account.on(desk.id, &late).unwrap().is_empty());
}

#[test]
fn d5_b1c_cancel_of_an_order_that_is_filled_first() {
    let mut desk = Desk::new();
    desk.executes("2000");
    desk.executes("8000");
    assert_eq!(desk.asks(&Command::Cancel).unwrap_err().code(), "order_filled");
    desk.is(FILLED, ["10000", "10000", "0"]);
}

#[test]
fn b1d_cancel_before_the_market_has_opened_for_the_order() {
    let mut account = Account::with_cash("1000000.00");
    let closed = Market::Closed { newest: None };
    let terms = limit(Side::Buy, "10000", "1.00", TimeInForce::Day);
    let id = account.place(terms, closed).unwrap().intake.order_id;
    account.on(id, &Command::Cancel).unwrap();
    assert_eq!(account.orders[&id].status, CANCELLED);
    assert_eq!(account.cash.available, cents("1000000.00"));
}

#[test]
fn b1f_cancel_of_an_unknown_order() {
    let state = AccountState::before_order(trading::Cash::default(), Position::flat("AAPL".parse().unwrap()));
    let refused = decide(&Rules::default(), &state, &Command::Cancel).unwrap_err();
    assert_eq!(refused, Invalid::State(ApplyError::OtherRows));
}

#[test]
fn d6_c1a_zero_filled_order_replaced_to_increase() {
    let mut desk = Desk::new();
    desk.asks_for("11000").unwrap();
    desk.is(NEW, ["11000", "0", "11000"]);
    desk.executes("1000");
    desk.is(PART, ["11000", "1000", "10000"]);
    desk.executes("2000");
    desk.is(PART, ["11000", "3000", "8000"]);
}

#[test]
fn d7_c1b_part_filled_order_replaced_to_increase_while_it_executes() {
    let mut desk = Desk::new();
    desk.executes("1000");
    desk.executes("100");
    desk.asks_for("12000").unwrap();
    desk.is(PART, ["12000", "1100", "10900"]);
    desk.executes("10900");
    desk.is(FILLED, ["12000", "12000", "0"]);
}

/// FIX lets a broker fill an order anew; here what is final is final.
#[test]
fn d8_c1c_filled_order_replaced_to_increase_is_refused() {
    let mut desk = Desk::new();
    desk.executes("10000");
    assert_eq!(desk.asks_for("12000").unwrap_err().code(), "order_filled");
    desk.is(FILLED, ["10000", "10000", "0"]);
}

/// FIX shows a broker that refuses a new price after a fill; here the price of what is left may change.
#[test]
fn d9_c2a_replace_of_the_price_after_a_fill() {
    let mut desk = Desk::new();
    desk.executes("1000");
    let dearer = Replacement {
        limit_price: Some(price("1.01")),
        ..Replacement::default()
    };
    desk.asks_to(dearer).unwrap();
    let order = desk.order();
    assert_eq!(
        (order.status, order.filled),
        (FILLED, quantity("10000")),
        "1.01 meets the quote at once"
    );
    assert_eq!(desk.account.executions[1].price, price("1.01"));
}

#[test]
fn d10_c3a_replace_to_less_than_asked_and_more_than_filled() {
    let mut desk = Desk::new();
    desk.executes("500");
    desk.asks_for("8000").unwrap();
    desk.is(PART, ["8000", "500", "7500"]);
    desk.executes("7500");
    desk.is(FILLED, ["8000", "8000", "0"]);
}

#[test]
fn d11_c3b_replace_to_what_is_filled() {
    let mut desk = Desk::new();
    desk.executes("7000");
    desk.asks_for("7000").unwrap();
    desk.is(FILLED, ["7000", "7000", "0"]);
}

#[test]
fn d12_c3c_replace_to_less_than_is_filled() {
    let mut desk = Desk::new();
    desk.executes("8000");
    desk.asks_for("7000").unwrap();
    desk.is(FILLED, ["8000", "8000", "0"]);
}

#[test]
fn d13_d1a_one_replace_and_then_another() {
    let mut desk = Desk::new();
    desk.executes("1000");
    desk.asks_for("8000").unwrap();
    desk.executes("500");
    desk.is(PART, ["8000", "1500", "6500"]);
    desk.asks_for("6000").unwrap();
    desk.is(PART, ["6000", "1500", "4500"]);
    desk.executes("4500");
    desk.is(FILLED, ["6000", "6000", "0"]);
}

#[test]
fn d14_d1b_a_replace_that_is_refused_and_then_one_that_is_not() {
    let mut desk = Desk::new();
    desk.executes("1000");
    assert_eq!(desk.asks_for("0").unwrap_err().code(), "out_of_range");
    desk.is(PART, ["10000", "1000", "9000"]);
    desk.asks_for("6000").unwrap();
    desk.is(PART, ["6000", "1000", "5000"]);
}

#[test]
fn d15_d1c_a_replace_that_the_account_cannot_pay_and_then_one_that_it_can() {
    let mut desk = Desk::new();
    desk.executes("1000");
    assert_eq!(desk.asks_for("2000000").unwrap_err().code(), "insufficient_funds");
    desk.is(PART, ["10000", "1000", "9000"]);
    desk.asks_for("990000").unwrap();
    desk.is(PART, ["990000", "1000", "989000"]);
}

#[test]
fn d16_d2a_replaces_one_right_after_the_other() {
    let mut desk = Desk::new();
    desk.asks_for("8000").unwrap();
    desk.asks_for("7000").unwrap();
    desk.executes("5000");
    desk.is(PART, ["7000", "5000", "2000"]);
    assert_eq!(desk.asks(&Command::Cancel), Ok(()));
    desk.is(CANCELLED, ["7000", "5000", "0"]);
}

#[test]
fn f1_an_order_that_is_rejected() {
    let mut account = Account::with_cash("10.00");
    let now = open(quote(1, "0.99", "1.01"));
    let order = account
        .place(limit(Side::Buy, "10000", "1.00", TimeInForce::Day), now)
        .unwrap();
    assert_eq!(
        (order.status, order.reason),
        (OrderStatus::Rejected, Some(Reason::InsufficientFunds))
    );
}

#[test]
fn f2_an_order_of_an_id_that_is_taken() {
    let desk = Desk::new();
    let state = AccountState::with_order(
        desk.account.cash,
        desk.account.position("AAPL".parse().unwrap()),
        desk.order(),
    );
    let again = Command::Place {
        order_id: order_id(1),
        terms: *desk.order().terms(),
        market: open(quote(2, "0.99", "1.01")),
    };
    assert!(matches!(
        decide(&Rules::default(), &state, &again),
        Err(Invalid::State(_))
    ));
}

#[test]
fn h1_a_gtc_order_that_fills_over_days() {
    let mut desk = Desk::with(TimeInForce::Gtc, "0");
    desk.executes("2000");
    desk.executes("3000");
    desk.executes("5000");
    desk.is(FILLED, ["10000", "10000", "0"]);
}

#[test]
fn i1a_fok_that_cannot_be_filled() {
    let desk = Desk::with(TimeInForce::Fok, "9999");
    desk.is(CANCELLED, ["10000", "0", "0"]);
    assert_eq!(desk.order().reason, Some(Reason::FokUnfilled));
}

#[test]
fn i1b_ioc_that_is_filled_in_part() {
    let desk = Desk::with(TimeInForce::Ioc, "1000");
    desk.is(CANCELLED, ["10000", "1000", "0"]);
    assert_eq!(desk.order().reason, Some(Reason::IocRemainder));
}

/// A halt is a market without a usable quote: the order rests, and can be withdrawn.
#[test]
fn k1_a_cancel_while_trading_is_halted() {
    let mut account = Account::with_cash("1000000.00");
    let terms = limit(Side::Buy, "10000", "1.00", TimeInForce::Day);
    let id = account
        .place(terms, Market::Unusable { seq: 4 })
        .unwrap()
        .intake
        .order_id;
    assert_eq!(account.orders[&id].status, NEW);
    account.on(id, &Command::Cancel).unwrap();
    assert_eq!(account.orders[&id].status, CANCELLED);
}
