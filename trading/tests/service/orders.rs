//! Placing orders that meet a quote at once.

use crate::support::{With, World, buy, sell};
use trading::{OrderStatus, OrderStatusFilter, Reason};

#[tokio::test]
async fn a_market_buy_pays_the_ask_and_gives_the_collar_back() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("178.49", "178.51", "100");

    let placed = trader.place(&buy("10")).await;

    assert_eq!(placed.order.status, OrderStatus::Filled);
    assert_eq!(placed.order.average_price.unwrap().to_string(), "178.51");
    assert_eq!(placed.buying_power.to_string(), "8214.90");
    let [execution] = &placed.executions[..] else {
        panic!("{placed:?}")
    };
    assert_eq!(execution.cash.to_string(), "1785.10");
    assert_eq!(trader.cash().await, ("8214.90".into(), "0.00".into()));
    assert_eq!(trader.shares().await, ("10".into(), "10".into()));
    assert_eq!(world.actions(placed.order.id).await, ["order.place"]);
    world.sound().await;
}

#[tokio::test]
async fn a_market_sell_brings_the_bid() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("178.49", "178.51", "100");
    trader.own_shares("10").await;

    let sold = trader.place(&sell("4")).await;

    assert_eq!(sold.order.status, OrderStatus::Filled);
    assert_eq!(sold.buying_power.to_string(), "8928.86");
    assert_eq!(trader.shares().await, ("6".into(), "6".into()));
    world.sound().await;
}

#[tokio::test]
async fn a_limit_buy_that_touches_the_ask_fills_at_once() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("178.49", "178.51", "100");

    let placed = trader.place(&buy("10").limit("178.51")).await;

    assert_eq!(placed.order.status, OrderStatus::Filled);
    world.sound().await;
}

#[tokio::test]
async fn a_limit_buy_below_the_market_rests_and_holds_its_worst_price() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("178.49", "178.51", "100");

    let placed = trader.place(&buy("10").limit("170.00")).await;

    assert_eq!(placed.order.status, OrderStatus::Submitted);
    assert!(placed.executions.is_empty());
    assert_eq!(placed.order.hold.to_string(), "1700.00");
    assert_eq!(trader.cash().await, ("8300.00".into(), "1700.00".into()));
    world.sound().await;
}

#[tokio::test]
async fn a_limit_sell_above_the_market_rests_and_holds_its_shares() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("178.49", "178.51", "100");
    trader.own_shares("10").await;

    let placed = trader.place(&sell("7").limit("190.00")).await;

    assert_eq!(placed.order.status, OrderStatus::Submitted);
    assert_eq!(trader.shares().await, ("3".into(), "10".into()));
    world.sound().await;
}

#[tokio::test]
async fn a_quote_fills_no_more_than_it_displays() {
    let world = World::new().await;
    let (first, second) = (world.trader(), world.trader());
    world.quote("10.00", "10.01", "15");

    let whole = first.place(&buy("10")).await;
    let part = second.place(&buy("10")).await;

    assert_eq!(whole.order.status, OrderStatus::Filled);
    assert_eq!(part.order.status, OrderStatus::Partial);
    assert_eq!(part.order.filled_quantity.to_string(), "5");
    assert_eq!(part.order.hold.to_string(), "52.60");
    world.sound().await;
}

#[tokio::test]
async fn an_immediate_order_gives_up_what_it_does_not_get_at_once() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "15");

    let placed = trader.place(&buy("20").until("ioc")).await;

    assert_eq!(placed.order.status, OrderStatus::Cancelled);
    assert_eq!(placed.order.reason, Some(Reason::IocRemainder));
    assert_eq!(placed.order.filled_quantity.to_string(), "15");
    assert_eq!(placed.order.hold.to_string(), "0.00");
    assert_eq!(trader.cash().await, ("9849.85".into(), "0.00".into()));
    world.sound().await;
}

#[tokio::test]
async fn a_fill_or_kill_order_is_filled_completely_or_not_at_all() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "15");

    let killed = trader.place(&buy("20").until("fok")).await;
    let filled = trader.place(&buy("15").until("fok")).await;

    assert_eq!(killed.order.status, OrderStatus::Cancelled);
    assert_eq!(killed.order.reason, Some(Reason::FokUnfilled));
    assert!(killed.executions.is_empty());
    assert_eq!(filled.order.status, OrderStatus::Filled);
    world.sound().await;
}

#[tokio::test]
async fn a_fraction_of_a_share_can_be_bought_and_sold() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("178.49", "178.51", "100");

    let bought = trader.place(&buy("0.000001")).await;
    let sold = trader.place(&sell("0.000001")).await;

    assert_eq!(bought.order.status, OrderStatus::Filled);
    assert_eq!(bought.executions[0].cash.to_string(), "0.00");
    assert_eq!(sold.order.status, OrderStatus::Filled);
    world.sound().await;
}

#[tokio::test]
async fn an_account_is_opened_with_its_deposit_at_its_first_use() {
    let world = World::new().await;
    let trader = world.trader();

    let account = world.trading.account(&trader.ctx()).await.unwrap();
    let again = world.trading.account(&trader.ctx()).await.unwrap();

    assert_eq!(account.buying_power.to_string(), "10000.00");
    assert_eq!(account.status.as_str(), "active");
    assert_eq!(account, again);
    assert_eq!(world.count("trading.account").await, 1);
    assert_eq!(world.count("trading.transfer").await, 1);
    assert_eq!(world.count("platform_audit.event").await, 1);
    world.sound().await;
}

#[tokio::test]
async fn many_first_uses_at_once_open_one_account() {
    let world = World::new().await;
    let trader = world.trader();

    let looks = (0..16).map(|_| {
        let trader = trader.clone();
        tokio::spawn(async move { trader.world.trading.account(&trader.ctx()).await.unwrap().id })
    });
    let mut ids = Vec::new();
    for look in looks.collect::<Vec<_>>() {
        ids.push(look.await.unwrap());
    }

    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(world.count("trading.transfer").await, 1);
    world.sound().await;
}

#[tokio::test]
async fn orders_are_listed_newest_first_and_by_status() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    let filled = trader.place(&buy("1")).await.order.id;
    let open = trader.place(&buy("1").limit("9.00")).await.order.id;
    let gone = trader.place(&buy("1").limit("9.00")).await.order.id;
    world.trading.cancel(&trader.ctx(), gone).await.unwrap();

    let list = async |filter: &str, page| {
        let filter: OrderStatusFilter = filter.parse().unwrap();
        let orders = world.trading.orders(&trader.ctx(), filter, page).await.unwrap();
        orders.into_iter().map(|order| order.id).collect::<Vec<_>>()
    };

    assert_eq!(list("all", (None, 10)).await, [gone, open, filled]);
    assert_eq!(list("open", (None, 10)).await, [open]);
    assert_eq!(list("cancelled", (None, 10)).await, [gone]);
    assert_eq!(list("all", (None, 2)).await, [gone, open]);
    assert_eq!(list("all", (Some(open), 2)).await, [filled]);
    assert!("nonsense".parse::<OrderStatusFilter>().is_err());
}
