//! What operators see.

use crate::http::app::{App, order};
use crate::http::stream::platform;
use crate::support::{With, World, buy};
use platform_core::metrics::Metrics;
use trading::http::StreamConfig;

fn value(metrics: &Metrics, series: &str) -> String {
    let page = metrics.encode();
    let line = page
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or("none").to_owned()
}

#[tokio::test]
async fn orders_are_counted_by_what_became_of_them() {
    let app = App::new().await;
    let metrics = Metrics::new();
    let _platform = platform(&app.world, StreamConfig::default(), &metrics);
    app.world.quote("10.00", "10.01", "100");

    let filled = order("buy", "10", None);
    app.order("alice", "key", &filled).await.ok();
    app.order("alice", "key", &filled).await.ok();
    app.order("alice", "", &order("sell", "11", None)).await.problem();
    let resting = app
        .order("alice", "", &order("buy", "5", Some("9.00")))
        .await
        .ok();
    app.order("alice", "", &order("buy", "5", Some("8.00")))
        .await
        .ok();
    let id = super::http::app::text(&resting["order"]["id"]);
    app.delete("alice", &format!("/api/v1/orders/{id}")).await.ok();
    app.delete("alice", &format!("/api/v1/orders/{id}"))
        .await
        .problem();
    app.order("alice", "", "{}").await.problem();
    assert_eq!(value(&metrics, "orders_open"), "1");
    app.world.quote("7.00", "7.01", "100");
    app.world.match_aapl().await;

    for (series, expected) in [
        (r#"orders_placed_total{side="buy",order_type="market"}"#, "1"),
        (r#"orders_placed_total{side="buy",order_type="limit"}"#, "2"),
        (r#"orders_placed_total{side="sell",order_type="market"}"#, "1"),
        ("orders_filled_total", "2"),
        ("orders_cancelled_total", "1"),
        (r#"orders_rejected_total{reason="insufficient_shares"}"#, "1"),
        ("idempotency_hits_total", "1"),
        (
            r#"order_execution_duration_seconds_count{order_type="limit"}"#,
            "2",
        ),
        ("orders_open", "0"),
        ("quote_updates_total", "2"),
        (r#"websocket_connections{authenticated="false"}"#, "0"),
    ] {
        assert_eq!(value(&metrics, series), expected, "{series}");
    }
}

#[tokio::test]
async fn a_start_loads_every_open_order_however_many_there_are() {
    let world = World::own().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    trader.place(&buy("1").limit("9.00")).await;
    let gone = trader.place(&buy("1").limit("9.00")).await.order.id;
    world.trading.cancel(&trader.ctx(), gone).await.unwrap();
    world
        .by_hand(
            "insert into trading.orders
             select (jsonb_populate_record(o, jsonb_build_object('id', gen_random_uuid()))).*
             from trading.orders o, generate_series(1, 2100) where status = 'submitted'"
                .into(),
        )
        .await;
    let next = world.restarted();
    let metrics = Metrics::new();
    let _platform = platform(&next, StreamConfig::default(), &metrics);

    next.matcher.load().await.unwrap();
    assert_eq!(value(&metrics, "orders_open"), "2101");
    next.matcher.load().await.unwrap();
    assert_eq!(value(&metrics, "orders_open"), "2101");
}
