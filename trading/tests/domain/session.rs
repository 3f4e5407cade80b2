//! Long random sessions: the core against the naive brokerage.

use crate::invariants::check;
use crate::naive::{Naive, NaiveOrder};
use crate::support::{Account, cents, order_id, parse};
use proptest::prelude::*;
use rust_decimal::Decimal;
use trading::{
    Cents, Command, Event, FeeRate, Market, Order, OrderTerms, Price, Pricing, Quantity, QuoteView, Rules,
    Side, Symbol, TimeInForce,
};

#[derive(Debug, Clone)]
pub(crate) enum Op {
    Place {
        symbol: usize,
        side: Side,
        /// Above or below the middle of the market, in units of the grid; `None` for a market order.
        limit: Option<i64>,
        time_in_force: TimeInForce,
        quantity_e6: i64,
        offered_e6: i64,
    },
    /// The market moves: every open order of the symbol gets the offer.
    Quote {
        symbol: usize,
        middle: i64,
        half_spread: i64,
        offered_e6: i64,
    },
    /// The newest quote arrives again.
    Repeat {
        symbol: usize,
    },
    Cancel(usize),
    Expire(usize),
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

pub(crate) fn ops(grid: Grid) -> impl Strategy<Value = Vec<Op>> {
    let unit = grid.quantity_e6;
    let shares = move || {
        prop_oneof![
            (1..200_i64).prop_map(|shares| shares * 1_000_000),
            (1..60_000_000 / unit).prop_map(move |units| units * unit),
        ]
    };
    let place = (
        0..2_usize,
        prop_oneof![Just(Side::Buy), Just(Side::Sell)],
        prop::option::weighted(0.7, -30..30_i64),
        prop::sample::select(TimeInForce::ALL),
        shares(),
        shares(),
    );
    let place = place.prop_map(
        |(symbol, side, limit, time_in_force, quantity_e6, offered_e6)| Op::Place {
            symbol,
            side,
            limit,
            time_in_force,
            quantity_e6,
            offered_e6,
        },
    );
    let quote = (0..2_usize, 2_000..5_000_i64, 0..20_i64, shares());
    let quote = quote.prop_map(|(symbol, middle, half_spread, offered_e6)| Op::Quote {
        symbol,
        middle,
        half_spread,
        offered_e6,
    });
    prop::collection::vec(
        prop_oneof![
            6 => place,
            4 => quote,
            1 => (0..2_usize).prop_map(|symbol| Op::Repeat { symbol }),
            1 => any::<usize>().prop_map(Op::Cancel),
            1 => any::<usize>().prop_map(Op::Expire),
        ],
        1..60,
    )
}

/// An account in a market of two symbols.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) account: Account,
    pub(crate) quotes: [QuoteView; 2],
    offered: [Quantity; 2],
    grid: Grid,
}

pub(crate) fn symbol(index: usize) -> Symbol {
    parse(["AAPL", "MSFT"][index])
}

fn quote(seq: u64, bid: i64, ask: i64) -> QuoteView {
    let [bid, ask] = [bid, ask].map(|e4| Price::from_e4(e4).unwrap());
    QuoteView {
        seq,
        bid,
        ask,
        last: bid,
        bid_size: Quantity::MAX,
        ask_size: Quantity::MAX,
    }
}

impl Session {
    pub(crate) fn new(deposit: Cents, rules: Rules, grid: Grid) -> Self {
        let first = quote(1, 3_000 * grid.price_e4, 3_001 * grid.price_e4);
        let offered = Quantity::from_e6(1_000_000).unwrap();
        Self {
            account: Account::new(deposit, rules),
            quotes: [first; 2],
            offered: [offered; 2],
            grid,
        }
    }

