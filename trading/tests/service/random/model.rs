//! Accounts in memory that run the pure rules one command after the other, and one symbol's quote with what is left of it.

use std::collections::BTreeMap;

use crate::support::aapl;
use platform_core::Timestamp;
use trading::{
    AccountState, Amount, Cash, Command, Event, Market, Order, OrderId, OrderTerms, Position, Price, Pricing,
    Quantity, Quote, QuoteView, ReplaceTicket, Rules, Side, Ticket, TimeInForce, Trigger, apply, decide,
};

pub(crate) struct Account {
    pub(crate) cash: Cash,
    pub(crate) position: Position,
    orders: BTreeMap<OrderId, Order>,
}

pub(crate) struct Model {
    accounts: Vec<Account>,
    left: Option<Left>,
    queued: BTreeMap<OrderId, u64>,
    turns: u64,
}

/// The current quote and the shares of it that nobody has taken.
struct Left {
    quote: QuoteView,
    at: Timestamp,
    bid: Quantity,
    ask: Quantity,
    /// Midnight came more than five seconds after it: nothing trades on it any more.
    stale: bool,
}

impl Model {
    pub(crate) fn new(accounts: usize) -> Self {
        let deposit = || {
            let (cash, _) = Cash::default().deposit(Amount::new(1_000_000).unwrap()).unwrap();
            Account {
                cash,
                position: Position::flat(aapl()),
                orders: BTreeMap::new(),
            }
        };
        Self {
            accounts: (0..accounts).map(|_| deposit()).collect(),
            left: None,
            queued: BTreeMap::new(),
            turns: 0,
        }
    }

    pub(crate) fn account(&self, who: usize) -> &Account {
        &self.accounts[who]
    }

    pub(crate) fn order(&self, who: usize, id: OrderId) -> &Order {
        &self.accounts[who].orders[&id]
    }

    pub(crate) fn offer(&mut self, quote: &Quote) {
        self.left = Some(Left {
            quote: QuoteView::from(quote),
            at: quote.at,
            bid: quote.bid_size,
            ask: quote.ask_size,
            stale: false,
        });
    }

    /// Whether an order of this form cannot be placed now: it needs a fresh quote and there is none, or the quote has passed its stop.
    pub(crate) fn refuses(&self, ticket: &Ticket) -> bool {
        let terms = ticket.validate().unwrap();
        let fresh = self.left.as_ref().filter(|left| !left.stale);
        match (fresh, terms.pricing().stop_price()) {
            (Some(left), Some(stop)) => Trigger::Last.elects(terms.side(), stop, &left.quote),
            (Some(_), None) => false,
            (None, _) => terms.pricing() == Pricing::Market || terms.time_in_force().is_immediate(),
        }
    }

    pub(crate) fn place(&mut self, who: usize, id: OrderId, ticket: &Ticket) {
        let terms = ticket.validate().unwrap();
        let market = self.market(|left| left.offered(&terms));
        let account = &self.accounts[who];
        let before = AccountState::before_order(account.cash, account.position);
        let place = Command::Place {
            order_id: id,
            terms,
            market,
        };
        self.queue(id);
        self.run(who, before, &place);
    }

    fn market(&self, offered: impl Fn(&Left) -> Quantity) -> Market {
        match &self.left {
            Some(left) if !left.stale => Market::Open {
                quote: left.quote,
                offered: offered(left),
            },
            other => Market::Unusable {
                seq: other.as_ref().map_or(0, |left| left.quote.seq),
            },
        }
    }

    /// The order goes to the end of the queue.
    fn queue(&mut self, id: OrderId) {
        self.turns += 1;
        self.queued.insert(id, self.turns);
    }

