//! What an order would come to, without placing it.

use trading::{Invalid, OrderStatus, PlaceError, Reason};

use crate::support::{With, World, buy, sell};

#[tokio::test]
async fn a_preview_says_what_placing_then_does() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "4");
    for ticket in [
        buy("10"),
        buy("10").limit("9.00"),
        buy("10").until("ioc"),
        buy("10").stop("12.00"),
        sell("2"),
        sell("2000"),
    ] {
        // What is displayed is offered anew, so that the two meet the same market.
        world.quote("10.00", "10.01", "4");

        let preview = world.trading.preview(&trader.ctx(), &ticket).await.unwrap();
        let placed = trader.place(&ticket).await;

        let order = &placed.order;
        assert_eq!(
            (preview.status, preview.reason, preview.hold, preview.fees),
            (order.status, order.reason, order.hold, order.fees),
            "{ticket:?}"
        );
        assert_eq!(preview.filled_quantity, order.filled_quantity);
        assert_eq!(preview.average_price, order.average_price);
        assert_eq!(preview.buying_power_after, placed.buying_power);
        assert_eq!(preview.detail, placed.rejection);
        let paid: i64 = placed
            .executions
            .iter()
            .map(|execution| execution.cash.cents())
            .sum();
        assert_eq!(preview.cost.cents(), paid);
    }
    world.sound().await;
}

#[tokio::test]
async fn a_preview_writes_nothing_and_takes_nothing_from_others() {
    let world = World::new().await;
    let (curious, buyer) = (world.trader(), world.trader());
    world.quote("10.00", "10.01", "10");

    let preview = world.trading.preview(&curious.ctx(), &buy("10")).await.unwrap();

    assert_eq!(preview.status, OrderStatus::Filled);
    assert_eq!(preview.buying_power.to_string(), "10000.00");
    for table in ["trading.account", "trading.orders", "platform_audit.event"] {
        assert_eq!(world.count(table).await, 0, "{table}");
    }
    let placed = buyer.place(&buy("10").until("fok")).await;
    assert_eq!(placed.order.status, OrderStatus::Filled);
}

#[tokio::test]
async fn a_preview_of_what_would_be_rejected_or_refused_says_why() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");

    let poor = world.trading.preview(&trader.ctx(), &buy("5000")).await.unwrap();
    let through = world.trading.preview(&trader.ctx(), &buy("1").stop("9.00")).await;
    let unknown = world.trading.preview(&trader.ctx(), &buy("1").of("XYZ")).await;

    assert_eq!(
        (poor.status, poor.reason),
        (OrderStatus::Rejected, Some(Reason::InsufficientFunds))
    );
    assert_eq!(poor.buying_power, poor.buying_power_after);
    assert!(
        matches!(through, Err(PlaceError::Invalid(Invalid::StopThroughMarket))),
        "{through:?}"
    );
    assert!(matches!(unknown, Err(PlaceError::UnknownSymbol)), "{unknown:?}");
}