    pub(crate) fn run(&mut self, op: &Op) {
        match op {
            Op::Place {
                symbol,
                quantity_e6,
                offered_e6,
                ..
            } => {
                let terms = self.terms(op, Quantity::from_e6(*quantity_e6).unwrap());
                let (quote, offered) = (self.quotes[*symbol], Quantity::from_e6(*offered_e6).unwrap());
                self.account
                    .place(terms, Market::Open { quote, offered })
                    .unwrap();
            }
            Op::Quote {
                symbol,
                middle,
                half_spread,
                offered_e6,
            } => {
                let (step, seq) = (self.grid.price_e4, self.quotes[*symbol].seq + 1);
                self.quotes[*symbol] =
                    quote(seq, (middle - half_spread) * step, (middle + half_spread) * step);
                self.offered[*symbol] = Quantity::from_e6(*offered_e6).unwrap();
                self.fill_all(*symbol);
            }
            Op::Repeat { symbol } => self.fill_all(*symbol),
            Op::Cancel(pick) => self.close(*pick, &Command::Cancel),
            Op::Expire(pick) => self.close(*pick, &Command::Expire),
        }
    }

    fn terms(&self, op: &Op, quantity: Quantity) -> OrderTerms {
        let Op::Place {
            symbol: index,
            side,
            limit,
            time_in_force,
            ..
        } = op
        else {
            unreachable!("only placements")
        };
        let pricing = self.limit_e4(op).map_or(Pricing::Market, |e4| Pricing::Limit {
            limit: Price::from_e4(e4).unwrap(),
        });
        assert_eq!(limit.is_some(), pricing != Pricing::Market);
        OrderTerms::market(symbol(*index), *side, quantity)
            .unwrap()
            .with(pricing, *time_in_force)
            .unwrap()
    }

    fn limit_e4(&self, op: &Op) -> Option<i64> {
        match op {
            Op::Place {
                symbol,
                limit: Some(away),
                ..
            } => Some(self.quotes[*symbol].bid.e4() + away * self.grid.price_e4),
            _ => None,
        }
    }

    fn fill_all(&mut self, index: usize) {
        let (quote, offered) = (self.quotes[index], self.offered[index]);
        let orders: Vec<Order> = self.account.orders.values().copied().collect();
        for order in orders
            .iter()
            .filter(|order| order.terms().symbol() == symbol(index))
        {
            self.account
                .on(order.intake.order_id, &Command::Fill { quote, offered })
                .unwrap();
        }
    }

    fn close(&mut self, pick: usize, command: &Command) {
        if let Some(number) = pick.checked_rem(self.account.orders.len()) {
            let id = order_id(number + 1);
            let closed = self.account.orders[&id].status.is_terminal();
            assert_eq!(self.account.on(id, command).is_err(), closed);
        }
    }
}

fn decimal(e: i64, scale: u32) -> Decimal {
    Decimal::new(e, scale)
}

/// The naive brokerage does the same; `session` is the core's before the operation.
fn run_naive(naive: &mut Naive, session: &Session, op: &Op) {
    let sides = |quote: &QuoteView| (decimal(quote.bid.e4(), 4), decimal(quote.ask.e4(), 4));
    match op {
        Op::Place {
            symbol,
            side,
            time_in_force,
            quantity_e6,
            offered_e6,
            ..
        } => {
            let order = NaiveOrder {
                symbol: *symbol,
                side: *side,
                time_in_force: *time_in_force,
                quantity: decimal(*quantity_e6, 6),
                worst: session.limit_e4(op).map(|e4| decimal(e4, 4)),
                fills: Vec::new(),
                status: "submitted",
            };
            naive.place(order, sides(&session.quotes[*symbol]), decimal(*offered_e6, 6));
        }
        Op::Quote {
            symbol,
            middle,
            half_spread,
            offered_e6,
        } => {
            let step = session.grid.price_e4;
            let sides = (
                decimal((middle - half_spread) * step, 4),
                decimal((middle + half_spread) * step, 4),
            );
            for index in (0..naive.orders.len())
                .filter(|index| naive.orders[*index].symbol == *symbol)
                .collect::<Vec<_>>()
            {
                naive.fill(index, sides, decimal(*offered_e6, 6));
            }
        }
        // The core must notice by itself that it has seen the quote: an order placed or filled on it stays as it is, and for
        // the others it was not good enough the first time.
        Op::Repeat { .. } => {}
        Op::Cancel(pick) | Op::Expire(pick) => {
            let status = if matches!(op, Op::Cancel(_)) {
                "cancelled"
            } else {
                "expired"
            };
            if let Some(index) = pick.checked_rem(naive.orders.len()) {
                naive.close(index, status);
            }
        }
    }
}

