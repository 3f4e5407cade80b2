//! The claim about holds, and cash that does not depend on slicing.

use crate::support::{Account, aapl, cases, cents, limit, open, order_id, price, quantity, quote};
use proptest::prelude::*;
use trading::{
    AccountState, Cash, Cents, Command, LedgerAccount, Market, Notional, OrderStatus, OrderTerms, Position,
    Price, Pricing, Quantity, QuoteView, Rounding, Rules, Side, TimeInForce, TransferCode, apply, buy_hold,
    decide,
};

#[test]
fn ten_shares_at_17_8533_cost_178_53_however_they_are_sliced() {
    for (slices, slice) in [
        (1, "10"),
        (3, "3.333334"),
        (7, "1.428572"),
        (100, "0.1"),
        (1_000, "0.01"),
        (10_000, "0.001"),
    ] {
        let mut account = Account::with_cash("1000.00");
        let away = open(quote(0, "17", "30"));
        let order = account
            .place(limit(Side::Buy, "10", "17.8533", TimeInForce::Day), away)
            .unwrap();
        let id = order.intake.order_id;

        for seq in 1..=slices {
            let quote = quote(seq, "17.85", "17.8533");
            account
                .on(
                    id,
                    &Command::Fill {
                        quote,
                        offered: quantity(slice),
                    },
                )
                .unwrap();
        }

        assert_eq!(account.orders[&id].status, OrderStatus::Filled, "{slices} slices");
        assert_eq!(account.executions.len(), usize::try_from(slices).unwrap());
        assert_eq!(account.position(aapl()).cost, cents("178.53"), "{slices} slices");
        assert_eq!(
            account.cash,
            Cash {
                available: cents("821.47"),
                held: cents("0")
            },
            "{slices} slices"
        );
    }
}

#[derive(Debug, Clone)]
struct Sliced {
    worst_e4: i64,
    /// Quantity and how far below the worst price, for each execution.
    fills: Vec<(i64, i64)>,
}

fn sliced() -> impl Strategy<Value = Sliced> {
    let worst_e4 = prop_oneof![1..100_i64, 1..10_000_000_i64];
    let quantity_e6 = prop_oneof![
        1..50_i64,
        1..20_000_000_i64,
        (1..50_i64).prop_map(|shares| shares * 1_000_000)
    ];
    worst_e4.prop_flat_map(move |worst_e4| {
        let below = prop_oneof![Just(0), 0..worst_e4];
        prop::collection::vec((quantity_e6.clone(), below), 1..8)
            .prop_map(move |fills| Sliced { worst_e4, fills })
    })
}

fn at(seq: u64, e4: i64) -> QuoteView {
    let price = Price::from_e4(e4).unwrap();
    QuoteView {
        seq,
        bid: price,
        ask: price,
        last: price,
        bid_size: Quantity::MAX,
        ask_size: Quantity::MAX,
    }
}

