//! Changing orders on a real database.

use std::time::Duration;

use platform_audit::Retention;
use serde_json::json;
use time::macros::datetime;
use trading::{Invalid, OrderStatus, ReplaceError, ReplaceTicket};

use crate::support::{NOW, With, World, buy, change, change_to, limit_to, sell};

fn until(time_in_force: &str) -> ReplaceTicket {
    ReplaceTicket {
        time_in_force: Some(time_in_force.to_owned()),
        ..change()
    }
}

#[tokio::test]
async fn an_order_is_changed_in_place_and_its_hold_follows() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    let placed = trader.place(&buy("10").limit("9.00").named("mine")).await.order;

    let replaced = trader.replace(placed.id, &change_to("20")).await.unwrap();

    assert_eq!((replaced.order.id, replaced.order.version), (placed.id, 2));
    assert_eq!(replaced.order.client_order_id.as_deref(), Some("mine"));
    assert_eq!(replaced.order.hold.to_string(), "180.00");
    assert_eq!(replaced.buying_power.to_string(), "9820.00");
    assert_eq!(replaced.order, trader.order(placed.id).await);
    assert_eq!(replaced.order.accepted_at, placed.accepted_at);
    world.sound().await;
}

#[tokio::test]
async fn the_trail_tells_what_was_changed_and_what_was_refused() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    let id = trader.place(&buy("10").limit("9.00")).await.order.id;

    let both = ReplaceTicket {
        limit_price: Some("8.00".into()),
        ..change_to("20")
    };
    trader.replace(id, &both).await.unwrap();
    trader.replace(id, &change_to("99999")).await.unwrap_err();
    trader.replace(id, &change_to("1.0000001")).await.unwrap_err();

    let [_, done, poor, unreadable] = &world.events(id).await[..] else {
        panic!("four events");
    };
    assert_eq!(done.action, "order.replace");
    assert_eq!(
        done.changes.clone().unwrap(),
        json!({
            "cash.available": { "before": "9910.00", "after": "9840.00" },
            "cash.held": { "before": "90.00", "after": "160.00" },
            "order.hold": { "before": "90.00", "after": "160.00" },
            "order.limit_price": { "before": "9.00", "after": "8.00" },
            "order.quantity": { "before": "10", "after": "20" },
            "order.worst_price": { "before": "9.00", "after": "8.00" },
        })
    );
    assert_eq!(poor.reason.as_deref(), Some("insufficient_funds"));
    assert_eq!(poor.detail.as_ref().unwrap()["quantity"], "99999");
    assert_eq!(unreadable.reason.as_deref(), Some("too_many_decimals"));
    assert_eq!(poor.retention, Retention::OPERATIONAL);
}

#[tokio::test]
async fn a_better_limit_fills_at_once() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    let id = trader.place(&buy("10").limit("9.00")).await.order.id;

    let replaced = trader.replace(id, &limit_to("10.50")).await.unwrap();

    assert_eq!(replaced.order.status, OrderStatus::Filled);
    assert_eq!(replaced.executions.len(), 1);
    assert_eq!(replaced.buying_power.to_string(), "9899.90");
    world.quote("8.00", "8.01", "100");
    assert_eq!(world.match_aapl().await, 0, "the matcher has forgotten it");
    world.sound().await;
}

#[tokio::test]
async fn shares_that_a_change_does_not_take_go_back_to_the_quote() {
    let world = World::new().await;
    let (trader, other) = (world.trader(), world.trader());
    world.quote("10.00", "10.01", "10");
    let id = trader.place(&buy("1").limit("9.00")).await.order.id;
    trader.replace(id, &limit_to("9000.00")).await.unwrap();
    let id = trader.place(&buy("1").limit("9.00")).await.order.id;

    let both = ReplaceTicket {
        limit_price: Some("9999.00".into()),
        ..change_to("9")
    };
    trader.replace(id, &both).await.unwrap_err();

    let placed = other.place(&buy("9").until("fok")).await;
    assert_eq!(placed.order.status, OrderStatus::Filled);
    world.sound().await;
}

