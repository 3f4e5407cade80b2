//! Sessions that are changed in one way must come out changed in one way.

use crate::invariants::check;
use crate::session::{FINE, Grid, Op, Session, ops, symbol};
use crate::support::{cents, price, quantity};
use proptest::prelude::*;
use trading::{Cents, Market, OrderTerms, Pricing, Rules, Side, Tick, TimeInForce};

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
    #![proptest_config(ProptestConfig::with_cases(400))]

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
}
