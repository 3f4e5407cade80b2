//! What is answered where there is no room for one more open order.

use super::app::{App, order};
use crate::support::World;
use trading::TradingConfig;

async fn app(config: TradingConfig) -> App {
    let world = World::new().await.with_config(config);
    world.quote("10.00", "10.01", "100");
    App::of(world).await
}

#[tokio::test]
async fn an_account_with_too_many_open_orders_is_told_so() {
    let app = app(TradingConfig {
        open_orders_per_account: 1,
        ..TradingConfig::default()
    })
    .await;
    app.order("alice", "one", &order("buy", "1", Some("9.00")))
        .await
        .ok();

    let full = app.order("alice", "two", &order("buy", "1", Some("9.00"))).await;

    assert_eq!(full.problem(), (422, "too_many_open_orders".to_owned()));
    app.order("alice", "three", &order("buy", "1", None)).await.ok();
    app.order("bob", "one", &order("buy", "1", Some("9.00")))
        .await
        .ok();
    let path = "/api/v1/orders/preview";
    let previewed = app.post("alice", path, &order("buy", "1", Some("9.00"))).await;
    assert_eq!(previewed.problem(), (422, "too_many_open_orders".to_owned()));
}

#[tokio::test]
async fn a_brokerage_that_is_full_says_when_to_come_again() {
    let app = app(TradingConfig {
        open_orders_per_tenant: 1,
        ..TradingConfig::default()
    })
    .await;
    app.order("alice", "", &order("buy", "1", Some("9.00")))
        .await
        .ok();

    let full = app.order("bob", "", &order("buy", "1", Some("9.00"))).await;

    assert_eq!(full.problem(), (429, "open_orders_full".to_owned()));
    assert_eq!(full.header("retry-after"), Some("5"));
    app.order("carol", "", &order("buy", "1", Some("9.00")))
        .await
        .ok();
}
