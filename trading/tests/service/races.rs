//! Two things at once, over and over: whatever comes first, the money adds up.

use std::future::Future;

use crate::support::{Trader, With, World, buy, sell};
use trading::{CancelError, OrderStatus, Placed};

/// Runs two futures on two threads and waits for both.
pub(crate) async fn both<A: Send + 'static, B: Send + 'static>(
    first: impl Future<Output = A> + Send + 'static,
    second: impl Future<Output = B> + Send + 'static,
) -> (A, B) {
    let (first, second) = (tokio::spawn(first), tokio::spawn(second));
    (first.await.unwrap(), second.await.unwrap())
}

async fn place(trader: Trader, ticket: trading::Ticket) -> OrderStatus {
    trader.place(&ticket).await.order.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_against_a_fill() {
    let world = World::new().await;
    let trader = world.trader();
    for _ in 0..25 {
        world.quote("10.00", "10.01", "1000");
        let id = trader.place(&buy("10").limit("9.00")).await.order.id;
        world.quote("8.99", "9.00", "1000");
        let (canceller, matcher) = (trader.clone(), world.clone());

        let (cancelled, _) = both(
            async move { canceller.world.trading.cancel(&canceller.ctx(), id).await },
            async move { matcher.match_aapl().await },
        )
        .await;

        let order = trader.order(id).await;
        match cancelled {
            Ok(answered) => {
                assert_eq!(answered.status, OrderStatus::Cancelled);
                assert_eq!(order, answered, "a cancelled order never fills");
            }
            Err(CancelError::Closed(answered)) => {
                assert_eq!(answered.status, OrderStatus::Filled);
                assert_eq!(order, *answered);
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_cancels_of_one_order() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "1000");
    for _ in 0..15 {
        let id = trader.place(&buy("10").limit("9.00")).await.order.id;
        let (first, second) = (trader.clone(), trader.clone());

        let (first, second) = both(
            async move { first.world.trading.cancel(&first.ctx(), id).await },
            async move { second.world.trading.cancel(&second.ctx(), id).await },
        )
        .await;

        assert!(first.is_ok() != second.is_ok());
    }
    assert_eq!(trader.cash().await, ("10000.00".into(), "0.00".into()));
    world.sound().await;
}

/// The other process still has the time before midnight and fills; this one ends the order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expiry_against_a_fill() {
    let world = World::own().await;
    let late = std::sync::Arc::new(platform_core::ManualClock::starting_at(crate::support::NOW));
    let sources = platform_core::Sources::shared(late.clone(), std::sync::Arc::new(platform_core::OsRandom));
    let behind = world.with_db(world.test.connect_with_sources(sources).await);
    let (mut filled, mut expired) = (0, 0);
    for _ in 0..15 {
        let trader = world.trader();
        world.quote("10.00", "10.01", "1000");
        let id = trader.place(&buy("10").limit("9.00")).await.order.id;
        behind.matcher.load().await.unwrap();
        let quoted = world.clock_now();
        world.quote("8.99", "9.00", "1000");
        late.set(quoted);
        world.clock.set(trader.order(id).await.expires_at.unwrap());
        let (ending, matching) = (world.clone(), behind.clone());

        both(
            async move { ending.matcher.end_orders().await.unwrap() },
            async move { matching.match_aapl().await },
        )
        .await;

        let order = trader.order(id).await;
        match order.status {
            OrderStatus::Filled => filled += 1,
            OrderStatus::Expired => {
                assert!(order.filled_quantity.is_zero());
                expired += 1;
            }
            other => panic!("{other}"),
        }
        assert_eq!(trader.cash().await.1, "0.00");
    }
    assert_eq!(filled + expired, 15);
    world.sound().await;
}

/// Two processes with a market of their own, as long as the old leader has not noticed that it is none any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_matchers_fill_every_order_once() {
    let world = World::own().await;
    world.quote("10.00", "10.01", "1000");
    let mut orders = Vec::new();
    for _ in 0..12 {
        let trader = world.trader();
        let id = trader.place(&buy("10").limit("9.00")).await.order.id;
        orders.push((trader, id));
    }
    let other = world.restarted();
    other.matcher.load().await.unwrap();
    world.quote("8.99", "9.00", "1000");

    let (first, second) = both(
        {
            let world = world.clone();
            async move { world.match_aapl().await }
        },
        async move { other.match_aapl().await },
    )
    .await;

    assert!(first + second >= 12);
    for (trader, id) in orders {
        let order = trader.order(id).await;
        assert_eq!(order.status, OrderStatus::Filled);
        assert_eq!(order.version, 2, "one fill");
        assert_eq!(trader.cash().await, ("9910.00".into(), "0.00".into()));
    }
    assert_eq!(world.count("trading.execution").await, 12);
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_buys_on_the_last_cash() {
    let world = World::new().await;
    world.quote("10.00", "10.00", "10000000");
    for _ in 0..12 {
        let trader = world.trader();

        let (first, second) = both(
            place(trader.clone(), buy("600")),
            place(trader.clone(), buy("600")),
        )
        .await;

        let mut statuses = [first, second];
        statuses.sort();
        assert_eq!(statuses, [OrderStatus::Filled, OrderStatus::Rejected]);
        assert_eq!(trader.cash().await, ("4000.00".into(), "0.00".into()));
    }
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sells_on_the_last_shares() {
    let world = World::new().await;
    world.quote("10.00", "10.00", "10000000");
    for _ in 0..12 {
        let trader = world.trader();
        trader.own_shares("10").await;

        let (first, second) = both(
            place(trader.clone(), sell("6")),
            place(trader.clone(), sell("6").limit("20.00")),
        )
        .await;

        let rejected = [first, second]
            .iter()
            .filter(|status| **status == OrderStatus::Rejected)
            .count();
        assert_eq!(rejected, 1);
        assert_eq!(trader.shares().await.0, "4");
    }
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_buy_credits_shares_while_a_sell_holds_others() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.00", "10000000");
    trader.own_shares("100").await;
    for _ in 0..12 {
        both(
            place(trader.clone(), buy("5")),
            place(trader.clone(), sell("7").limit("20.00")),
        )
        .await;
    }

    assert_eq!(trader.shares().await, ("76".into(), "160".into()));
    world.quote("20.00", "20.00", "10000000");
    let (matching, buying) = (world.clone(), trader.clone());
    both(
        async move { matching.match_aapl().await },
        place(buying, buy("3")),
    )
    .await;

    assert_eq!(trader.shares().await, ("79".into(), "79".into()));
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_buyers_share_what_a_quote_displays() {
    let world = World::new().await;
    world.quote("10.00", "10.00", "55");

    let buyers: Vec<_> = (0..10)
        .map(|_| {
            let trader = world.trader();
            tokio::spawn(async move {
                trader
                    .place(&buy("10").until("ioc"))
                    .await
                    .order
                    .filled_quantity
                    .e6()
            })
        })
        .collect();
    let mut bought_e6 = 0;
    for buyer in buyers {
        bought_e6 += buyer.await.unwrap();
    }

    assert_eq!(bought_e6, 55_000_000);
    world.sound().await;
}

/// Without the lock order (account, then order) this deadlocks within a few rounds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn placing_cancelling_and_matching_at_once_never_deadlock() {
    let world = World::new().await;
    let traders = [world.trader(), world.trader(), world.trader()];
    world.quote("10.00", "10.01", "1000");
    let mut tasks = Vec::new();
    for trader in &traders {
        for lane in 0..3 {
            let trader = trader.clone();
            tasks.push(tokio::spawn(async move {
                for round in 0..6 {
                    let price = if (lane + round) % 2 == 0 { "9.00" } else { "10.50" };
                    let placed = trader.place(&buy("3").limit(price)).await;
                    let cancelled = trader.world.trading.cancel(&trader.ctx(), placed.order.id).await;
                    assert!(
                        matches!(cancelled, Ok(_) | Err(CancelError::Closed(_))),
                        "{cancelled:?}"
                    );
                }
            }));
        }
    }
    let matching = world.clone();
    tasks.push(tokio::spawn(async move {
        for _ in 0..15 {
            matching.quote("8.99", "9.00", "5");
            matching.match_aapl().await;
        }
    }));
    for task in tasks {
        task.await.unwrap();
    }
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quote_that_arrives_twice_fills_once() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "1000");
    let id = trader.place(&buy("10").limit("9.00")).await.order.id;
    world.quote("8.99", "9.00", "4");

    let (first, second) = (world.clone(), world.clone());
    both(async move { first.match_aapl().await }, async move {
        second.match_aapl().await
    })
    .await;
    world.match_aapl().await;

    let order = trader.order(id).await;
    assert_eq!(order.filled_quantity.to_string(), "4");
    assert_eq!(world.count("trading.execution").await, 1);
    world.sound().await;
}

#[tokio::test]
async fn quotes_out_of_order_still_count_up() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "1000");
    let id = trader.place(&buy("10").limit("9.00")).await.order.id;
    world.quote("8.99", "9.00", "4");
    world.match_aapl().await;

    // The market's clock goes back a second: the quote is from before the order was placed, and new all the same.
    let before = world.clock_now() - std::time::Duration::from_secs(1);
    world
        .board
        .publish(before, vec![crate::support::update("AAPL", "8.98", "8.99", "4")]);
    world.match_aapl().await;
    world.match_aapl().await;

    let fills = world.trading.executions(&trader.ctx(), id, (None, 10)).await;
    let fills = fills.unwrap().unwrap();
    assert_eq!(fills.len(), 2);
    assert!(fills[0].quote_seq < fills[1].quote_seq);
    assert_eq!(trader.order(id).await.filled_quantity.to_string(), "8");
    world.sound().await;
}