#[tokio::test]
async fn only_a_decrease_keeps_the_place_in_the_queue() {
    for (ticket, first) in [(change_to("9"), true), (change_to("11"), false)] {
        let world = World::new().await;
        let (early, late) = (world.trader(), world.trader());
        world.quote("10.00", "10.01", "100");
        let early_id = early.place(&buy("10").limit("9.00")).await.order.id;
        let late_id = late.place(&buy("10").limit("9.00")).await.order.id;

        early.replace(early_id, &ticket).await.unwrap();
        world.quote("8.99", "9.00", "5");
        world.match_aapl().await;

        let early_filled = !early.order(early_id).await.filled_quantity.is_zero();
        let late_filled = !late.order(late_id).await.filled_quantity.is_zero();
        assert_eq!((early_filled, late_filled), (first, !first), "{ticket:?}");
    }
}

#[tokio::test]
async fn the_place_in_the_queue_is_in_the_rows() {
    let world = World::own().await;
    let (early, late) = (world.trader(), world.trader());
    world.quote("10.00", "10.01", "100");
    let early_id = early.place(&buy("10").limit("9.00")).await.order.id;
    let late_id = late.place(&buy("10").limit("9.00")).await.order.id;
    early.replace(early_id, &change_to("11")).await.unwrap();

    let next = world.restarted();
    next.matcher.load().await.unwrap();
    next.quote("8.99", "9.00", "5");
    next.match_aapl().await;

    assert!(early.order(early_id).await.filled_quantity.is_zero());
    assert_eq!(late.order(late_id).await.filled_quantity.to_string(), "5");
}

#[tokio::test]
async fn a_quantity_that_is_filled_already_completes_the_order() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "4");
    let id = trader.place(&buy("10")).await.order.id;

    let replaced = trader.replace(id, &change_to("3")).await.unwrap();

    assert_eq!(replaced.order.status, OrderStatus::Filled);
    assert_eq!(replaced.order.quantity.to_string(), "4");
    assert_eq!(trader.cash().await, ("9959.96".into(), "0.00".into()));
    world.sound().await;
}

#[tokio::test]
async fn an_order_is_only_changed_in_the_version_that_was_seen() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    let id = trader.place(&buy("10").limit("9.00")).await.order.id;
    let with = async |version| {
        world
            .trading
            .replace(&trader.ctx(), id, &change_to("5"), Some(version))
            .await
    };

    match with(2).await {
        Err(ReplaceError::VersionMismatch(order)) => assert_eq!(order.version, 1),
        other => panic!("{other:?}"),
    }
    assert_eq!(with(1).await.unwrap().order.version, 2);
    assert!(matches!(with(1).await, Err(ReplaceError::VersionMismatch(_))));
    assert_eq!(with(2).await.unwrap().order.version, 2, "nothing is different");
}

#[tokio::test]
async fn a_final_order_and_another_customers_are_not_changed() {
    let world = World::new().await;
    let (trader, stranger) = (world.trader(), world.trader());
    world.quote("10.00", "10.01", "100");
    let open = trader.place(&buy("1").limit("9.00")).await.order.id;
    let filled = trader.place(&buy("1")).await.order.id;
    stranger.own_shares("1").await;

    match trader.replace(filled, &change_to("5")).await {
        Err(ReplaceError::Closed(order)) => assert_eq!(order.status, OrderStatus::Filled),
        other => panic!("{other:?}"),
    }
    let foreign = stranger.replace(open, &change_to("5")).await;
    assert!(matches!(foreign, Err(ReplaceError::NotFound)), "{foreign:?}");
    let nobody = world.trader().replace(open, &change_to("5")).await;
    assert!(matches!(nobody, Err(ReplaceError::NotFound)), "{nobody:?}");
    assert_eq!(trader.order(open).await.version, 1);
}

#[tokio::test]
async fn a_suspended_account_changes_nothing_and_may_cancel() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    let id = trader.place(&buy("10").limit("9.00")).await.order.id;
    world
        .by_hand(format!(
            "update trading.account set status = 'suspended' where tenant_id = '{}'",
            world.tenant
        ))
        .await;

    let refused = trader.replace(id, &change_to("5")).await;

    assert!(
        matches!(refused, Err(ReplaceError::AccountInactive)),
        "{refused:?}"
    );
    let cancelled = world.trading.cancel(&trader.ctx(), id).await.unwrap();
    assert_eq!(cancelled.status, OrderStatus::Cancelled);
}

