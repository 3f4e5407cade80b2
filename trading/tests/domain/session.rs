//! Days of an account in a market of two symbols, made of random operations.

use crate::support::{Account, cents, order_id, parse};
use platform_core::Timestamp;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;
use trading::{
    Cents, Command, Event, Invalid, Market, Order, OrderId, OrderStatus, OrderTerms, Price, Pricing,
    Priority, Quantity, QuoteView, Replacement, Rules, Side, Symbol, TimeInForce,
};

/// The prices of an order, above or below the bid in units of the grid.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Market,
    Limit(i64),
    Stop(i64),
    StopLimit(i64, i64),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    pub(crate) quantity_e6: Option<i64>,
    pub(crate) limit: Option<i64>,
    pub(crate) stop: Option<i64>,
    pub(crate) time_in_force: Option<TimeInForce>,
}

#[derive(Debug, Clone)]
pub(crate) enum Op {
    Place {
        symbol: usize,
        side: Side,
        kind: Kind,
        time_in_force: TimeInForce,
        quantity_e6: i64,
    },
    /// The market moves, unless it is closed. The last trade is so far above the bid: it may be outside the quote.
    Quote {
        symbol: usize,
        middle: i64,
        half_spread: i64,
        print: i64,
        size_e6: i64,
    },
    /// The newest quote arrives again.
    Repeat {
        symbol: usize,
    },
    Replace(usize, Change),
    Cancel(usize),
    Expire(usize),
    /// The market closes, or opens.
    Bell,
}

/// How fine prices and quantities are: prices are multiples of `price_e4`, quantities of `quantity_e6`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    pub(crate) price_e4: i64,
    pub(crate) quantity_e6: i64,
}

pub(crate) const FINE: Grid = Grid {
    price_e4: 1,
    quantity_e6: 1,
};

fn shares(grid: Grid) -> impl Strategy<Value = i64> + Clone {
    let unit = grid.quantity_e6;
    prop_oneof![
        (1..200_i64).prop_map(|shares| shares * 1_000_000),
        (1..60_000_000 / unit).prop_map(move |units| units * unit),
    ]
}

fn place(grid: Grid) -> impl Strategy<Value = Op> {
    let away = -30..30_i64;
    let kind = prop_oneof![
        3 => Just(Kind::Market),
        4 => away.clone().prop_map(Kind::Limit),
        2 => (-150..150_i64).prop_map(Kind::Stop),
        2 => (-150..150_i64, -200..200_i64).prop_map(|(stop, limit)| Kind::StopLimit(stop, limit)),
    ];
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    (
        0..2_usize,
        side,
        kind,
        prop::sample::select(TimeInForce::ALL),
        shares(grid),
    )
        .prop_map(|(symbol, side, kind, time_in_force, quantity_e6)| {
            // A stop that should execute at once is no order; the tickets' tests have that.
            let rests = matches!(kind, Kind::Stop(_) | Kind::StopLimit(..));
            Op::Place {
                symbol,
                side,
                kind,
                time_in_force: match time_in_force {
                    TimeInForce::Ioc | TimeInForce::Fok if rests => TimeInForce::Gtc,
                    other => other,
                },
                quantity_e6,
            }
        })
}

fn change(grid: Grid) -> impl Strategy<Value = Change> {
    let often = prop::sample::select([TimeInForce::Day, TimeInForce::Gtc, TimeInForce::Ioc].as_slice());
    (
        prop::option::weighted(0.6, shares(grid)),
        prop::option::weighted(0.3, -30..30_i64),
        prop::option::weighted(0.2, -150..150_i64),
        prop::option::weighted(0.2, often),
    )
        .prop_map(|(quantity_e6, limit, stop, time_in_force)| Change {
            quantity_e6,
            limit,
            stop,
            time_in_force,
        })
}

pub(crate) fn ops(grid: Grid) -> impl Strategy<Value = Vec<Op>> {
    let quote = (0..2_usize, 2_900..3_100_i64, 0..20_i64, -3..25_i64, shares(grid)).prop_map(
        |(symbol, middle, half_spread, print, size_e6)| Op::Quote {
            symbol,
            middle,
            half_spread,
            print,
            size_e6,
        },
    );
    prop::collection::vec(
        prop_oneof![
            12 => place(grid),
            10 => quote,
            2 => (0..2_usize).prop_map(|symbol| Op::Repeat { symbol }),
            5 => (any::<usize>(), change(grid)).prop_map(|(pick, change)| Op::Replace(pick, change)),
            2 => any::<usize>().prop_map(Op::Cancel),
            2 => any::<usize>().prop_map(Op::Expire),
            1 => Just(Op::Bell),
        ],
        1..40,
    )
}

