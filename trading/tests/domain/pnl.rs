//! What an account has earned, over random sessions.

use crate::session::{FINE, Op, Session, ops, symbol};
use crate::support::{Account, cents};
use proptest::prelude::*;
use trading::{
    AccountDay, Amount, Cents, Earned, FeeRate, Notional, Position, Price, Rules, Side, SymbolDay, equity,
    worth,
};

fn sum(amounts: impl IntoIterator<Item = Cents>) -> Cents {
    let cents = amounts.into_iter().map(Cents::cents).sum();
    Cents::from_cents(cents).unwrap()
}

/// The positions with the last prices; where `quoted` is false, without one.
fn priced(session: &Session, quoted: [bool; 2]) -> Vec<(Position, Option<Price>)> {
    let at = |index: usize| {
        let price = quoted[index].then_some(session.quotes[index].last);
        (session.account.position(symbol(index)), price)
    };
    vec![at(0), at(1)]
}

fn earned(session: &Session, quoted: [bool; 2]) -> Earned {
    let account = &session.account;
    let unrealized = priced(session, quoted)
        .into_iter()
        .map(|(position, price)| price.map_or(0, |price| position.unrealized(price).unwrap().e10()));
    Earned {
        realized: sum(account.positions.values().map(|position| position.realized)),
        unrealized: Notional::from_e10(unrealized.sum()),
        fees: sum(account.orders.values().map(|order| order.fees)),
    }
}

fn pay(account: &mut Account, amount: i64) -> i64 {
    let size = Amount::new(amount.abs().max(1)).unwrap();
    let moved = match amount < 0 {
        true => account.cash.withdraw(size),
        false => account.cash.deposit(size),
    };
    let Some((cash, transfer)) = moved else { return 0 };
    account.cash = cash;
    account.transfers.push(transfer);
    match amount < 0 {
        true => -size.units(),
        false => size.units(),
    }
}

fn rules(rate: u32) -> Rules {
    Rules {
        fee: FeeRate::from_parts_per_million(rate),
        ..Rules::default()
    }
}

fn run(session: &mut Session, ops: &[Op]) {
    ops.iter().for_each(|op| session.run(op));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn equity_less_what_was_paid_in_is_what_was_earned(
        ops in ops(FINE), rate in 0..20_000_u32, paid in -200_000..200_000_i64, quoted: [bool; 2]
    ) {
        let mut session = Session::new(cents("10000.00"), rules(rate), FINE);
        let (before, after) = ops.split_at(ops.len() / 2);
        run(&mut session, before);
        let net_deposits = 1_000_000 + pay(&mut session.account, paid);
        run(&mut session, after);

        let equity = equity(session.account.cash, priced(&session, quoted)).unwrap();

        let gain = equity.e10() - i128::from(net_deposits) * 100_000_000;
        prop_assert_eq!(gain, earned(&session, quoted).total().e10());
    }

    #[test]
    fn the_days_of_the_symbols_less_fees_are_the_day_of_the_account(
        ops in ops(FINE), rate in 0..20_000_u32, paid in -200_000..200_000_i64, at in any::<prop::sample::Index>()
    ) {
        let mut session = Session::new(cents("10000.00"), rules(rate), FINE);
        let (before, after) = ops.split_at(at.index(ops.len()));
        run(&mut session, before);
        let quoted = [true; 2];
        let then = equity(session.account.cash, priced(&session, quoted)).unwrap();
        let worths_then = priced(&session, quoted);
        let executed = session.account.executions.len();
        let fees_then = earned(&session, quoted).fees;
        let net_deposits = pay(&mut session.account, paid);
        run(&mut session, after);

        let day = AccountDay {
            then,
            now: equity(session.account.cash, priced(&session, quoted)).unwrap(),
            net_deposits: Cents::from_cents(net_deposits).unwrap(),
        };
        let since = &session.account.executions[executed..];
        let symbols = worths_then.iter().zip(priced(&session, quoted)).map(|(then, now)| {
            let of = |side: Side| {
                let some = since.iter().filter(|one| one.symbol == now.0.symbol && one.side == side);
                sum(some.map(|one| one.cash))
            };
            SymbolDay {
                then: worth(&then.0, then.1).unwrap(),
                now: worth(&now.0, now.1).unwrap(),
                bought: of(Side::Buy),
                sold: of(Side::Sell),
            }
        });
        let symbols: i128 = symbols.map(|day| day.pnl().e10()).sum();
        let fees = earned(&session, quoted).fees.cents() - fees_then.cents();
        prop_assert_eq!(day.pnl().e10(), symbols - i128::from(fees) * 100_000_000);
    }
}

#[test]
fn shares_without_a_price_are_worth_what_they_have_cost() {
    let position = Position {
        cost: cents("12.34"),
        available: "3".parse().unwrap(),
        ..Position::flat(symbol(0))
    };

    assert_eq!(worth(&position, None).unwrap(), Notional::from(cents("12.34")));
    let price = Some("0.0001".parse().unwrap());
    assert_eq!(worth(&position, price).unwrap().to_string(), "0.0003");
}