#[tokio::test]
async fn another_time_in_force_ends_the_order_at_another_time() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    let id = trader.place(&buy("10").limit("9.00")).await.order.id;

    let longer = trader.replace(id, &until("gtc")).await.unwrap().order;
    assert_eq!(longer.expires_at, Some(datetime!(2026-04-06 00:00 UTC)));
    world.clock.set(datetime!(2026-01-07 12:00 UTC));
    world.matcher.end_orders().await.unwrap();
    world.quote("10.00", "10.01", "100");
    let shorter = trader.replace(id, &until("day")).await.unwrap().order;
    assert_eq!(shorter.expires_at, Some(datetime!(2026-01-08 00:00 UTC)));
    world.clock.set(datetime!(2026-01-08 00:00 UTC));
    world.matcher.end_orders().await.unwrap();

    assert_eq!(trader.order(id).await.status, OrderStatus::Expired);
    world.sound().await;
}

#[tokio::test]
async fn a_stop_that_moves_is_elected_where_it_is_now() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.00", "100");
    trader.own_shares("10").await;
    let id = trader.place(&sell("10").stop("9.00")).await.order.id;
    let trailing = ReplaceTicket {
        stop_price: Some("9.50".into()),
        ..change()
    };

    trader.replace(id, &trailing).await.unwrap();
    world.quote("9.50", "9.60", "100");
    world.match_aapl().await;

    assert_eq!(trader.order(id).await.status, OrderStatus::Filled);
    world.sound().await;
}

#[tokio::test]
async fn too_little_cash_for_the_change_leaves_the_order_as_it_was() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    let placed = trader.place(&buy("10").limit("9.00")).await.order;

    let refused = trader.replace(placed.id, &change_to("2000")).await;

    assert!(
        matches!(refused, Err(ReplaceError::Invalid(Invalid::Refused(_)))),
        "{refused:?}"
    );
    assert_eq!(trader.order(placed.id).await, placed);
    world.sound().await;
}

#[tokio::test]
async fn another_instance_that_missed_a_change_ends_no_order_before_its_time() {
    let world = World::own().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    let lasting = trader.place(&buy("10").limit("9.00")).await.order.id;
    let short = trader.place(&buy("10").limit("9.00").until("gtc")).await.order.id;
    let other = world.restarted();
    other.matcher.load().await.unwrap();
    trader.replace(lasting, &until("gtc")).await.unwrap();
    trader.replace(short, &until("day")).await.unwrap();

    world.clock.set(NOW + Duration::from_secs(86_400));
    world.quote("8.90", "8.91", "10");
    other.matcher.end_orders().await.unwrap();
    other.match_aapl().await;

    // Of the two, only the one whose time goes on has met the quote.
    assert_eq!(trader.order(lasting).await.status, OrderStatus::Filled);
    assert_eq!(trader.order(short).await.filled_quantity.to_string(), "0");
    world.matcher.end_orders().await.unwrap();
    assert_eq!(trader.order(short).await.status, OrderStatus::Expired);
    world.sound().await;
}

#[tokio::test]
async fn an_order_whose_time_is_over_is_not_changed_though_nobody_has_ended_it_yet() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    let id = trader.place(&buy("10").limit("9.00")).await.order.id;

    world.clock.set(NOW + Duration::from_secs(86_400));
    world.quote("10.00", "10.01", "100");
    for ticket in [until("gtc"), limit_to("11.00")] {
        let refused = trader.replace(id, &ticket).await;
        let Err(ReplaceError::Closed(order)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(order.status, OrderStatus::Expired);
    }

    assert_eq!(trader.order(id).await.filled_quantity.to_string(), "0");
    world.matcher.end_orders().await.unwrap();
    assert_eq!(trader.order(id).await.status, OrderStatus::Expired);
    world.sound().await;
}