/// An account in a market of two symbols.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) account: Account,
    pub(crate) quotes: [QuoteView; 2],
    /// What the quotes have left at the bid and at the ask.
    pub(crate) left: [(Quantity, Quantity); 2],
    pub(crate) closed: bool,
    pub(crate) grid: Grid,
    queued: BTreeMap<OrderId, Timestamp>,
    /// What the last operation was refused for.
    pub(crate) refused: Option<&'static str>,
}

pub(crate) fn symbol(index: usize) -> Symbol {
    parse(["AAPL", "MSFT"][index])
}

fn price_e4(e4: i64) -> Price {
    Price::from_e4(e4).unwrap()
}

impl Session {
    pub(crate) fn new(deposit: Cents, rules: Rules, grid: Grid) -> Self {
        let size = Quantity::from_e6(150_000_000).unwrap();
        let first = QuoteView {
            seq: 1,
            bid: price_e4(3_000 * grid.price_e4),
            ask: price_e4(3_001 * grid.price_e4),
            last: price_e4(3_000 * grid.price_e4),
            bid_size: size,
            ask_size: size,
        };
        Self {
            account: Account::new(deposit, rules),
            quotes: [first; 2],
            left: [(size, size); 2],
            closed: false,
            grid,
            queued: BTreeMap::new(),
            refused: None,
        }
    }

    pub(crate) fn run(&mut self, op: &Op) {
        let (executions, closed) = (self.account.executions.len(), self.closed);
        self.refused = None;
        match op {
            Op::Place { symbol, .. } => self.place(*symbol, self.terms(op)),
            Op::Quote { symbol, .. } if !self.closed => {
                self.quotes[*symbol] = self.moved(op);
                self.left[*symbol] = (self.quotes[*symbol].bid_size, self.quotes[*symbol].ask_size);
                self.meet(*symbol);
            }
            Op::Repeat { symbol } if !self.closed => self.meet(*symbol),
            Op::Quote { .. } | Op::Repeat { .. } => {}
            Op::Replace(pick, change) => self.replace(*pick, change),
            Op::Cancel(pick) => self.close(*pick, &Command::Cancel),
            Op::Expire(pick) => self.close(*pick, &Command::Expire),
            Op::Bell => self.bell(),
        }
        assert!(
            !closed || executions == self.account.executions.len(),
            "a trade while the market was closed"
        );
    }

    pub(crate) fn place(&mut self, symbol: usize, terms: OrderTerms) {
        let market = self.market(symbol, terms.side());
        self.take(symbol, |session| match session.account.place(terms, market) {
            Ok(order) => session.queue(order.intake.order_id),
            Err(refused) => session.refused = Some(refused.code()),
        });
    }

    fn market(&self, symbol: usize, side: Side) -> Market {
        let quote = self.quotes[symbol];
        if self.closed {
            return Market::Closed { newest: Some(quote) };
        }
        let offered = self.offered(symbol, side);
        Market::Open { quote, offered }
    }

    fn offered(&self, symbol: usize, side: Side) -> Quantity {
        match side {
            Side::Buy => self.left[symbol].1,
            Side::Sell => self.left[symbol].0,
        }
    }

    /// Does something, and takes what it trades from what the quote has left.
    fn take(&mut self, symbol: usize, does: impl FnOnce(&mut Self)) {
        let before = self.account.executions.len();
        does(self);
        for execution in &self.account.executions[before..] {
            assert_eq!(
                execution.id.quote_seq, self.quotes[symbol].seq,
                "an earlier quote"
            );
            let (bid_left, ask_left) = &mut self.left[symbol];
            let left = match execution.side {
                Side::Buy => ask_left,
                Side::Sell => bid_left,
            };
            *left = left
                .checked_sub(execution.quantity)
                .expect("more than was displayed");
        }
    }

    /// The order goes to the end of the queue.
    fn queue(&mut self, id: OrderId) {
        let turn = Duration::from_secs(u64::try_from(self.account.events.len()).unwrap());
        self.queued.insert(id, Timestamp::UNIX_EPOCH + turn);
    }

    pub(crate) fn terms(&self, op: &Op) -> OrderTerms {
        let Op::Place {
            symbol: index,
            side,
            kind,
            time_in_force,
            quantity_e6,
        } = op
        else {
            unreachable!("only placements")
        };
        let at = |away: &i64| price_e4(self.away_e4(*index, *away));
        let pricing = match kind {
            Kind::Market => Pricing::Market,
            Kind::Limit(limit) => Pricing::Limit { limit: at(limit) },
            Kind::Stop(stop) => Pricing::Stop { stop: at(stop) },
            Kind::StopLimit(stop, limit) => Pricing::StopLimit {
                stop: at(stop),
                limit: at(limit),
            },
        };
        OrderTerms::market(symbol(*index), *side, Quantity::from_e6(*quantity_e6).unwrap())
            .unwrap()
            .with(pricing, *time_in_force)
            .unwrap()
    }

