//! An order that is sent again is answered again.

use std::time::Duration;

use crate::support::{Trader, With, World, buy, sell};
use platform_core::TenantId;
use trading::{OrderStatus, PlaceError, PlaceOutcome, Placed};

fn replayed(placed: Placed) -> PlaceOutcome {
    match placed {
        Placed::Replayed(outcome) => outcome,
        other => panic!("not replayed: {other:?}"),
    }
}

fn fresh(placed: Placed) -> PlaceOutcome {
    match placed {
        Placed::New(outcome) => outcome,
        other => panic!("not new: {other:?}"),
    }
}

async fn quoted() -> (World, Trader) {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "1000");
    (world, trader)
}

#[tokio::test]
async fn the_same_key_and_order_get_the_same_answer() {
    let (world, trader) = quoted().await;

    let first = fresh(trader.send("key", &buy("10")).await.unwrap());
    world.quote("20.00", "20.01", "1000");
    let second = replayed(trader.send("key", &buy("10")).await.unwrap());

    assert_eq!(first, second);
    assert_eq!(world.count("trading.orders").await, 1);
    assert_eq!(world.actions(first.order.id).await, ["order.place"]);
    world.sound().await;
}

#[tokio::test]
async fn the_answer_is_the_first_one_even_when_the_order_has_moved_on() {
    let (world, trader) = quoted().await;
    let first = fresh(trader.send("key", &buy("10").limit("9.00")).await.unwrap());
    world.trading.cancel(&trader.ctx(), first.order.id).await.unwrap();

    let second = replayed(trader.send("key", &buy("10").limit("9.00")).await.unwrap());

    assert_eq!(second.order.status, OrderStatus::Submitted);
    assert_eq!(first, second);
}

#[tokio::test]
async fn the_same_order_in_other_words_is_the_same_order() {
    let (world, trader) = quoted().await;
    fresh(trader.send("key", &buy("10").limit("9.50")).await.unwrap());

    for ticket in [
        buy("10.000000").limit("9.50"),
        buy("10").limit("9.5"),
        buy("10").limit("9.5000").until("day"),
    ] {
        replayed(trader.send("key", &ticket).await.unwrap());
    }
    assert_eq!(world.count("trading.orders").await, 1);
}

#[tokio::test]
async fn the_same_key_for_another_order_is_refused() {
    let (world, trader) = quoted().await;
    fresh(trader.send("key", &buy("10")).await.unwrap());

    for other in [
        buy("11"),
        sell("10"),
        buy("10").of("IBM"),
        buy("10").limit("10.01"),
        buy("10").until("gtc"),
        buy("10").named("mine"),
    ] {
        let refused = trader.send("key", &other).await;
        assert!(matches!(refused, Err(PlaceError::KeyReused)), "{refused:?}");
    }

    assert_eq!(world.count("trading.orders").await, 1);
    world.sound().await;
}

#[tokio::test]
async fn a_rejection_is_answered_again_even_when_it_would_succeed_now() {
    let (world, trader) = quoted().await;
    let first = fresh(trader.send("key", &sell("5")).await.unwrap());
    assert_eq!(first.order.status, OrderStatus::Rejected);
    trader.own_shares("5").await;

    let second = replayed(trader.send("key", &sell("5")).await.unwrap());

    assert_eq!(first, second);
    assert!(second.rejection.is_some());
    assert_eq!(trader.shares().await.0, "5");
    world.sound().await;
}

#[tokio::test]
async fn a_refused_form_leaves_the_key_free() {
    let (world, trader) = quoted().await;

    assert!(trader.send("key", &buy("nonsense")).await.is_err());
    assert!(trader.send("key", &buy("1").of("NVDA")).await.is_err());

    fresh(trader.send("key", &buy("10")).await.unwrap());
    assert_eq!(world.count("trading.idempotency").await, 1);
}

