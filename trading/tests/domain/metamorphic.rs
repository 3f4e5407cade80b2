//! Sessions that are changed in one way must come out changed in one way.

use crate::invariants::check;
use crate::session::{FINE, Grid, Op, Session, ops, symbol};
use crate::support::{Account, cases, cents, limit, price, quantity};
use platform_core::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;
use trading::{
    BoardConfig, Cents, Instrument, Liquidity, Market, NotTaken, OrderTerms, Pricing, Quantity, QuoteBoard,
    QuoteSource, QuoteUpdate, QuoteView, Rules, Side, TakeRequest, Tick, TimeInForce,
};

const WHOLE: Grid = Grid {
    price_e4: 100,
    quantity_e6: 1_000_000,
};

fn run(deposit: &str, rules: Rules, grid: Grid, ops: &[Op]) -> Session {
    let mut session = Session::new(cents(deposit), rules, grid);
    ops.iter().for_each(|op| session.run(op));
    session
}

fn tenfold(amount: Cents) -> i64 {
    amount.cents() * 10
}

proptest! {
    #![proptest_config(cases(10_000))]

    /// Whole shares at whole cents are never rounded, so ten times the prices move ten times the cash.
    #[test]
    fn ten_times_the_prices_move_ten_times_the_cash(ops in ops(WHOLE)) {
        let base = run("10000.00", Rules::default(), WHOLE, &ops);
        let rules = Rules { tick: Tick::new(price("0.10")), ..Rules::default() };
        let scaled = run("100000.00", rules, Grid { price_e4: 1_000, ..WHOLE }, &ops);

        prop_assert_eq!(tenfold(base.account.cash.available), scaled.account.cash.available.cents());
        prop_assert_eq!(tenfold(base.account.cash.held), scaled.account.cash.held.cents());
        for (one, ten) in base.account.orders.values().zip(scaled.account.orders.values()) {
            prop_assert_eq!((one.status, one.filled, tenfold(one.hold)), (ten.status, ten.filled, ten.hold.cents()));
        }
    }

    /// An order that can never trade takes its hold out of the buying power, and changes nothing else.
    #[test]
    fn an_order_that_never_trades_only_changes_holds(ops in ops(FINE), at in any::<prop::sample::Index>()) {
        let base = run("100000000.00", Rules::default(), FINE, &ops);
        let mut other = Session::new(cents("100000000.00"), Rules::default(), FINE);
        let never = OrderTerms::market(symbol(0), Side::Buy, quantity("1234.5")).unwrap()
            .with(Pricing::Limit { limit: price("0.0003") }, TimeInForce::Gtc).unwrap();
        // Orders are picked by number to be cancelled, so the extra one comes last; the market then moves over it again.
        let split = at.index(ops.len());
        ops.iter().for_each(|op| other.run(op));
        let market = Market::Open { quote: other.quotes[0], offered: quantity("1000") };
        let extra = other.account.place(never, market).unwrap();
        let moves = ops[split..].iter().filter(|op| matches!(op, Op::Quote { .. } | Op::Repeat { .. }));
        let mut base = base;
        for op in moves {
            base.run(op);
            other.run(op);
        }
        check(&other);

        prop_assert_eq!(extra.hold, cents("0.38"));
        prop_assert_eq!(base.account.cash.available.checked_sub(extra.hold), Some(other.account.cash.available));
        prop_assert_eq!(base.account.cash.held.checked_add(extra.hold), Some(other.account.cash.held));
        prop_assert_eq!(&base.account.executions, &other.account.executions);
        prop_assert_eq!(base.account.position(symbol(0)), other.account.position(symbol(0)));
        for (id, order) in &base.account.orders {
            prop_assert_eq!(Some(order), other.account.orders.get(id));
        }
    }

    /// Where a quote offers as much as anybody wants, it does not matter who comes first.
    #[test]
    fn permuting_the_orders_of_accounts_changes_nothing_where_liquidity_is_unlimited(
        orders in prop::collection::vec((0..4_usize, an_order()), 1..24), turns in prop::collection::vec(any::<Index>(), 24),
    ) {
        let one = placed(Liquidity::Unlimited, &orders);
        let other = placed(Liquidity::Unlimited, &permuted(&orders, &turns));

        for (one, other) in one.iter().zip(&other) {
            prop_assert_eq!(one.cash, other.cash);
            prop_assert_eq!(&one.orders, &other.orders);
            prop_assert_eq!(&one.positions, &other.positions);
            prop_assert_eq!(&one.executions, &other.executions);
        }
    }
}

