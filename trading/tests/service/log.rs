//! The event log of an account.

use std::time::Duration;

use crate::support::{NOW, Trader, With, World, buy, sell};
use serde_json::Value;
use trading::{AccountBooks, AccountEvent, OrderId};

/// The kinds of the events of an order, oldest first.
async fn kinds(trader: &Trader, order: OrderId) -> Vec<String> {
    let (trading, ctx) = (&trader.world.trading, trader.ctx());
    let events = trading.order_events(&ctx, order, (None, 100)).await;
    let events = events.unwrap().unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

/// Every event of the tenant's accounts: the account, the number, the kind and the payload.
async fn logged(world: &World) -> Vec<(platform_core::uuid::Uuid, i64, String, String)> {
    world
        .rows("select account_id, seq, kind, payload::text from trading.event order by account_id, seq")
        .await
}

#[tokio::test]
async fn every_change_of_an_order_is_an_event_of_its_account() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "4");

    let filled = trader.place(&buy("10")).await.order.id;
    world.quote("9.00", "9.01", "100");
    world.match_aapl().await;
    let rejected = trader.place(&sell("99")).await.order.id;
    let killed = trader.place(&buy("1").limit("1.00").until("ioc")).await.order.id;
    let withdrawn = trader.place(&buy("1").limit("1.00")).await.order.id;
    world.trading.cancel(&trader.ctx(), withdrawn).await.unwrap();
    let expired = trader.place(&buy("1").limit("1.00")).await.order.id;
    world.clock.set(NOW + Duration::from_secs(86_400));
    world.matcher.end_orders().await.unwrap();

    for (order, expected) in [
        (filled, &["accepted", "filled", "filled"][..]),
        (rejected, &["rejected"]),
        (killed, &["accepted", "cancelled"]),
        (withdrawn, &["accepted", "cancelled"]),
        (expired, &["accepted", "expired"]),
    ] {
        assert_eq!(kinds(&trader, order).await, expected);
    }
    let seqs: Vec<i64> = logged(&world).await.iter().map(|event| event.1).collect();
    assert_eq!(seqs, (1..=11).collect::<Vec<_>>(), "the first is the deposit");
    let last: Vec<(i64,)> = world.rows("select event_seq from trading.account").await;
    assert_eq!(last, [(11,)]);
}

#[tokio::test]
async fn a_page_of_events_goes_on_after_a_number() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "4");
    let order = trader.place(&buy("10").limit("10.01")).await.order.id;
    world.trading.cancel(&trader.ctx(), order).await.unwrap();
    let page = |after, limit| {
        let (trading, ctx) = (world.trading.clone(), trader.ctx());
        async move {
            let events = trading.order_events(&ctx, order, (after, limit)).await.unwrap();
            events
                .unwrap()
                .into_iter()
                .map(|event| event.seq)
                .collect::<Vec<_>>()
        }
    };

    assert_eq!(page(None, 2).await, [2, 3]);
    assert_eq!(page(Some(3), 2).await, [4]);
    assert_eq!(page(Some(4), 2).await, [] as [i64; 0]);
}

#[tokio::test]
async fn what_is_stored_rebuilds_what_the_tables_hold() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "7");
    trader.place(&buy("10")).await;
    trader.place(&sell("3").limit("11.00")).await;
    trader.place(&buy("2").limit("9.00")).await;

    let mut books = AccountBooks::default();
    for (_, seq, kind, payload) in logged(&world).await {
        let payload: Value = serde_json::from_str(&payload).unwrap();
        let event = AccountEvent::from_stored(&kind, payload).unwrap();
        books.carry_out(seq, NOW, &event).unwrap();
    }

    let cash = books.cash();
    assert_eq!(
        trader.cash().await,
        (cash.available.to_string(), cash.held.to_string())
    );
    let position = books.positions().values().next().unwrap();
    let shares = position.quantity().unwrap().to_string();
    assert_eq!(trader.shares().await, (position.available.to_string(), shares));
    for (id, booked) in books.orders() {
        let (order, record) = (booked.order, booked.record.clone().unwrap());
        let stored = trader.order(*id).await;
        assert_eq!(
            (stored.status, stored.filled_quantity, stored.hold),
            (order.status, order.filled, order.hold)
        );
        assert_eq!(
            (stored.version, stored.expires_at),
            (record.version, record.expires_at)
        );
    }
    assert_eq!(books.orders().len(), 3);
}

#[tokio::test]
async fn what_was_not_done_is_no_event() {
    let world = World::own().await;
    let trader = world.trader();
    trader.cash().await;
    world.quote("10.00", "10.01", "10");
    world
        .by_hand(
            "alter table trading.transfer add constraint refused check (code <> 'hold') not valid".into(),
        )
        .await;

    assert!(trader.try_place(&buy("1")).await.is_err());

    assert_eq!(logged(&world).await.len(), 1);
}
