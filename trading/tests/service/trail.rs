//! What the audit trail says of accounts and orders.

use std::time::Duration;

use platform_audit::{Activity, Outcome, RecordedEvent, Retention, Severity};
use serde_json::{Value, json};

use crate::support::{With, World, buy, sell};

/// `kind:id` of every target.
fn targets(event: &RecordedEvent) -> Vec<String> {
    let shown = event
        .targets
        .iter()
        .map(|target| format!("{}:{}", target.kind, target.id));
    shown.collect()
}

fn changes(event: &RecordedEvent) -> Value {
    event.changes.clone().unwrap()
}

#[tokio::test]
async fn an_order_that_fills_in_parts_leaves_what_each_part_did_to_cash_shares_and_order() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "4");
    let order = trader.place(&buy("10")).await.order.id;
    world.quote("9.00", "9.01", "100");
    world.match_aapl().await;

    let [placed, filled] = &world.events(order).await[..] else {
        panic!("two events");
    };

    let account = world.trading.account(&trader.ctx()).await.unwrap().id;
    assert_eq!(
        targets(placed),
        [format!("order:{order}"), format!("account:{account}")]
    );
    assert_eq!(targets(filled), targets(placed));
    assert_eq!(
        (placed.activity, placed.severity, &placed.retention),
        (Activity::Create, Severity::Informational, &Retention::REGULATORY)
    );
    assert_eq!(
        changes(placed),
        json!({
            "cash.available": { "before": "10000.00", "after": "9896.84" },
            "cash.held": { "before": "0.00", "after": "63.12" },
            "order.fees": { "before": null, "after": "0.00" },
            "order.filled": { "before": null, "after": "4" },
            "order.hold": { "before": null, "after": "63.12" },
            "order.status": { "before": null, "after": "partial" },
            "position.available": { "before": "0", "after": "4" },
            "position.cost": { "before": "0.00", "after": "40.04" },
        })
    );
    assert_eq!(filled.activity, Activity::Execute);
    assert_eq!(
        changes(filled),
        json!({
            "cash.available": { "before": "9896.84", "after": "9905.90" },
            "cash.held": { "before": "63.12", "after": "0.00" },
            "order.filled": { "before": "4", "after": "10" },
            "order.hold": { "before": "63.12", "after": "0.00" },
            "order.status": { "before": "partial", "after": "filled" },
            "position.available": { "before": "4", "after": "10" },
            "position.cost": { "before": "40.04", "after": "94.10" },
        })
    );
    let executions = &filled.detail.as_ref().unwrap()["executions"];
    assert_eq!(executions[0]["quantity"], "6");
    assert_eq!(executions[0]["price"], "9.01");
    assert_eq!(executions[0]["cash"], "54.06");
    assert_eq!(placed.detail.as_ref().unwrap()["executions"][0]["price"], "10.01");
}

#[tokio::test]
async fn an_order_that_is_rejected_withdrawn_or_over_says_so_and_what_it_gave_back() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");

    let rejected = trader.place(&sell("10")).await.order.id;
    let withdrawn = trader.place(&buy("10").limit("8.00")).await.order.id;
    world.tick();
    world.trading.cancel(&trader.ctx(), withdrawn).await.unwrap();
    let over = trader.place(&buy("5").limit("8.00")).await.order.id;
    world.clock.advance(Duration::from_secs(86_400));
    world.matcher.end_orders().await.unwrap();

    let [placed] = &world.events(rejected).await[..] else {
        panic!("one event");
    };
    assert_eq!(
        (placed.outcome, placed.severity),
        (Outcome::Failure, Severity::Low)
    );
    assert_eq!(placed.reason.as_deref(), Some("insufficient_shares"));
    for (order, action, status, held) in [
        (withdrawn, "order.cancel", "cancelled", "80.00"),
        (over, "order.expire", "expired", "40.00"),
    ] {
        let events = world.events(order).await;
        let ended = events.last().unwrap();
        assert_eq!(
            (ended.action.as_str(), ended.activity),
            (action, Activity::Update)
        );
        assert_eq!(changes(ended)["order.status"]["after"], status);
        assert_eq!(
            changes(ended)["cash.held"],
            json!({ "before": held, "after": "0.00" })
        );
    }
}

#[tokio::test]
async fn opening_an_account_and_forgetting_keys_are_events_too() {
    let world = World::own().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    let account = world.trading.account(&trader.ctx()).await.unwrap().id;
    trader.send("key", &buy("1")).await.unwrap();

    world.clock.advance(Duration::from_secs(8 * 86_400));
    world.trading.forget_old_keys().await.unwrap();
    world.trading.forget_old_keys().await.unwrap();

    let [opened] = &world.events_of("account", &account.to_string()).await[..] else {
        panic!("one event");
    };
    let owner = trader.principal.id().unwrap();
    assert_eq!(
        targets(opened),
        [format!("account:{account}"), format!("user:{owner}")]
    );
    assert_eq!(
        changes(opened),
        json!({ "cash.available": { "before": null, "after": "10000.00" } })
    );
    let forgotten: Vec<(String, Value)> = world
        .rows("select retention, detail from platform_audit.event where action = 'idempotency.forget'")
        .await;
    let [(retention, detail)] = &forgotten[..] else {
        panic!("one event: {forgotten:?}");
    };
    assert_eq!((retention.as_str(), &detail["keys"]), ("operational", &json!(1)));
}

