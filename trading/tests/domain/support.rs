//! Short ways to write amounts, quotes and terms, and an account that runs commands.

use platform_core::uuid::Uuid;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::str::FromStr;
use trading::{
    AccountState, Cash, Cents, Command, Event, Execution, Invalid, Market, Order, OrderId, OrderTerms,
    Position, Price, Pricing, Quantity, QuoteView, Rules, Side, Symbol, TimeInForce, Transfer, apply, decide,
};

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
        let after = events
            .iter()
            .try_fold(state, |state, event| apply(&state, event))
            .unwrap();
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