/// An order of AAPL around a market of 9.99 to 10.01, as anybody may place it.
fn an_order() -> impl Strategy<Value = OrderTerms> {
    let pricing = prop_oneof![
        Just(Pricing::Market),
        (99_000..101_000_i64).prop_map(|e4| Pricing::Limit {
            limit: trading::Price::from_e4(e4).unwrap()
        }),
    ];
    let side = prop_oneof![2 => Just(Side::Buy), 1 => Just(Side::Sell)];
    (
        side,
        pricing,
        prop::sample::select(TimeInForce::ALL),
        1..400_000_000_i64,
    )
        .prop_map(|(side, pricing, time_in_force, e6)| {
            OrderTerms::market(symbol(0), side, Quantity::from_e6(e6).unwrap())
                .and_then(|terms| terms.with(pricing, time_in_force))
                .unwrap()
        })
}

/// The same orders in another order; those of one account keep theirs.
fn permuted(orders: &[(usize, OrderTerms)], turns: &[Index]) -> Vec<(usize, OrderTerms)> {
    let mut left: Vec<_> = orders.to_vec();
    let mut permuted = Vec::new();
    for turn in turns.iter().cycle() {
        if left.is_empty() {
            break;
        }
        let who = left[turn.index(left.len())].0;
        let first = left.iter().position(|(other, _)| *other == who).unwrap();
        permuted.push(left.remove(first));
    }
    permuted
}

/// Four accounts that have placed these orders on one quote, one after the other, as the server does: what the quote has is set aside.
fn placed(liquidity: Liquidity, orders: &[(usize, OrderTerms)]) -> Vec<Account> {
    let config = BoardConfig {
        liquidity,
        ..BoardConfig::default()
    };
    let board = QuoteBoard::new(vec![Instrument::new(symbol(0), QuoteSource::Replay)], config);
    let now = Timestamp::UNIX_EPOCH;
    board.publish(now, vec![update(now)]);
    let mut accounts: Vec<_> = (0..4).map(|_| Account::with_cash("10000.00")).collect();
    for account in &mut accounts {
        let market = Market::Open {
            quote: QuoteView::from(&**board.latest(symbol(0)).unwrap()),
            offered: quantity("500"),
        };
        account
            .place(limit(Side::Buy, "500", "10.01", TimeInForce::Day), market)
            .unwrap();
    }
    for (who, terms) in orders {
        let request = TakeRequest {
            symbol: terms.symbol(),
            side: terms.side(),
            wanted: terms.quantity(),
            limit: terms.pricing().limit_price(),
            all_or_none: terms.time_in_force() == TimeInForce::Fok,
            newer_than: None,
            now,
        };
        let (offered, reservation) = match board.take(&request) {
            Ok(reservation) => (reservation.granted(), Some(reservation)),
            Err(NotTaken::OutsideLimit) => (Quantity::ZERO, None),
            Err(refused) => unreachable!("{refused:?}"),
        };
        let quote = QuoteView::from(&**board.latest(symbol(0)).unwrap());
        let before = accounts[*who].executions.len();
        accounts[*who]
            .place(*terms, Market::Open { quote, offered })
            .unwrap();
        let traded = accounts[*who]
            .executions
            .get(before)
            .map_or(Quantity::ZERO, |execution| execution.quantity);
        if let Some(reservation) = reservation {
            reservation.commit_part(traded);
        }
    }
    accounts
}

fn update(now: Timestamp) -> QuoteUpdate {
    QuoteUpdate {
        symbol: symbol(0),
        bid: price("9.99"),
        bid_size: quantity("100"),
        ask: price("10.01"),
        ask_size: quantity("100"),
        last: price("10.00"),
        source_at: now,
        source: QuoteSource::Replay,
    }
}

#[test]
fn where_a_quote_is_sold_once_it_matters_who_comes_first() {
    let order = limit(Side::Buy, "80", "10.01", TimeInForce::Ioc);
    let filled = |orders: [(usize, OrderTerms); 2]| {
        let accounts = placed(Liquidity::Displayed, &orders);
        [0, 1].map(|who| accounts[who].executions.last().unwrap().quantity)
    };

    assert_eq!(filled([(0, order), (1, order)]), [quantity("80"), quantity("20")]);
    assert_eq!(filled([(1, order), (0, order)]), [quantity("20"), quantity("80")]);
}