#[tokio::test]
async fn an_order_whose_process_died_before_it_knew_of_it_is_found_at_the_next_start() {
    let world = World::own().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "1000");
    let id = trader.place(&buy("10").limit("9.00")).await.order.id;

    let next = world.restarted();
    next.quote("8.99", "9.00", "1000");
    assert_eq!(next.match_aapl().await, 0, "nothing is known yet");
    next.matcher.load().await.unwrap();
    assert_eq!(next.match_aapl().await, 1);

    assert_eq!(trader.at(&next).order(id).await.status, OrderStatus::Filled);
    world.sound().await;
}

#[tokio::test]
async fn the_key_of_an_answer_that_was_lost_in_a_crash_gets_it_from_the_next_process() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "1000");
    let first = trader.send("key", &buy("10")).await.unwrap();

    let next = world.restarted();
    let again = trader.at(&next).send("key", &buy("10")).await.unwrap();

    assert_eq!(again, Placed::Replayed(first.outcome().clone()));
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspension_while_orders_come_in() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100000");
    trader.own_shares("1").await;
    let suspend = format!(
        "update trading.account set status = 'suspended' where tenant_id = '{}'",
        world.tenant
    );

    let (placed, _) = both(
        {
            let trader = trader.clone();
            async move {
                let mut placed = 1;
                while trader.try_place(&buy("1")).await.is_ok() {
                    placed += 1;
                }
                placed
            }
        },
        {
            let world = world.clone();
            async move { world.by_hand(suspend).await }
        },
    )
    .await;

    let refused = trader.try_place(&buy("1")).await;
    assert!(
        matches!(refused, Err(trading::PlaceError::AccountInactive)),
        "{refused:?}"
    );
    assert_eq!(world.count("trading.orders").await, placed);
    world.sound().await;
}