#[tokio::test]
async fn an_order_without_any_name_is_placed_as_often_as_it_is_sent() {
    let (world, trader) = quoted().await;

    let first = trader.place(&buy("1")).await;
    let second = trader.place(&buy("1")).await;

    assert_ne!(first.order.id, second.order.id);
    assert_eq!(world.count("trading.idempotency").await, 0);
    world.sound().await;
}

#[tokio::test]
async fn accounts_and_tenants_do_not_share_keys() {
    let (world, trader) = quoted().await;
    let neighbour = world.trader();
    let abroad = world.other_tenant().await;
    let foreigner = abroad.trader();
    // The same person in another tenant is another customer.
    let twin = Trader {
        principal: trader.principal.clone(),
        world: abroad.clone(),
    };

    let mut ids = Vec::new();
    for (somebody, shares) in [(&trader, "1"), (&neighbour, "2"), (&foreigner, "3"), (&twin, "4")] {
        let outcome = fresh(somebody.send("key", &buy(shares).named("mine")).await.unwrap());
        ids.push(outcome.order.id);
    }

    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    world.sound().await;
    abroad.sound().await;
}

#[tokio::test]
async fn the_same_key_thirty_two_times_at_once_places_one_order() {
    let (world, trader) = quoted().await;

    let sends: Vec<_> = (0..32)
        .map(|_| {
            let trader = trader.clone();
            tokio::spawn(async move { trader.send("key", &buy("10")).await.unwrap() })
        })
        .collect();
    let mut answers = Vec::new();
    for send in sends {
        answers.push(send.await.unwrap());
    }

    let new = answers
        .iter()
        .filter(|answer| matches!(answer, Placed::New(_)))
        .count();
    assert_eq!(new, 1);
    let first = answers[0].outcome().clone();
    assert!(answers.iter().all(|answer| *answer.outcome() == first));
    assert_eq!(world.count("trading.orders").await, 1);
    assert_eq!(world.count("trading.execution").await, 1);
    assert_eq!(trader.cash().await.0, "9899.90");
    world.sound().await;
}

#[tokio::test]
async fn different_keys_at_once_are_different_orders() {
    let (world, trader) = quoted().await;

    let sends: Vec<_> = (0..16)
        .map(|number| {
            let trader = trader.clone();
            tokio::spawn(async move { trader.send(&format!("key-{number}"), &buy("1")).await })
        })
        .collect();
    for send in sends {
        fresh(send.await.unwrap().unwrap());
    }

    assert_eq!(world.count("trading.orders").await, 16);
    assert_eq!(trader.cash().await.0, "9839.84");
    world.sound().await;
}

#[tokio::test]
async fn the_clients_name_for_an_order_places_it_once() {
    let (world, trader) = quoted().await;
    let ticket = buy("10").limit("9.00").named("mine");
    let first = trader.place(&ticket).await;

    let unnamed = trader.try_place(&ticket).await.unwrap();
    let keyed = trader.send("another-key", &ticket).await.unwrap();

    for again in [unnamed, keyed] {
        match again {
            Placed::Existing(outcome) => assert_eq!(outcome.order, first.order),
            other => panic!("{other:?}"),
        }
    }
    let found = world.trading.order_by_client_id(&trader.ctx(), "mine").await;
    assert_eq!(found.unwrap(), Some(first.order));
    world.sound().await;
}

#[tokio::test]
async fn a_key_that_found_the_order_of_that_name_is_remembered_too() {
    let (world, trader) = quoted().await;
    let ticket = buy("10").limit("9.00").named("mine");
    trader.place(&ticket).await;
    let found = trader.send("key", &ticket).await.unwrap();
    world.quote("8.99", "9.00", "4");
    world.match_aapl().await;

    let again = trader.send("key", &ticket).await.unwrap();
    let other = trader.send("key", &buy("1")).await;

    assert_eq!(
        again,
        Placed::ReplayedExisting(found.outcome().clone()),
        "as it was answered then"
    );
    assert!(matches!(other, Err(PlaceError::KeyReused)), "{other:?}");
    assert_eq!(world.count("trading.orders").await, 1);
    world.sound().await;
}

