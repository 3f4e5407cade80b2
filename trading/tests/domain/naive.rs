//! The same brokerage a second time, simple and slow, with a decimal library: what the core is compared with.

use rust_decimal::{Decimal, RoundingStrategy};
use trading::{Side, TimeInForce};

fn half_even(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(2, RoundingStrategy::MidpointNearestEven)
}

fn ceiling(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(2, RoundingStrategy::ToPositiveInfinity)
}

#[derive(Debug, Clone)]
pub(crate) struct NaiveOrder {
    pub(crate) symbol: usize,
    pub(crate) side: Side,
    pub(crate) time_in_force: TimeInForce,
    pub(crate) quantity: Decimal,
    pub(crate) worst: Option<Decimal>,
    pub(crate) fills: Vec<(Decimal, Decimal)>,
    pub(crate) status: &'static str,
}

impl NaiveOrder {
    fn open(&self) -> bool {
        matches!(self.status, "submitted" | "partial")
    }

    pub(crate) fn leaves(&self) -> Decimal {
        self.quantity - self.fills.iter().map(|(quantity, _)| quantity).sum::<Decimal>()
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
}

/// Everything is computed from the list of orders and their executions, but for the cost, which depends on their sequence.
#[derive(Debug, Clone)]
pub(crate) struct Naive {
    pub(crate) deposit: Decimal,
    pub(crate) orders: Vec<NaiveOrder>,
    pub(crate) cost: [Decimal; 2],
    pub(crate) realized: [Decimal; 2],
}

impl Naive {
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
            Side::Buy => order.quantity - order.leaves(),
            Side::Sell => order.leaves() - order.quantity,
        };
        self.orders
            .iter()
            .filter(|order| order.symbol == symbol)
            .map(signed)
            .sum()
    }

    pub(crate) fn held_shares(&self, symbol: usize) -> Decimal {
        let selling =
            |order: &&NaiveOrder| order.symbol == symbol && order.side == Side::Sell && order.open();
        self.orders.iter().filter(selling).map(NaiveOrder::leaves).sum()
    }

    /// A new order; the one without a limit is a market order.
    pub(crate) fn place(&mut self, mut order: NaiveOrder, (bid, ask): (Decimal, Decimal), offered: Decimal) {
        if order.worst.is_none() && order.side == Side::Buy {
            let collared = ask * Decimal::new(105, 2);
            order.worst = Some(collared.round_dp_with_strategy(2, RoundingStrategy::ToPositiveInfinity));
        }
        let free = self.owned(order.symbol) - self.held_shares(order.symbol);
        let covered = match order.side {
            Side::Buy => order.hold() <= self.available(),
            Side::Sell => order.quantity <= free,
        };
        let (time_in_force, index) = (order.time_in_force, self.orders.len());
        order.status = if covered { "submitted" } else { "rejected" };
        let whole = offered >= order.quantity;
        self.orders.push(order);
        if time_in_force != TimeInForce::Fok || whole {
            self.fill(index, (bid, ask), offered);
        }
        if time_in_force.is_immediate() {
            self.close(index, "cancelled");
        }
    }

    pub(crate) fn fill(&mut self, index: usize, (bid, ask): (Decimal, Decimal), offered: Decimal) {
        let order = &self.orders[index];
        let good = match order.side {
            Side::Buy => order.worst.is_some_and(|worst| ask <= worst),
            Side::Sell => order.worst.is_none_or(|worst| bid >= worst),
        };
        let quantity = order.leaves().min(offered);
        if !order.open() || !good || quantity.is_zero() {
            return;
        }
        let (symbol, side, owned) = (order.symbol, order.side, self.owned(order.symbol));
        let order = &mut self.orders[index];
        let before = half_even(order.worth());
        order
            .fills
            .push((quantity, if side == Side::Buy { ask } else { bid }));
        let cash = half_even(order.worth()) - before;
        order.status = if order.leaves().is_zero() {
            "filled"
        } else {
            "partial"
        };
        if side == Side::Buy {
            self.cost[symbol] += cash;
        } else {
            let removed = half_even(self.cost[symbol] * quantity / owned);
            self.cost[symbol] -= removed;
            self.realized[symbol] += cash - removed;
        }
    }

    pub(crate) fn close(&mut self, index: usize, status: &'static str) {
        if self.orders[index].open() {
            self.orders[index].status = status;
        }
    }
}