    /// Why the order is not changed.
    pub(crate) fn replace(
        &mut self,
        who: usize,
        id: OrderId,
        ticket: &ReplaceTicket,
    ) -> Option<&'static str> {
        let replacement = match ticket.validate() {
            Ok(replacement) => replacement,
            Err(problems) => return Some(problems[0].problem.code()),
        };
        let order = *self.order(who, id);
        let account = &self.accounts[who];
        let before = AccountState::with_order(account.cash, account.position, order);
        let market = self.market(|left| left.side(order.terms().side()));
        let replace = Command::Replace { replacement, market };
        match decide(&Rules::default(), &before, &replace) {
            Err(refused) => Some(refused.code()),
            Ok(events) => {
                let requeued = |event: &Event| {
                    matches!(
                        event,
                        Event::Replaced {
                            keeps_priority: false,
                            ..
                        }
                    )
                };
                if events.iter().any(requeued) {
                    self.queue(id);
                }
                self.run(who, before, &replace);
                None
            }
        }
    }

    /// `false` when the order is final.
    pub(crate) fn cancel(&mut self, who: usize, id: OrderId) -> bool {
        let order = *self.order(who, id);
        let is_open = !order.status.is_terminal();
        if is_open {
            self.on(who, order, &Command::Cancel);
        }
        is_open
    }

    /// The stops that wait meet the quote, the nearest first, and then the orders that work: the buys with the highest price first, the
    /// sells with the lowest, each in the order of the queue.
    pub(crate) fn meet(&mut self) {
        let Some(quote) = self
            .left
            .as_ref()
            .filter(|left| !left.stale)
            .map(|left| left.quote)
        else {
            return;
        };
        for (who, order) in self.open() {
            self.on(who, order, &Command::Elect { quote });
        }
        let mut eager: Vec<_> = self.open();
        eager.retain(|(_, order)| order.status.is_working());
        eager.sort_by_key(|(_, order)| {
            let worst = order.intake.worst_price.map_or(i64::MIN, Price::e4);
            let queued = self.queued[&order.intake.order_id];
            match order.terms().side() {
                Side::Buy => (0, -worst, queued),
                Side::Sell => (1, worst, queued),
            }
        });
        for (who, order) in eager {
            let left = self.left.as_ref().unwrap();
            let fill = Command::Fill {
                quote,
                offered: left.side(order.terms().side()).min(order.leaves()),
            };
            self.on(who, order, &fill);
        }
    }

    pub(crate) fn midnight(&mut self, now: Timestamp) {
        for (who, order) in self.open() {
            if order.terms().time_in_force() == TimeInForce::Day {
                self.on(who, order, &Command::Expire);
            }
        }
        if let Some(left) = &mut self.left {
            left.stale = now - left.at > time::Duration::seconds(5);
        }
    }

    fn open(&self) -> Vec<(usize, Order)> {
        let accounts = self.accounts.iter().enumerate();
        accounts
            .flat_map(|(who, account)| account.orders.values().map(move |order| (who, *order)))
            .filter(|(_, order)| !order.status.is_terminal())
            .collect()
    }

    fn on(&mut self, who: usize, order: Order, command: &Command) {
        let account = &self.accounts[who];
        let before = AccountState::with_order(account.cash, account.position, order);
        self.run(who, before, command);
    }

    fn run(&mut self, who: usize, before: AccountState, command: &Command) {
        let events = decide(&Rules::default(), &before, command).unwrap();
        let after = events
            .iter()
            .try_fold(before, |state, event| apply(&state, event))
            .unwrap();
        let account = &mut self.accounts[who];
        account.cash = after.cash;
        account.position = after.position;
        let order = after.order.unwrap();
        account.orders.insert(order.intake.order_id, order);
        for execution in events.iter().filter_map(Event::execution) {
            let left = self.left.as_mut().unwrap();
            let side = match execution.side {
                Side::Buy => &mut left.ask,
                Side::Sell => &mut left.bid,
            };
            *side = side.checked_sub(execution.quantity).unwrap();
        }
    }
}

impl Left {
    fn side(&self, side: Side) -> Quantity {
        match side {
            Side::Buy => self.ask,
            Side::Sell => self.bid,
        }
    }

    fn offered(&self, terms: &OrderTerms) -> Quantity {
        let granted = self.side(terms.side()).min(terms.quantity());
        let complete = granted == terms.quantity() || terms.time_in_force() != TimeInForce::Fok;
        if complete { granted } else { Quantity::ZERO }
    }
}
