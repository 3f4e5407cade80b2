//! Changes, stops and sessions against the market: whatever comes first, the money adds up.

use std::time::Duration;

use time::macros::datetime;
use trading::{OrderStatus, ReplaceError};

use crate::races::both;
use crate::support::{With, World, buy, change_to, limit_to};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replace_against_a_fill() {
    let world = World::new().await;
    let trader = world.trader();
    let (mut before, mut after) = (0, 0);
    for round in 0..20 {
        let wanted = if round % 2 == 0 { "15" } else { "5" };
        world.quote("10.00", "10.01", "1000");
        let id = trader.place(&buy("10").limit("9.00")).await.order.id;
        world.quote("8.99", "9.00", "1000");
        let (replacer, matcher) = (trader.clone(), world.clone());

        let (replaced, _) = both(
            async move { replacer.replace(id, &change_to(wanted)).await },
            async move { matcher.match_aapl().await },
        )
        .await;
        world.match_aapl().await;

        let order = trader.order(id).await;
        assert_eq!(order.status, OrderStatus::Filled);
        assert_eq!(order.quantity, order.filled_quantity);
        match replaced {
            Ok(outcome) => {
                assert_eq!(outcome.order.quantity.to_string(), wanted);
                assert_eq!(order.filled_quantity.to_string(), wanted);
                before += 1;
            }
            Err(ReplaceError::Closed(answered)) => {
                assert_eq!(*answered, order, "a filled order is final");
                assert_eq!(order.filled_quantity.to_string(), "10");
                after += 1;
            }
            Err(other) => panic!("{other:?}"),
        }
        assert_eq!(trader.cash().await.1, "0.00");
    }
    assert_eq!(before + after, 20);
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replaces_on_the_last_cash() {
    let world = World::new().await;
    for _ in 0..10 {
        let trader = world.trader();
        world.quote("10.00", "10.01", "1000");
        let first = trader.place(&buy("100").limit("9.00")).await.order.id;
        let second = trader.place(&buy("100").limit("9.00")).await.order.id;
        let (one, other) = (trader.clone(), trader.clone());

        let (one, other) = both(
            async move { one.replace(first, &change_to("900")).await.is_ok() },
            async move { other.replace(second, &change_to("900")).await.is_ok() },
        )
        .await;

        assert!(one != other, "there is enough for one of them");
        assert_eq!(trader.cash().await, ("1000.00".into(), "9000.00".into()));
    }
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replace_against_a_cancel() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "1000");
    for _ in 0..15 {
        let id = trader.place(&buy("10").limit("9.00")).await.order.id;
        let (replacer, canceller) = (trader.clone(), trader.clone());

        let (replaced, cancelled) = both(
            async move { replacer.replace(id, &limit_to("8.00")).await },
            async move { canceller.world.trading.cancel(&canceller.ctx(), id).await },
        )
        .await;

        assert_eq!(cancelled.unwrap().status, OrderStatus::Cancelled);
        assert!(
            matches!(replaced, Ok(_) | Err(ReplaceError::Closed(_))),
            "{replaced:?}"
        );
    }
    assert_eq!(trader.cash().await, ("10000.00".into(), "0.00".into()));
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_elect_a_stop_once() {
    let world = World::own().await;
    world.quote("10.00", "10.01", "1000");
    let mut orders = Vec::new();
    for _ in 0..8 {
        let trader = world.trader();
        let id = trader.place(&buy("10").stop("11.00")).await.order.id;
        orders.push((trader, id));
    }
    let other = world.restarted();
    other.matcher.load().await.unwrap();
    world.quote("11.00", "11.01", "1000");

    both(
        {
            let world = world.clone();
            async move { world.match_aapl().await }
        },
        async move { other.match_aapl().await },
    )
    .await;
    world.match_aapl().await;

    for (trader, id) in orders {
        assert_eq!(trader.order(id).await.status, OrderStatus::Filled);
        assert_eq!(
            world.actions(id).await,
            ["order.place", "order.trigger", "order.fill"]
        );
    }
    world.sound().await;
}

#[tokio::test]
async fn a_stop_elects_and_gaps_through_its_limit() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    let id = trader
        .place(&buy("10").stop_limit("11.00", "11.10"))
        .await
        .order
        .id;
    assert_eq!(trader.cash().await.1, "111.00");

    world.quote("12.00", "12.01", "100");
    world.match_aapl().await;
    let gapped = trader.order(id).await;
    assert_eq!(
        gapped.status,
        OrderStatus::Submitted,
        "elected, and beyond its limit"
    );
    assert!(gapped.filled_quantity.is_zero());
    world.quote("10.50", "11.10", "100");
    world.match_aapl().await;

    let order = trader.order(id).await;
    assert_eq!(order.status, OrderStatus::Filled);
    assert_eq!(order.average_price.unwrap().to_string(), "11.10");
    world.sound().await;
}