fn compare(account: &Account, naive: &Naive) {
    assert_eq!(decimal(account.cash.available.cents(), 2), naive.available());
    assert_eq!(decimal(account.cash.held.cents(), 2), naive.held());
    for (order, expected) in account.orders.values().zip(&naive.orders) {
        assert_eq!(order.status.as_str(), expected.status, "{order:?}");
        assert_eq!(decimal(order.leaves().e6(), 6), expected.leaves(), "{order:?}");
        assert_eq!(decimal(order.hold.cents(), 2), expected.hold(), "{order:?}");
    }
    for index in 0..2 {
        let position = account.position(symbol(index));
        assert_eq!(decimal(position.quantity().unwrap().e6(), 6), naive.owned(index));
        assert_eq!(decimal(position.held.e6(), 6), naive.held_shares(index));
        assert_eq!(decimal(position.cost.cents(), 2), naive.cost[index]);
        assert_eq!(decimal(position.realized.cents(), 2), naive.realized[index]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_session_agrees_with_the_naive_brokerage_and_keeps_every_invariant(ops in ops(FINE), poor: bool) {
        let deposit = if poor { cents("50.00") } else { cents("10000.00") };
        let mut session = Session::new(deposit, Rules::default(), FINE);
        let zero = [Decimal::ZERO; 2];
        let mut naive = Naive { deposit: decimal(deposit.cents(), 2), orders: Vec::new(), cost: zero, realized: zero };
        for op in &ops {
            run_naive(&mut naive, &session, op);
            session.run(op);
            compare(&session.account, &naive);
            check(&session);
        }
    }

    #[test]
    fn fees_never_overdraw_and_are_part_of_the_result(ops in ops(FINE), rate in 0..200_000_u32) {
        let rules = Rules { fee: FeeRate::from_parts_per_million(rate), ..Rules::default() };
        let mut session = Session::new(cents("100.00"), rules, FINE);
        for op in &ops {
            session.run(op);
            check(&session);
        }
    }

    #[test]
    fn replaying_the_events_of_an_order_rebuilds_it(ops in ops(FINE)) {
        let mut session = Session::new(cents("10000.00"), Rules::default(), FINE);
        ops.iter().for_each(|op| session.run(op));

        let account = &session.account;
        let mut replayed = Account::new(account.deposited, account.rules);
        for event in &account.events {
            replay(&mut replayed, event);
        }
        prop_assert_eq!(replayed.cash, account.cash);
        prop_assert_eq!(&replayed.orders, &account.orders);
        for index in 0..2 {
            prop_assert_eq!(replayed.position(symbol(index)), account.position(symbol(index)));
        }
    }
}

fn replay(account: &mut Account, event: &Event) {
    let order = account.orders.get(&event.order_id()).copied();
    let symbol = match (event, order) {
        (Event::Accepted { intake, .. } | Event::Rejected { intake, .. }, _) => intake.terms.symbol(),
        (_, order) => order.unwrap().terms().symbol(),
    };
    let state = trading::AccountState {
        cash: account.cash,
        position: account.position(symbol),
        order,
    };
    let after = trading::apply(&state, event).unwrap();
    account.cash = after.cash;
    account.positions.insert(symbol, after.position);
    account.orders.insert(event.order_id(), after.order.unwrap());
}