proptest! {
    #![proptest_config(cases(10_000))]

    /// The executions of a buy never need more than its hold, and nothing but the cost is gone at the end.
    #[test]
    fn executions_never_need_more_than_the_hold(Sliced { worst_e4, fills } in sliced()) {
        let total = Quantity::from_e6(fills.iter().map(|(quantity, _)| quantity).sum()).unwrap();
        let worst = Price::from_e4(worst_e4).unwrap();
        let terms = OrderTerms::market(aapl(), Side::Buy, total).unwrap().with(Pricing::Limit { limit: worst }, TimeInForce::Gtc).unwrap();
        let needed = buy_hold(Notional::ZERO, total, worst).unwrap();
        let mut state = AccountState::before_order(Cash { available: needed, held: Cents::ZERO }, Position::flat(aapl()));
        let place = Command::Place { order_id: order_id(1), terms, market: Market::Unusable { seq: 0 } };
        let mut exact = Notional::ZERO;

        for event in decide(&Rules::default(), &state, &place).unwrap() {
            state = apply(&state, &event).unwrap();
        }
        prop_assert_eq!(state.cash, Cash { available: Cents::ZERO, held: needed });
        for (seq, (quantity, below)) in (1..).zip(&fills) {
            let (before, offered) = (state, Quantity::from_e6(*quantity).unwrap());
            let fill = Command::Fill { quote: at(seq, worst_e4 - below), offered };
            let events = decide(&Rules::default(), &state, &fill).unwrap();
            prop_assert_eq!(events.len(), 1);
            // Applying refuses to take any balance below zero: this line is the claim.
            state = apply(&state, &events[0]).unwrap();

            let order = state.order.unwrap();
            exact = exact.checked_add(at(seq, worst_e4 - below).ask * offered).unwrap();
            prop_assert_eq!(order.notional, exact);
            prop_assert!(state.cash.available >= before.cash.available);
            let formula = buy_hold(order.notional, order.leaves(), worst).unwrap();
            if order.status.is_terminal() {
                prop_assert!(formula == Cents::ZERO || formula == Cents::from_cents(1).unwrap());
                prop_assert_eq!(order.hold, Cents::ZERO);
            } else {
                prop_assert_eq!(order.hold, formula);
            }
        }
        prop_assert_eq!(state.order.unwrap().status, OrderStatus::Filled);
        prop_assert_eq!(state.position.cost, exact.to_cents(Rounding::HalfEven).unwrap());
        prop_assert_eq!(state.cash.available.checked_add(state.position.cost), Some(needed));
    }

    /// At one price, any slicing of a buy and of a sell moves the same cash as one execution.
    #[test]
    fn cash_does_not_depend_on_slicing(Sliced { worst_e4, fills } in sliced()) {
        let slices: Vec<_> = fills.iter().map(|(quantity, _)| Quantity::from_e6(*quantity).unwrap()).collect();
        let total = slices.iter().fold(Quantity::ZERO, |sum, slice| sum.checked_add(*slice).unwrap());
        for side in [Side::Buy, Side::Sell] {
            prop_assert_eq!(cash_after(side, worst_e4, total, &slices), cash_after(side, worst_e4, total, &[total]));
        }
    }
}

fn cash_after(side: Side, price_e4: i64, total: Quantity, slices: &[Quantity]) -> (Cash, Cents) {
    let limit = Price::from_e4(price_e4).unwrap();
    let terms = OrderTerms::market(aapl(), side, total)
        .unwrap()
        .with(Pricing::Limit { limit }, TimeInForce::Gtc)
        .unwrap();
    let cash = Cash {
        available: cents("1000000000.00"),
        held: Cents::ZERO,
    };
    let owned = match side {
        Side::Buy => Quantity::ZERO,
        Side::Sell => total,
    };
    let mut state = AccountState::before_order(
        cash,
        Position {
            available: owned,
            ..Position::flat(aapl())
        },
    );
    let place = Command::Place {
        order_id: order_id(1),
        terms,
        market: Market::Unusable { seq: 0 },
    };
    let fills = (1..).zip(slices).map(|(seq, offered)| Command::Fill {
        quote: at(seq, price_e4),
        offered: *offered,
    });
    for command in std::iter::once(place).chain(fills) {
        for event in decide(&Rules::default(), &state, &command).unwrap() {
            state = apply(&state, &event).unwrap();
        }
    }
    assert_eq!(state.order.unwrap().status, OrderStatus::Filled);
    (state.cash, state.position.realized)
}

#[test]
fn an_execution_that_rounds_to_no_cash_moves_shares_alone() {
    let mut account = Account::with_cash("1000.00");
    let order = account
        .place(
            limit(Side::Buy, "1", "1", TimeInForce::Day),
            open(quote(1, "1", "2")),
        )
        .unwrap();

    let fill = Command::Fill {
        quote: quote(2, "1", "1"),
        offered: quantity("0.001"),
    };
    let events = account.on(order.intake.order_id, &fill).unwrap();

    let accounts: Vec<_> = events[0]
        .transfers()
        .iter()
        .map(|transfer| (transfer.code(), transfer.credit()))
        .collect();
    assert_eq!(accounts, [(TransferCode::Trade, LedgerAccount::SharesAvailable)]);
    assert_eq!(
        account.orders[&order.intake.order_id].average_price(),
        Some(price("1"))
    );
}
