//! The same brokerage a second time, simple and slow, with a decimal library: what the core is compared with.

use rust_decimal::{Decimal, RoundingStrategy};
use trading::{Side, TimeInForce, Trigger};

fn half_even(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(2, RoundingStrategy::MidpointNearestEven)
}

fn ceiling(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(2, RoundingStrategy::ToPositiveInfinity)
}

/// 5 % above, in whole cents.
fn collared(price: Decimal) -> Decimal {
    ceiling(price * Decimal::new(105, 2))
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NaiveQuote {
    pub(crate) seq: u64,
    pub(crate) bid: Decimal,
    pub(crate) ask: Decimal,
    pub(crate) last: Decimal,
    pub(crate) bid_left: Decimal,
    pub(crate) ask_left: Decimal,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NaiveOrder {
    pub(crate) symbol: usize,
    pub(crate) side: Side,
    pub(crate) time_in_force: TimeInForce,
    pub(crate) quantity: Decimal,
    pub(crate) limit: Option<Decimal>,
    pub(crate) stop: Option<Decimal>,
    pub(crate) worst: Option<Decimal>,
    pub(crate) elected: bool,
    pub(crate) fills: Vec<(Decimal, Decimal)>,
    pub(crate) status: &'static str,
    /// Its number in the queue.
    pub(crate) queued: usize,
    /// The quote it has traded on last.
    pub(crate) traded: Option<u64>,
}

/// What a replacement asks for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NaiveChange {
    pub(crate) quantity: Option<Decimal>,
    pub(crate) limit: Option<Decimal>,
    pub(crate) stop: Option<Decimal>,
    pub(crate) time_in_force: Option<TimeInForce>,
}

impl NaiveOrder {
    fn open(&self) -> bool {
        matches!(self.status, "pending" | "submitted" | "partial")
    }

    fn working(&self) -> bool {
        matches!(self.status, "submitted" | "partial")
    }

    fn filled(&self) -> Decimal {
        self.fills.iter().map(|(quantity, _)| quantity).sum()
    }

    pub(crate) fn leaves(&self) -> Decimal {
        self.quantity - self.filled()
    }

    fn worth(&self) -> Decimal {
        self.fills.iter().map(|(quantity, price)| quantity * price).sum()
    }

    pub(crate) fn hold(&self) -> Decimal {
        match (self.side, self.worst) {
            (Side::Buy, Some(worst)) if self.open() => {
                ceiling(self.worth() + self.leaves() * worst) - half_even(self.worth())
            }
            _ => Decimal::ZERO,
        }
    }

    fn shares_held(&self) -> Decimal {
        if self.side == Side::Sell && self.open() {
            self.leaves()
        } else {
            Decimal::ZERO
        }
    }

    fn elects(&self, trigger: Trigger, quote: &NaiveQuote) -> bool {
        let Some(stop) = self.stop else { return false };
        match (trigger, self.side) {
            (Trigger::Last, side) => {
                let is_a_price = quote.bid <= quote.last && quote.last <= quote.ask;
                is_a_price
                    && if side == Side::Buy {
                        stop <= quote.last
                    } else {
                        quote.last <= stop
                    }
            }
            (Trigger::Quote, Side::Buy) => stop <= quote.ask,
            (Trigger::Quote, Side::Sell) => quote.bid <= stop,
        }
    }
}

/// Everything is computed from the list of orders and their executions, but for the cost, which depends on their sequence.
#[derive(Debug, Clone)]
pub(crate) struct Naive {
    pub(crate) deposit: Decimal,
    pub(crate) trigger: Trigger,
    pub(crate) closed: bool,
    pub(crate) quotes: [NaiveQuote; 2],
    pub(crate) orders: Vec<NaiveOrder>,
    pub(crate) cost: [Decimal; 2],
    pub(crate) realized: [Decimal; 2],
    queue: usize,
}

impl Naive {
    pub(crate) fn new(deposit: Decimal, trigger: Trigger, quote: NaiveQuote) -> Self {
        Self {
            deposit,
            trigger,
            closed: false,
            quotes: [quote; 2],
            orders: Vec::new(),
            cost: [Decimal::ZERO; 2],
            realized: [Decimal::ZERO; 2],
            queue: 0,
        }
    }

    pub(crate) fn held(&self) -> Decimal {
        self.orders.iter().map(NaiveOrder::hold).sum()
    }

    pub(crate) fn available(&self) -> Decimal {
        let signed = |order: &NaiveOrder| match order.side {
            Side::Buy => -half_even(order.worth()),
            Side::Sell => half_even(order.worth()),
        };
        self.deposit + self.orders.iter().map(signed).sum::<Decimal>() - self.held()
    }

    pub(crate) fn owned(&self, symbol: usize) -> Decimal {
        let signed = |order: &NaiveOrder| match order.side {
            Side::Buy => order.filled(),
            Side::Sell => -order.filled(),
        };
        let of_symbol = self.orders.iter().filter(|order| order.symbol == symbol);
        of_symbol.map(signed).sum()
    }

    pub(crate) fn held_shares(&self, symbol: usize) -> Decimal {
        let of_symbol = self.orders.iter().filter(|order| order.symbol == symbol);
        of_symbol.map(NaiveOrder::shares_held).sum()
    }

    fn next_in_queue(&mut self) -> usize {
        self.queue += 1;
        self.queue
    }

    /// A new order, or the code with which it is refused.
    pub(crate) fn place(&mut self, mut order: NaiveOrder) -> Result<(), &'static str> {
        let quote = self.quotes[order.symbol];
        let immediate = matches!(order.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
        if self.closed && immediate {
            return Err("market_closed");
        }
        if !self.closed && order.elects(self.trigger, &quote) {
            return Err("stop_through_market");
        }
        order.worst = match (order.limit, order.stop, order.side) {
            (Some(limit), _, _) => Some(limit),
            (None, _, Side::Sell) => None,
            (None, Some(stop), Side::Buy) => Some(collared(stop)),
            (None, None, Side::Buy) => Some(collared(quote.ask)),
        };
        order.status = "pending";
        order.queued = self.next_in_queue();
        let free = self.owned(order.symbol) - self.held_shares(order.symbol);
        let covered = match order.side {
            Side::Buy => order.hold() <= self.available(),
            Side::Sell => order.quantity <= free,
        };
        let waits = self.closed || order.stop.is_some();
        order.status = match (covered, waits) {
            (false, _) => "rejected",
            (true, true) => "pending",
            (true, false) => "submitted",
        };
        let index = self.orders.len();
        let fits = self.left(order.symbol, order.side) >= order.quantity;
        let all_or_none = order.time_in_force == TimeInForce::Fok;
        self.orders.push(order);
        if !all_or_none || fits {
            self.fill(index);
        }
        if immediate {
            self.close(index, "cancelled");
        }
        Ok(())
    }

    fn left(&self, symbol: usize, side: Side) -> Decimal {
        match side {
            Side::Buy => self.quotes[symbol].ask_left,
            Side::Sell => self.quotes[symbol].bid_left,
        }
    }

    /// The order takes what the current quote has left for it.
    fn fill(&mut self, index: usize) {
        let order = &self.orders[index];
        let (symbol, side, owned) = (order.symbol, order.side, self.owned(order.symbol));
        let quote = self.quotes[symbol];
        let price = if side == Side::Buy { quote.ask } else { quote.bid };
        let good = match side {
            Side::Buy => order.worst.is_some_and(|worst| price <= worst),
            Side::Sell => order.worst.is_none_or(|worst| price >= worst),
        };
        let quantity = order.leaves().min(self.left(symbol, side));
        if !order.working() || !good || quantity.is_zero() || order.traded == Some(quote.seq) {
            return;
        }
        let order = &mut self.orders[index];
        let before = half_even(order.worth());
        order.fills.push((quantity, price));
        order.traded = Some(quote.seq);
        let cash = half_even(order.worth()) - before;
        order.status = if order.leaves().is_zero() {
            "filled"
        } else {
            "partial"
        };
        if side == Side::Buy {
            self.quotes[symbol].ask_left -= quantity;
            self.cost[symbol] += cash;
        } else {
            self.quotes[symbol].bid_left -= quantity;
            let removed = half_even(self.cost[symbol] * quantity / owned);
            self.cost[symbol] -= removed;
            self.realized[symbol] += cash - removed;
        }
    }

    /// The market moves: stops are elected first, then the orders that work are filled, the best price first.
    pub(crate) fn tick(&mut self, symbol: usize, quote: NaiveQuote) {
        self.quotes[symbol] = quote;
        let mut working = Vec::new();
        for (index, order) in self.orders.iter_mut().enumerate() {
            if order.symbol == symbol && order.status == "pending" && order.elects(self.trigger, &quote) {
                order.status = "submitted";
                order.elected = true;
            }
            if order.symbol == symbol && order.working() {
                let eagerness = match (order.side, order.worst) {
                    (_, None) => Decimal::MIN,
                    (Side::Buy, Some(worst)) => -worst,
                    (Side::Sell, Some(worst)) => worst,
                };
                working.push((eagerness, order.queued, index));
            }
        }
        working.sort();
        for (_, _, index) in working {
            self.fill(index);
        }
    }

    pub(crate) fn open(&mut self) {
        self.closed = false;
        for order in &mut self.orders {
            if order.status == "pending" && order.stop.is_none() {
                order.status = "submitted";
            }
        }
    }

    pub(crate) fn replace(&mut self, index: usize, change: NaiveChange) -> Result<(), &'static str> {
        let before = self.orders[index].clone();
        let after = self.replaced(&before, change)?;
        let quantity_alone = NaiveOrder {
            quantity: before.quantity,
            ..after.clone()
        };
        if after == before {
            return Ok(());
        }
        if after.quantity <= before.filled() {
            self.orders[index].quantity = before.filled();
            self.orders[index].status = "filled";
            return Ok(());
        }
        let moved = after.stop != before.stop;
        if moved && !self.closed && after.elects(self.trigger, &self.quotes[after.symbol]) {
            return Err("stop_through_market");
        }
        if after.hold() - before.hold() > self.available() {
            return Err("insufficient_funds");
        }
        let free = self.owned(after.symbol) - self.held_shares(after.symbol);
        if after.shares_held() - before.shares_held() > free {
            return Err("insufficient_shares");
        }
        let keeps = quantity_alone == before && after.quantity < before.quantity;
        self.orders[index] = after;
        if !keeps {
            self.orders[index].queued = self.next_in_queue();
        }
        if !self.closed {
            self.fill(index);
        }
        Ok(())
    }

    /// The order as the change would have it.
    fn replaced(&self, before: &NaiveOrder, change: NaiveChange) -> Result<NaiveOrder, &'static str> {
        if !before.open() {
            return Err(match before.status {
                "filled" => "order_filled",
                "cancelled" => "order_cancelled",
                "rejected" => "order_rejected",
                _ => "order_expired",
            });
        }
        if change.stop.is_some() && before.elected {
            return Err("stop_elected");
        }
        if matches!(change.time_in_force, Some(TimeInForce::Ioc | TimeInForce::Fok)) {
            return Err("unsupported_time_in_force");
        }
        let unknown_limit = change.limit.is_some() && before.limit.is_none();
        if unknown_limit || (change.stop.is_some() && before.stop.is_none()) {
            return Err("unexpected_field");
        }
        let mut after = before.clone();
        after.quantity = change.quantity.unwrap_or(after.quantity);
        after.limit = change.limit.or(after.limit);
        after.stop = change.stop.or(after.stop);
        after.time_in_force = change.time_in_force.unwrap_or(after.time_in_force);
        after.worst = match (after.limit, after.stop, after.side) {
            (Some(limit), _, _) => Some(limit),
            (None, Some(stop), Side::Buy) => Some(collared(stop)),
            _ => before.worst,
        };
        Ok(after)
    }

    pub(crate) fn close(&mut self, index: usize, status: &'static str) {
        if self.orders[index].open() {
            self.orders[index].status = status;
        }
    }
}
