//! Short ways to write amounts, quotes and terms, and an account that runs commands.

use platform_core::uuid::Uuid;
use proptest::prelude::ProptestConfig;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::str::FromStr;
use trading::{
    AccountState, Cash, Cents, Command, Event, Execution, Invalid, Market, Order, OrderId, OrderTerms,
    Position, Price, Pricing, Quantity, QuoteView, Replacement, Rules, Side, Symbol, TimeInForce, Transfer,
    apply, decide,
};

/// So many cases, unless `PROPTEST_CASES` says how many.
pub(crate) fn cases(count: u32) -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(count),
    }
}

pub(crate) fn parse<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

pub(crate) fn price(text: &str) -> Price {
    parse(text)
}

pub(crate) fn quantity(text: &str) -> Quantity {
    parse(text)
}

pub(crate) fn cents(text: &str) -> Cents {
    parse(text)
}

pub(crate) fn aapl() -> Symbol {
    parse("AAPL")
}

pub(crate) fn order_id(number: usize) -> OrderId {
    OrderId::from_stored(Uuid::from_u128(u128::try_from(number).unwrap()))
}

/// A quote with this bid and ask, and 1,000 shares on each side.
pub(crate) fn quote(seq: u64, bid: &str, ask: &str) -> QuoteView {
    QuoteView {
        seq,
        bid: price(bid),
        ask: price(ask),
        last: price(bid),
        bid_size: quantity("1000"),
        ask_size: quantity("1000"),
    }
}

/// The same with another last price.
pub(crate) fn printed(quote: QuoteView, last: &str) -> QuoteView {
    QuoteView {
        last: price(last),
        ..quote
    }
}

pub(crate) fn open(quote: QuoteView) -> Market {
    Market::Open {
        quote,
        offered: quantity("1000"),
    }
}

pub(crate) fn fill(quote: QuoteView, offered: &str) -> Command {
    Command::Fill {
        quote,
        offered: quantity(offered),
    }
}

pub(crate) fn elect(quote: QuoteView) -> Command {
    Command::Elect { quote }
}

pub(crate) fn replace(replacement: Replacement, market: Market) -> Command {
    Command::Replace { replacement, market }
}

pub(crate) fn stop(side: Side, shares: &str, at: &str) -> OrderTerms {
    market(side, shares, TimeInForce::Day)
        .with(Pricing::Stop { stop: price(at) }, TimeInForce::Day)
        .unwrap()
}

pub(crate) fn stop_limit(side: Side, shares: &str, (at, limit): (&str, &str)) -> OrderTerms {
    let pricing = Pricing::StopLimit {
        stop: price(at),
        limit: price(limit),
    };
    market(side, shares, TimeInForce::Day)
        .with(pricing, TimeInForce::Day)
        .unwrap()
}

pub(crate) fn market(side: Side, shares: &str, time_in_force: TimeInForce) -> OrderTerms {
    OrderTerms::market(aapl(), side, quantity(shares))
        .and_then(|terms| terms.with(Pricing::Market, time_in_force))
        .unwrap()
}

pub(crate) fn limit(side: Side, shares: &str, at: &str, time_in_force: TimeInForce) -> OrderTerms {
    OrderTerms::market(aapl(), side, quantity(shares))
        .and_then(|terms| terms.with(Pricing::Limit { limit: price(at) }, time_in_force))
        .unwrap()
}

/// An account with its rows, as a database would keep them.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) rules: Rules,
    pub(crate) deposited: Cents,
    pub(crate) cash: Cash,
    pub(crate) positions: BTreeMap<Symbol, Position>,
    pub(crate) orders: BTreeMap<OrderId, Order>,
    pub(crate) executions: Vec<Execution>,
    pub(crate) transfers: Vec<Transfer>,
    pub(crate) events: Vec<Event>,
}

impl Account {
    pub(crate) fn with_cash(deposit: &str) -> Self {
        Self::new(cents(deposit), Rules::default())
    }

    pub(crate) fn new(deposited: Cents, rules: Rules) -> Self {
        let amount = trading::Amount::new(deposited.cents()).unwrap();
        let (cash, transfer) = Cash::default().deposit(amount).unwrap();
        Self {
            rules,
            deposited,
            cash,
            positions: BTreeMap::new(),
            orders: BTreeMap::new(),
            executions: Vec::new(),
            transfers: vec![transfer],
            events: Vec::new(),
        }
    }

    pub(crate) fn position(&self, symbol: Symbol) -> Position {
        self.positions
            .get(&symbol)
            .copied()
            .unwrap_or(Position::flat(symbol))
    }

    pub(crate) fn place(&mut self, terms: OrderTerms, market: Market) -> Result<Order, Invalid> {
        let id = order_id(self.orders.len() + 1);
        let state = AccountState::before_order(self.cash, self.position(terms.symbol()));
        self.run(
            state,
            &Command::Place {
                order_id: id,
                terms,
                market,
            },
        )?;
        Ok(self.orders[&id])
    }

    pub(crate) fn on(&mut self, id: OrderId, command: &Command) -> Result<Vec<Event>, Invalid> {
        let order = self.orders[&id];
        let state = AccountState::with_order(self.cash, self.position(order.terms().symbol()), order);
        self.run(state, command)
    }

    /// Decides, applies and writes the rows, as a transaction does.
    fn run(&mut self, state: AccountState, command: &Command) -> Result<Vec<Event>, Invalid> {
        let events = decide(&self.rules, &state, command)?;
        let mut after = state;
        for event in &events {
            let before = after;
            after = apply(&before, event).unwrap();
            assert_allowed(&before, &after, event);
        }
        self.cash = after.cash;
        self.positions.insert(after.position.symbol, after.position);
        if let Some(order) = after.order {
            self.orders.insert(order.intake.order_id, order);
        }
        for event in &events {
            self.transfers.extend_from_slice(event.transfers());
            self.executions.extend(event.execution());
        }
        self.events.extend(events.iter().cloned());
        Ok(events)
    }
}

/// No execution at a price that the order does not accept, and no step that the table of transitions does not have.
fn assert_allowed(before: &AccountState, after: &AccountState, event: &Event) {
    if let (Some(execution), Some(order)) = (event.execution(), before.order) {
        let worst = order.intake.worst_price;
        assert!(match execution.side {
            Side::Buy => worst.is_some_and(|worst| execution.price <= worst),
            Side::Sell => worst.is_none_or(|worst| execution.price >= worst),
        });
        assert!(execution.id.quote_seq > order.last_quote_seq || order.filled.is_zero());
    }
    let from = before.order.map_or("new", |order| order.status.as_str());
    let to = after.order.unwrap().status;
    let steps: &[&str] = match event.kind() {
        "accepted" => &["new pending", "new submitted"],
        "rejected" => &["new rejected", "pending rejected"],
        "triggered" | "activated" => &["pending submitted"],
        "filled" => &[
            "submitted partial",
            "submitted filled",
            "partial partial",
            "partial filled",
        ],
        "replaced" => &[
            "pending pending",
            "submitted submitted",
            "partial partial",
            "partial filled",
        ],
        "cancelled" => &["pending cancelled", "submitted cancelled", "partial cancelled"],
        "expired" => &["pending expired", "submitted expired", "partial expired"],
        other => unreachable!("{other}"),
    };
    assert!(
        steps.contains(&format!("{from} {to}").as_str()),
        "{from} {to} by {event:?}"
    );
}