    pub(crate) fn away_e4(&self, symbol: usize, away: i64) -> i64 {
        self.quotes[symbol].bid.e4() + away * self.grid.price_e4
    }

    pub(crate) fn moved(&self, op: &Op) -> QuoteView {
        let Op::Quote {
            symbol,
            middle,
            half_spread,
            print,
            size_e6,
        } = op
        else {
            unreachable!("only quotes")
        };
        let at = |units: i64| price_e4(units * self.grid.price_e4);
        let size = Quantity::from_e6(*size_e6).unwrap();
        QuoteView {
            seq: self.quotes[*symbol].seq + 1,
            bid: at(middle - half_spread),
            ask: at(middle + half_spread),
            last: at(middle - half_spread + print),
            bid_size: size,
            ask_size: size,
        }
    }

    fn of_symbol(&self, index: usize) -> Vec<Order> {
        let orders = self.account.orders.values();
        orders
            .filter(|order| order.terms().symbol() == symbol(index))
            .copied()
            .collect()
    }

    fn since(&self, order: &Order) -> (Timestamp, OrderId) {
        let id = order.intake.order_id;
        (self.queued.get(&id).copied().unwrap_or(Timestamp::UNIX_EPOCH), id)
    }

    /// The order of one tick: the stops that wait, nearest first, then the orders that work, most eager first.
    fn meet(&mut self, index: usize) {
        let quote = self.quotes[index];
        let mut stops: Vec<Priority> = Vec::new();
        for order in self.of_symbol(index) {
            if let (OrderStatus::Pending, Some(stop)) = (order.status, order.awaited_stop()) {
                stops.push(Priority::to_elect(order.terms().side(), stop, self.since(&order)));
            }
        }
        stops.sort();
        for stop in stops {
            self.account.on(stop.id(), &Command::Elect { quote }).unwrap();
        }

        let mut working: Vec<Priority> = Vec::new();
        for order in self.of_symbol(index) {
            if !order.status.is_terminal() {
                let (side, worst) = (order.terms().side(), order.intake.worst_price);
                working.push(Priority::to_fill(side, worst, self.since(&order)));
            }
        }
        working.sort();
        for place in working {
            let side = self.account.orders[&place.id()].terms().side();
            let offered = self.offered(index, side);
            self.take(index, |session| {
                let fill = Command::Fill { quote, offered };
                session.account.on(place.id(), &fill).unwrap();
            });
        }
    }

    fn pick(&self, pick: usize) -> Option<Order> {
        let number = pick.checked_rem(self.account.orders.len())?;
        Some(self.account.orders[&order_id(number + 1)])
    }

    fn replace(&mut self, pick: usize, change: &Change) {
        let Some(order) = self.pick(pick) else { return };
        let index = usize::from(order.terms().symbol() == symbol(1));
        let at = |away: i64| price_e4(self.away_e4(index, away));
        let replacement = Replacement {
            quantity: change.quantity_e6.map(|e6| Quantity::from_e6(e6).unwrap()),
            limit_price: change.limit.map(at),
            stop_price: change.stop.map(at),
            time_in_force: change.time_in_force,
        };
        let market = self.market(index, order.terms().side());
        let id = order.intake.order_id;
        self.take(index, |session| {
            let replace = Command::Replace { replacement, market };
            match session.account.on(id, &replace) {
                Ok(events) => {
                    let requeued = events.iter().any(|event| {
                        matches!(
                            event,
                            Event::Replaced {
                                keeps_priority: false,
                                ..
                            }
                        )
                    });
                    if requeued {
                        session.queue(id);
                    }
                }
                Err(refused) => session.refused = Some(refused.code()),
            }
        });
    }

    fn close(&mut self, pick: usize, command: &Command) {
        if let Some(order) = self.pick(pick) {
            let closed = order.status.is_terminal();
            let done = self.account.on(order.intake.order_id, command);
            assert_eq!(matches!(done, Err(Invalid::OrderClosed { .. })), closed);
        }
    }

    fn bell(&mut self) {
        self.closed = !self.closed;
        if self.closed {
            return;
        }
        let ids: Vec<OrderId> = self.account.orders.keys().copied().collect();
        for id in ids {
            self.account.on(id, &Command::Activate).unwrap();
        }
    }
}

/// What every session starts with.
pub(crate) fn deposit(poor: bool) -> Cents {
    if poor { cents("50.00") } else { cents("10000.00") }
}