/// Who did what, how it ended and why, in the order in which it was stored.
async fn refused(world: &World, action: &str) -> Vec<(String, String, Value)> {
    let rows: Vec<(String, String, String, Value)> = world
        .rows(
            "select action, outcome, reason, coalesce(detail, 'null'::jsonb) from platform_audit.event
             where outcome <> 'success' order by recorded_at, id",
        )
        .await;
    let of_action = rows.into_iter().filter(|row| row.0 == action);
    of_action
        .map(|(_, outcome, reason, detail)| (outcome, reason, detail))
        .collect()
}

#[tokio::test]
async fn a_withdrawal_that_fails_is_an_event_whatever_the_reason() {
    let world = World::new().await;
    let (trader, other) = (world.trader(), world.trader());
    world.quote("10.00", "10.01", "100");
    let filled = trader.place(&buy("1")).await.order.id;
    let open = trader.place(&buy("1").limit("8.00")).await.order.id;
    let unknown = trading::OrderId::generate(&world.sources);
    other.own_shares("1").await;
    let stranger = world.trader();

    for (who, order, reason) in [
        (&trader, filled, "order_filled"),
        (&trader, unknown, "not_found"),
        (&other, open, "not_found"),
        // Without an account.
        (&stranger, open, "not_found"),
    ] {
        world.tick();
        world.trading.cancel(&who.ctx(), order).await.unwrap_err();

        let events = world.events(order).await;
        let event = events.last().unwrap();
        assert_eq!(
            (event.action.as_str(), event.outcome, event.reason.as_deref()),
            ("order.cancel", Outcome::Failure, Some(reason))
        );
        assert_eq!(event.actor_id, who.principal.id());
        assert_eq!(event.retention, Retention::OPERATIONAL);
        assert_eq!(targets(event), [format!("order:{order}")]);
        assert!(event.changes.is_none());
    }
    assert_eq!(trader.order(open).await.status.as_str(), "submitted");
    world.sound().await;
}

#[tokio::test]
async fn an_order_of_another_tenant_that_is_to_be_withdrawn_leaves_its_event_with_whoever_tried() {
    let world = World::new().await;
    let victim = world.trader();
    world.quote("10.00", "10.01", "100");
    let order = victim.place(&buy("1").limit("8.00")).await.order.id;
    let elsewhere = world.other_tenant().await;
    world.tick();

    let tried = elsewhere.trading.cancel(&elsewhere.trader().ctx(), order).await;

    tried.unwrap_err();
    assert_eq!(elsewhere.actions(order).await, ["order.cancel"]);
    assert_eq!(world.actions(order).await, ["order.place"]);
}

#[tokio::test]
async fn an_order_that_is_refused_is_an_event_with_the_code_that_was_answered() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    trader.send("key", &buy("1").named("mine")).await.unwrap();

    let unreadable = buy("1.0000001").of("not a symbol");
    let stop = trading::Ticket {
        order_type: Some("stop".to_owned()),
        stop_price: Some("9.00".into()),
        ..buy("1")
    };
    for ticket in [
        &unreadable,
        &buy("0"),
        &buy("1").of("XYZ"),
        &stop,
        &buy("1").of("IBM"),
    ] {
        trader.try_place(ticket).await.unwrap_err();
    }
    trader.send("key", &buy("2")).await.unwrap_err();
    trader.try_place(&buy("2").named("mine")).await.unwrap_err();
    world
        .by_hand(format!(
            "update trading.account set status = 'suspended' where tenant_id = '{}'",
            world.tenant
        ))
        .await;
    trader.try_place(&buy("1")).await.unwrap_err();

    let refused = refused(&world, "order.place").await;
    let told: Vec<_> = refused
        .iter()
        .map(|(outcome, reason, _)| (outcome.as_str(), reason.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("failure", "invalid_order"),
            ("failure", "out_of_range"),
            ("failure", "unknown_symbol"),
            ("failure", "stop_through_market"),
            ("failure", "stale_quote"),
            ("failure", "idempotency_key_reused"),
            ("failure", "client_order_id_taken"),
            ("denied", "account_suspended"),
        ]
    );
    assert_eq!(
        refused[0].2,
        json!({ "fields": { "symbol": "malformed_symbol", "quantity": "too_many_decimals" } })
    );
    assert_eq!(refused[7].2["terms"]["quantity"], "1");
    let kept: Vec<(String,)> = world
        .rows(
            "select retention from platform_audit.event
             where outcome <> 'success' and action = 'order.place' order by recorded_at, id",
        )
        .await;
    let kept: Vec<_> = kept.iter().map(|(class,)| class.as_str()).collect();
    assert_eq!(kept[..7], ["operational"; 7]);
    assert_eq!(kept[7], "security");
    // What the client wrote and nobody understood is nowhere.
    assert!(!format!("{refused:?}").contains("not a symbol"));
    assert_eq!(world.count("trading.orders").await, 1);
}