/// At the closing tick a quote from before the close still fills; the close then ends what is left.
#[tokio::test]
async fn a_quote_from_before_the_close_fills_before_the_orders_of_the_day_expire() {
    let world = World::new().await;
    let trader = world.trader();
    world.clock.set(datetime!(2026-01-05 23:59:58 UTC));
    world.quote("10.00", "10.01", "100");
    let id = trader.place(&buy("10").limit("9.00")).await.order.id;
    world.quote("8.99", "9.00", "4");

    world.clock.set(datetime!(2026-01-06 00:00:01 UTC));
    world.match_aapl().await;
    assert_eq!(trader.order(id).await.filled_quantity.to_string(), "4");
    world.matcher.end_orders().await.unwrap();

    let order = trader.order(id).await;
    assert_eq!(order.status, OrderStatus::Expired);
    assert_eq!(order.filled_quantity.to_string(), "4");
    assert_eq!(trader.cash().await, ("9964.00".into(), "0.00".into()));
    world.sound().await;
}

/// A market buy that waits for tomorrow, as a calendar with closed hours would have taken it in.
#[tokio::test]
async fn a_market_order_queued_overnight_opens_above_its_collar() {
    let world = World::own().await;
    let (taker, trader) = (world.trader(), world.trader());
    world.quote("10.00", "10.00", "1");
    taker.own_shares("1").await;
    let id = trader.place(&buy("10").until("gtc")).await.order.id;
    assert_eq!(trader.cash().await.1, "105.00");
    let open = world.clock_now() + Duration::from_secs(3_600);
    let waits =
        format!("update trading.orders set status = 'pending', opens_at = '{open}' where id = '{id}'");
    world.by_hand(waits).await;
    let next = world.restarted();
    next.matcher.load().await.unwrap();

    // Nothing fills it, or lets it work, before its session begins.
    next.quote("9.00", "9.00", "100");
    next.match_aapl().await;
    assert_eq!(next.matcher.activate_orders().await.unwrap(), 0);
    assert_eq!(trader.order(id).await.status, OrderStatus::Pending);
    world.clock.set(open);
    assert_eq!(next.matcher.activate_orders().await.unwrap(), 1);
    assert_eq!(next.matcher.activate_orders().await.unwrap(), 0);
    next.quote("10.51", "10.51", "100");
    next.match_aapl().await;
    let opened = trader.order(id).await;
    assert_eq!(opened.status, OrderStatus::Submitted, "10.50 is the most it pays");
    assert_eq!(opened.hold.to_string(), "105.00");
    next.quote("10.49", "10.50", "100");
    next.match_aapl().await;

    assert_eq!(trader.order(id).await.status, OrderStatus::Filled);
    assert_eq!(
        world.actions(id).await,
        ["order.place", "order.activate", "order.fill"]
    );
    // Its log does not know that it was made to wait by hand, so only the sums are looked at.
    let sums = world.trading.reconcile(&world.system()).await.unwrap();
    assert_eq!(sums.discrepancies, []);
}
