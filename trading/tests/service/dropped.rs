//! Clients that hang up at any moment.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use crate::support::{With, World, buy, change, limit_to};
use platform_core::{Random, SeededRandom};
use trading::{OrderStatus, OrderStatusFilter, PlaceOutcome, Placed, Ticket};

const SENDS: usize = 500;
const TRADERS: usize = 4;

/// Polls a future at most so many times, then drops it.
async fn poll_times<T>(times: u8, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

/// Waits for a future until this task has been woken so many times, which it is all the time, then drops it.
async fn wait_turns<T>(turns: u32, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = turns;
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

/// Every other order rests.
fn ticket(number: usize) -> Ticket {
    match (number / TRADERS) % 2 {
        0 => buy("1").limit("10.00"),
        _ => buy("1").limit("9.00"),
    }
}

fn key(number: usize) -> String {
    format!("key-{number}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_and_nothing_is_there_twice() {
    let world = World::new().await;
    world.quote("10.00", "10.00", "1000000");
    let traders: [_; TRADERS] = std::array::from_fn(|_| world.trader());
    for trader in &traders {
        trader.cash().await;
    }
    let random = SeededRandom::new(20_260_105);
    let mut acknowledged: BTreeMap<usize, PlaceOutcome> = BTreeMap::new();

    for round in (0..SENDS).step_by(TRADERS) {
        let mut sends = Vec::new();
        for (lane, trader) in traders.iter().enumerate() {
            let (trader, number) = (trader.clone(), round + lane);
            let mut times = [0];
            random.fill(&mut times);
            sends.push(tokio::spawn(async move {
                let (key, ticket) = (key(number), ticket(number));
                let answer = match times[0] {
                    0..64 => Some(trader.send(&key, &ticket).await),
                    turns => wait_turns(u32::from(turns) * 16, trader.send(&key, &ticket)).await,
                };
                (number, answer)
            }));
        }
        for send in sends {
            if let (number, Some(placed)) = send.await.unwrap() {
                acknowledged.insert(number, placed.unwrap().outcome().clone());
            }
        }
    }
    assert!(acknowledged.len() > 20, "{} acknowledged", acknowledged.len());
    assert!(
        acknowledged.len() < SENDS - 100,
        "{} acknowledged",
        acknowledged.len()
    );

    // Everybody asks again, and learns what became of the order.
    let mut done_unheard = 0;
    for number in 0..SENDS {
        let trader = &traders[number % TRADERS];
        let again = trader.send(&key(number), &ticket(number)).await.unwrap();
        match (acknowledged.get(&number), again) {
            (Some(first), Placed::Replayed(again)) => assert_eq!(*first, again),
            (None, Placed::Replayed(_)) => done_unheard += 1,
            (None, Placed::New(_)) => {}
            (first, again) => panic!("order {number}: {first:?}, then {again:?}"),
        }
    }
    assert!(
        done_unheard > 0,
        "some commits ran to their end without their caller"
    );
    let orders = i64::try_from(SENDS).unwrap();
    assert_eq!(world.count("trading.orders").await, orders);
    world.sound().await;

    // The matcher knows every order that rests, also those whose caller had gone.
    world.quote("9.00", "9.00", "1000000");
    world.match_aapl().await;
    for trader in &traders {
        let open = world
            .trading
            .orders(&trader.ctx(), OrderStatusFilter::Open, (None, 200))
            .await
            .unwrap();
        assert_eq!(open, []);
    }
    assert_eq!(world.count("trading.execution").await, orders);
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_that_nobody_waits_for_happens_or_does_not() {
    let world = World::new().await;
    world.quote("10.00", "10.00", "1000000");
    let trader = world.trader();
    let (mut happened, mut did_not) = (0, 0);

    for times in (0..14).cycle().take(56) {
        let id = trader.place(&buy("1").limit("9.00")).await.order.id;
        let ctx = trader.ctx();
        let answer = poll_times(times, world.trading.cancel(&ctx, id)).await;
        // Waits for the account's lock, so that what the dropped call began has ended.
        let second = world.trading.cancel(&ctx, id).await;
        match (answer, second) {
            (Some(Ok(_)), Err(_)) => {}
            (None, Ok(_)) => did_not += 1,
            (None, Err(trading::CancelError::Closed(order))) => {
                assert_eq!(order.status, OrderStatus::Cancelled);
                happened += 1;
            }
            (first, second) => panic!("{first:?}, then {second:?}"),
        }
    }

    assert!(
        happened > 0 && did_not > 0,
        "{happened} happened, {did_not} did not"
    );
    assert_eq!(trader.cash().await, ("10000.00".into(), "0.00".into()));
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_nobody_waits_for_happens_or_does_not() {
    let world = World::new().await;
    world.quote("10.00", "10.00", "1000000");
    let trader = world.trader();
    let ctx = trader.ctx();
    let (mut happened, mut did_not, mut orders) = (0, 0, Vec::new());

    for times in (0..14).cycle().take(56) {
        let id = trader.place(&buy("1").limit("8.00")).await.order.id;
        let dearer = limit_to("9.00");
        let answer = poll_times(times, world.trading.replace(&ctx, id, &dearer, None)).await;
        // Waits for the account's lock, so that what the dropped call began has ended.
        let order = trader.replace(id, &change()).await.unwrap().order;
        match (answer, order.version) {
            (Some(Ok(_)), 2) => {}
            (None, 1) => did_not += 1,
            (None, 2) => happened += 1,
            other => panic!("{other:?}"),
        }
        orders.push(order);
    }
    assert!(
        happened > 0 && did_not > 0,
        "{happened} happened, {did_not} did not"
    );

    // The matcher knows every order as it is, also where nobody heard of it.
    world.quote("9.00", "9.00", "1000000");
    world.match_aapl().await;
    for order in orders {
        let fills = order.limit_price.unwrap().to_string() == "9.00";
        let status = trader.order(order.id).await.status;
        assert_eq!(status == OrderStatus::Filled, fills, "{order:?}");
    }
    world.sound().await;
}
