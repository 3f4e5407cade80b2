//! What holds after every command of every session.

use crate::naive::Naive;
use crate::session::{Session, symbol};
use crate::support::Account;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use trading::{
    Asset, Cents, Execution, LedgerAccount, Notional, Order, OrderStatus, Side, TimeInForce, Transfer,
};

/// The balance of each account in each asset, from the transfers alone.
fn balances(transfers: &[Transfer]) -> BTreeMap<(Asset, LedgerAccount), i64> {
    let mut balances = BTreeMap::new();
    for transfer in transfers {
        let rebuilt = Transfer::new(
            transfer.code(),
            transfer.asset(),
            (transfer.debit(), transfer.credit()),
            transfer.amount(),
        );
        assert_eq!(rebuilt.as_ref(), Ok(transfer));
        *balances.entry((transfer.asset(), transfer.debit())).or_insert(0) -= transfer.amount().units();
        *balances.entry((transfer.asset(), transfer.credit())).or_insert(0) += transfer.amount().units();
    }
    balances
}

pub(crate) fn check(session: &Session) {
    check_ledger(&session.account);
    for order in session.account.orders.values() {
        check_order(&session.account, order);
    }
    check_results(session);
}

/// Every asset sums to zero; the balances are those of the transfers, not negative, and held for open orders.
fn check_ledger(account: &Account) {
    let balances = balances(&account.transfers);
    let balance = |asset, ledger| balances.get(&(asset, ledger)).copied().unwrap_or(0);
    for asset in [Asset::Cash, Asset::Shares(symbol(0)), Asset::Shares(symbol(1))] {
        assert_eq!(
            LedgerAccount::ALL
                .iter()
                .map(|ledger| balance(asset, *ledger))
                .sum::<i64>(),
            0
        );
    }
    assert_eq!(
        account.cash.available.cents(),
        balance(Asset::Cash, LedgerAccount::CashAvailable)
    );
    assert_eq!(
        account.cash.held.cents(),
        balance(Asset::Cash, LedgerAccount::CashHeld)
    );
    assert!(!account.cash.available.is_negative() && !account.cash.held.is_negative());
    assert_eq!(
        account.cash.held.cents(),
        account
            .orders
            .values()
            .map(|order| order.hold.cents())
            .sum::<i64>()
    );

    for (symbol, position) in &account.positions {
        assert_eq!(
            position.available.e6(),
            balance(Asset::Shares(*symbol), LedgerAccount::SharesAvailable)
        );
        assert_eq!(
            position.held.e6(),
            balance(Asset::Shares(*symbol), LedgerAccount::SharesHeld)
        );
        let of_symbol = account
            .orders
            .values()
            .filter(|order| order.terms().symbol() == *symbol);
        assert_eq!(
            position.held.e6(),
            of_symbol.map(|order| order.held_shares().e6()).sum::<i64>()
        );
    }
}

fn check_order(account: &Account, order: &Order) {
    let executions: Vec<_> = account
        .executions
        .iter()
        .filter(|execution| execution.id.order_id == order.intake.order_id)
        .collect();
    let filled: i64 = executions.iter().map(|execution| execution.quantity.e6()).sum();
    let worth: i128 = executions
        .iter()
        .map(|execution| (execution.price * execution.quantity).e10())
        .sum();
    assert_eq!((order.filled.e6(), order.notional.e10()), (filled, worth));
    assert!(order.filled <= order.terms().quantity());
    assert_eq!(
        order.status == OrderStatus::Filled,
        order.leaves().is_zero() && filled > 0
    );
    assert!(!order.status.is_terminal() || order.hold.is_zero());
    assert_eq!(
        order.status == OrderStatus::Partial,
        filled > 0 && !order.status.is_terminal()
    );

    for execution in &executions {
        assert!(execution.id.quote_seq >= order.intake.quote_seq.max(order.elected_quote_seq.unwrap_or(0)));
    }
    assert_eq!(
        order.elected_quote_seq.is_some(),
        order.awaited_stop().is_none() && order.terms().pricing().stop_price().is_some()
    );
    assert!(order.awaited_stop().is_none() || filled == 0);
    let ids: BTreeSet<_> = executions.iter().map(|execution| execution.id).collect();
    assert_eq!(ids.len(), executions.len());
    match order.terms().time_in_force() {
        TimeInForce::Fok => assert!(
            order.status.is_terminal() && (executions.is_empty() || order.status == OrderStatus::Filled)
        ),
        TimeInForce::Ioc => assert!(order.status.is_terminal() && executions.len() <= 1),
        TimeInForce::Day | TimeInForce::Gtc => {}
    }
}

/// Positions are what was executed, and `equity - deposits = realized + unrealized - fees`, exactly.
fn check_results(session: &Session) {
    let account = &session.account;
    let cash = account.cash.available.cents() + account.cash.held.cents();
    let fees: i64 = account
        .executions
        .iter()
        .map(|execution| execution.fee.cents())
        .sum();
    let mut gained = Notional::from(Cents::from_cents(cash - account.deposited.cents()).unwrap()).e10();
    let mut results = -Notional::from(Cents::from_cents(fees).unwrap()).e10();
    for (index, quote) in session.quotes.iter().enumerate() {
        let position = account.position(symbol(index));
        let net: i64 = account
            .executions
            .iter()
            .filter(|execution| execution.symbol == symbol(index))
            .map(|execution| {
                if execution.side == Side::Buy {
                    execution.quantity.e6()
                } else {
                    -execution.quantity.e6()
                }
            })
            .sum();
        assert_eq!(position.quantity().unwrap().e6(), net);
        assert!(!position.cost.is_negative() && (net != 0 || position.cost.is_zero()));
        gained += position.market_value(quote.last).unwrap().e10();
        results += Notional::from(position.realized).e10() + position.unrealized(quote.last).unwrap().e10();
    }
    assert_eq!(gained, results);
}

/// No quote trades more than it displays. Who gets it is the naive brokerage's to say: the comparison of the orders has found that.
pub(crate) fn check_tick(session: &Session, naive: &Naive) {
    for (index, quote) in session.quotes.iter().enumerate() {
        for side in [Side::Buy, Side::Sell] {
            let (displayed, price) = match side {
                Side::Buy => (quote.ask_size, quote.ask),
                Side::Sell => (quote.bid_size, quote.bid),
            };
            let traded = |execution: &&Execution| {
                (execution.symbol, execution.side) == (symbol(index), side)
                    && execution.id.quote_seq == quote.seq
            };
            let executions: Vec<_> = session.account.executions.iter().filter(traded).collect();
            let sum: i64 = executions.iter().map(|execution| execution.quantity.e6()).sum();
            assert!(sum <= displayed.e6(), "{sum} of {displayed}");
            assert!(executions.iter().all(|execution| execution.price == price));
        }
        let left = &naive.quotes[index];
        let [bid_left, ask_left] = [session.left[index].0, session.left[index].1].map(|left| left.e6());
        assert_eq!(
            [Decimal::new(bid_left, 6), Decimal::new(ask_left, 6)],
            [left.bid_left, left.ask_left]
        );
    }
}
