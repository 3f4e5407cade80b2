//! What an account is worth.

use crate::support::{With, World, aapl, buy, sell, symbol};

#[tokio::test]
async fn a_portfolio_is_valued_at_the_last_price() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "1000");
    world.quote_of("IBM", "100.00", "100.50", "1000");
    trader.own_shares("100").await;
    trader.place(&buy("10").of("IBM")).await;

    world.quote("12.00", "12.02", "1000");
    world.quote_of("IBM", "90.00", "90.10", "1000");
    let portfolio = trader.portfolio().await;

    let [apple, ibm] = &portfolio.positions[..] else {
        panic!("{portfolio:?}")
    };
    assert_eq!((apple.symbol.as_str(), ibm.symbol.as_str()), ("AAPL", "IBM"));
    assert_eq!(apple.cost.to_string(), "1001.00");
    assert_eq!(apple.average_cost.unwrap().to_string(), "10.01");
    assert_eq!(apple.market_value.unwrap().to_string(), "1200.00");
    assert_eq!(apple.unrealized.unwrap().to_string(), "199.00");
    assert_eq!(ibm.unrealized.unwrap().to_string(), "-105.00");
    assert_eq!(portfolio.account.cash.to_string(), "7994.00");
    assert_eq!(portfolio.equity.to_string(), "10094.00");
    assert_eq!(portfolio.cost.to_string(), "2006.00");
    assert_eq!(portfolio.unrealized.to_string(), "94.00");
    assert_eq!(portfolio.realized.to_string(), "0.00");
}

#[tokio::test]
async fn a_sale_realises_its_share_of_the_cost() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "1000");
    trader.own_shares("3").await;

    world.quote("12.00", "12.02", "1000");
    trader.place(&sell("1")).await;
    let some = trader.portfolio().await;
    trader.place(&sell("2")).await;
    let none = trader.portfolio().await;

    assert_eq!(some.realized.to_string(), "1.99");
    assert_eq!(some.cost.to_string(), "20.02");
    assert_eq!(none.realized.to_string(), "5.97");
    assert_eq!(none.cost.to_string(), "0.00");
    assert!(none.positions.is_empty(), "a flat position is left out");
    assert_eq!(none.equity.to_string(), "10005.97");
    let flat = world
        .trading
        .position(&trader.ctx(), aapl())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (flat.realized.to_string(), flat.average_cost),
        ("5.97".to_owned(), None)
    );
    world.sound().await;
}

#[tokio::test]
async fn what_is_held_is_still_owned() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.00", "1000");
    trader.own_shares("100").await;
    trader.place(&sell("60").limit("20.00")).await;
    trader.place(&buy("100").limit("5.00")).await;

    let portfolio = trader.portfolio().await;

    assert_eq!(portfolio.account.buying_power.to_string(), "8500.00");
    assert_eq!(portfolio.account.held.to_string(), "500.00");
    assert_eq!(portfolio.account.cash.to_string(), "9000.00");
    assert_eq!(portfolio.equity.to_string(), "10000.00");
    assert_eq!(portfolio.positions[0].available.to_string(), "40");
    assert_eq!(portfolio.positions[0].quantity.to_string(), "100");
}

#[tokio::test]
async fn equity_less_the_deposit_is_what_was_earned() {
    let world = World::new().await;
    let trader = world.trader();
    for (bid, ask, ticket) in [
        ("17.8533", "17.8544", buy("33.333333")),
        ("18.1111", "18.1112", sell("11.111111")),
        ("16.0001", "16.0007", buy("7.000001")),
        ("17.7777", "17.7779", sell("29.222223")),
    ] {
        world.quote(bid, ask, "1000");
        trader.place(&ticket).await;

        let portfolio = trader.portfolio().await;
        let earned = portfolio.equity.cents() - 1_000_000;
        let explained = portfolio.realized.cents() + portfolio.unrealized.cents();
        assert_eq!(earned, explained, "{portfolio:?}");
    }
    world.sound().await;
}

#[tokio::test]
async fn what_is_not_quoted_counts_at_its_cost() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "1000");
    trader.own_shares("100").await;

    let portfolio = trader.at(&world.unquoted()).portfolio().await;

    assert_eq!(portfolio.equity.to_string(), "10000.00");
    assert_eq!(portfolio.unrealized.to_string(), "0.00");
    assert_eq!(portfolio.positions[0].last_price, None);
    assert_eq!(portfolio.positions[0].market_value, None);
}

#[tokio::test]
async fn the_first_look_opens_the_account() {
    let world = World::new().await;
    let trader = world.trader();

    let portfolio = trader.portfolio().await;

    assert_eq!(portfolio.equity.to_string(), "10000.00");
    assert!(portfolio.positions.is_empty());
    let never = world.trading.position(&trader.ctx(), symbol("MSFT")).await;
    assert_eq!(never.unwrap(), None);
}

/// Buying and selling at one price without a spread moves value and makes none: every look in between must show the same sum.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cash_and_shares_are_of_one_moment() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.00", "10000000");
    trader.own_shares("1").await;

    let trading = tokio::spawn({
        let trader = trader.clone();
        async move {
            for _ in 0..40 {
                trader.place(&buy("500")).await;
                trader.place(&sell("500")).await;
            }
        }
    });
    let mut looks = 0;
    while !trading.is_finished() {
        assert_eq!(trader.portfolio().await.equity.to_string(), "10000.00");
        looks += 1;
    }

    trading.await.unwrap();
    assert!(looks > 5, "{looks} looks");
    world.sound().await;
}
