//! Cost, result and the averages that are shown.

use crate::support::{Account, aapl, cents, market, open, price, quantity, quote};
use trading::{Notional, Position, Side, TimeInForce};

#[test]
fn a_position_keeps_total_cost_and_shows_an_average() {
    let mut account = Account::with_cash("10000.00");
    account
        .place(
            market(Side::Buy, "3", TimeInForce::Day),
            open(quote(1, "10", "10.00")),
        )
        .unwrap();
    account
        .place(
            market(Side::Buy, "4", TimeInForce::Day),
            open(quote(2, "10", "11.00")),
        )
        .unwrap();

    let position = account.position(aapl());

    assert_eq!(position.cost, cents("74.00"));
    assert_eq!(position.average_cost(), Some(price("10.5714")));
    assert_eq!(
        position.market_value(price("12.3456")),
        Ok(price("12.3456") * quantity("7"))
    );
    assert_eq!(
        position.unrealized(price("10")),
        Ok(Notional::from(cents("-4.00")))
    );
}

#[test]
fn a_sale_removes_its_share_of_the_cost_and_the_last_sale_removes_all() {
    let mut account = Account::with_cash("10000.00");
    account
        .place(
            market(Side::Buy, "3", TimeInForce::Day),
            open(quote(1, "3.33", "3.3333")),
        )
        .unwrap();
    assert_eq!(account.position(aapl()).cost, cents("10.00"));

    let mut costs = Vec::new();
    for seq in 2..5 {
        account
            .place(
                market(Side::Sell, "1", TimeInForce::Day),
                open(quote(seq, "5.00", "5.01")),
            )
            .unwrap();
        let position = account.position(aapl());
        costs.push((position.cost.to_string(), position.realized.to_string()));
    }

    let expected = [("6.67", "1.67"), ("3.33", "3.33"), ("0.00", "5.00")];
    assert_eq!(
        costs,
        expected.map(|(cost, realized)| (cost.to_owned(), realized.to_owned()))
    );
}

#[test]
fn a_flat_position_has_no_average() {
    assert_eq!(Position::flat(aapl()).average_cost(), None);
}