#[tokio::test]
async fn the_order_of_that_name_is_shown_as_it_is_now() {
    let (world, trader) = quoted().await;
    let ticket = buy("10").limit("9.00").named("mine");
    trader.place(&ticket).await;
    world.quote("8.99", "9.00", "4");
    world.match_aapl().await;

    let again = trader.try_place(&ticket).await.unwrap();

    let outcome = again.outcome();
    assert_eq!(outcome.order.status, OrderStatus::Partial);
    assert_eq!(outcome.executions.len(), 1);
    assert_eq!(outcome.buying_power.to_string(), "9910.00");
    world.sound().await;
}

#[tokio::test]
async fn a_name_is_used_for_one_order_for_ever() {
    let (world, trader) = quoted().await;
    let placed = trader.place(&buy("10").limit("9.00").named("mine")).await;
    world
        .trading
        .cancel(&trader.ctx(), placed.order.id)
        .await
        .unwrap();

    for other in [
        buy("11").limit("9.00").named("mine"),
        sell("10").limit("9.00").named("mine"),
        buy("10").named("mine"),
    ] {
        let refused = trader.try_place(&other).await;
        assert!(
            matches!(refused, Err(PlaceError::ClientOrderIdTaken)),
            "{refused:?}"
        );
    }
    assert_eq!(world.count("trading.orders").await, 1);
}

#[tokio::test]
async fn the_same_name_sixteen_times_at_once_places_one_order() {
    let (world, trader) = quoted().await;

    let sends: Vec<_> = (0..16)
        .map(|_| {
            let trader = trader.clone();
            tokio::spawn(async move { trader.try_place(&buy("10").named("mine")).await.unwrap() })
        })
        .collect();
    let mut new = 0;
    for send in sends {
        match send.await.unwrap() {
            Placed::New(_) => new += 1,
            Placed::Existing(outcome) => assert_eq!(outcome.order.status, OrderStatus::Filled),
            replayed => panic!("{replayed:?}"),
        }
    }

    assert_eq!(new, 1);
    assert_eq!(world.count("trading.orders").await, 1);
    world.sound().await;
}

#[tokio::test]
async fn keys_are_forgotten_after_a_week_and_names_never() {
    let world = World::own().await;
    let trader = world.trader();
    let week = Duration::from_secs(7 * 86_400);
    world.quote("10.00", "10.01", "1000");
    let old = fresh(trader.send("old", &buy("1").named("old")).await.unwrap());
    world.clock.advance(Duration::from_secs(60));
    world.quote("10.00", "10.01", "1000");
    fresh(trader.send("young", &buy("1")).await.unwrap());

    world.clock.advance(week - Duration::from_secs(30));
    assert_eq!(world.trading.forget_old_keys().await.unwrap(), 1);
    world.quote("10.00", "10.01", "1000");

    replayed(trader.send("young", &buy("1")).await.unwrap());
    fresh(trader.send("old", &buy("2")).await.unwrap());
    match trader.try_place(&buy("1").named("old")).await.unwrap() {
        Placed::Existing(outcome) => assert_eq!(outcome.order.id, old.order.id),
        other => panic!("{other:?}"),
    }
    world.sound().await;
}

#[tokio::test]
async fn keys_of_every_tenant_are_forgotten() {
    let world = World::own().await;
    world.quote("10.00", "10.01", "1000");
    let mut tenants: Vec<TenantId> = Vec::new();
    for _ in 0..3 {
        let abroad = world.other_tenant().await;
        abroad.trader().send("key", &buy("1")).await.unwrap();
        tenants.push(abroad.tenant);
    }

    world.clock.advance(Duration::from_secs(8 * 86_400));

    assert_eq!(world.trading.forget_old_keys().await.unwrap(), 3);
    assert_eq!(world.trading.forget_old_keys().await.unwrap(), 0);
}
