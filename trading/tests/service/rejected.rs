//! Orders that are refused: for a reason of business, which is recorded, or for their form, which is not.

use std::time::Duration;

use crate::support::{With, World, buy, sell};
use platform_core::RequestContext;
use trading::{Invalid, OrderStatus, PlaceError, Reason, Ticket, TradingError};

#[tokio::test]
async fn an_order_beyond_the_buying_power_is_recorded_as_rejected() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("100.00", "100.00", "1000");

    let placed = trader.place(&buy("96")).await;

    assert_eq!(placed.order.status, OrderStatus::Rejected);
    assert_eq!(placed.order.reason, Some(Reason::InsufficientFunds));
    assert_eq!(
        placed.rejection.as_deref(),
        Some("the order needs 10080.00 USD, 10000.00 are available")
    );
    assert_eq!(placed.buying_power.to_string(), "10000.00");
    assert_eq!(trader.order(placed.order.id).await, placed.order);
    let [event] = &world.events(placed.order.id).await[..] else {
        panic!("one event")
    };
    assert_eq!(event.outcome, platform_audit::Outcome::Failure);
    assert_eq!(event.reason.as_deref(), Some("insufficient_funds"));
    world.sound().await;
}

#[tokio::test]
async fn a_rejected_order_takes_nothing_of_the_quote() {
    let world = World::new().await;
    let (poor, other) = (world.trader(), world.trader());
    world.quote("100.00", "100.00", "95");

    let refused = poor.place(&buy("96")).await;
    let placed = other.place(&buy("95")).await;

    assert_eq!(refused.order.status, OrderStatus::Rejected);
    assert_eq!(placed.order.status, OrderStatus::Filled);
    world.sound().await;
}

#[tokio::test]
async fn nobody_sells_what_they_do_not_own() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");

    let never = trader.place(&sell("1")).await;
    trader.own_shares("5").await;
    trader.place(&sell("3").limit("20.00")).await;
    let held = trader.place(&sell("3")).await;

    for refused in [never, held] {
        assert_eq!(refused.order.status, OrderStatus::Rejected);
        assert_eq!(refused.order.reason, Some(Reason::InsufficientShares));
    }
    assert_eq!(trader.shares().await, ("2".into(), "5".into()));
    world.sound().await;
}

/// Nothing of a refused form is stored, not even the account it would have opened. The trail tells of each attempt.
#[tokio::test]
async fn an_order_of_the_wrong_form_stores_nothing_but_that_it_was_tried() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    let forms: [(Ticket, &str); 8] = [
        (Ticket::default(), "missing"),
        (buy("0"), "out_of_range"),
        (buy("-1"), "out_of_range"),
        (buy("1.0000001"), "too_many_decimals"),
        (buy("1e3"), "malformed_number"),
        (buy("1").limit("1.00001"), "too_many_decimals"),
        (buy("1").until("for ever"), "unknown_value"),
        (buy("1").of("aapl"), "malformed_symbol"),
    ];

    for (ticket, code) in forms {
        match trader.send("key", &ticket).await {
            Err(PlaceError::Fields(fields)) => {
                assert!(fields[0].problem.code().starts_with(code), "{fields:?}");
            }
            other => panic!("{code}: {other:?}"),
        }
    }

    for table in ["trading.account", "trading.orders", "trading.idempotency"] {
        assert_eq!(world.count(table).await, 0, "{table}");
    }
    assert_eq!(world.count("platform_audit.event").await, 8);
}

#[tokio::test]
async fn what_the_market_refuses_stores_nothing() {
    let world = World::new().await;
    let trader = world.trader();

    let unquoted = trader.send("key", &buy("1")).await;
    world.quote("10.00", "10.01", "100");
    let unknown = trader.send("key", &buy("1").of("NVDA")).await;
    let stop = Ticket {
        order_type: Some("stop".to_owned()),
        stop_price: Some("9.00".into()),
        ..buy("1")
    };
    let stop = trader.send("key", &stop).await;
    let large = trader.send("key", &buy("99999999").limit("100.00")).await;
    world.clock.advance(Duration::from_secs(6));
    let stale = trader.send("key", &buy("1")).await;

    assert!(
        matches!(unquoted, Err(PlaceError::Invalid(Invalid::NoUsableQuote))),
        "{unquoted:?}"
    );
    assert!(matches!(unknown, Err(PlaceError::UnknownSymbol)), "{unknown:?}");
    assert!(
        matches!(stop, Err(PlaceError::Invalid(Invalid::StopThroughMarket))),
        "{stop:?}"
    );
    assert!(
        matches!(large, Err(PlaceError::Invalid(Invalid::NotionalTooLarge))),
        "{large:?}"
    );
    assert!(
        matches!(stale, Err(PlaceError::Invalid(Invalid::NoUsableQuote))),
        "{stale:?}"
    );
    for table in ["trading.account", "trading.orders", "trading.idempotency"] {
        assert_eq!(world.count(table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn the_shares_an_invalid_order_reserved_go_back_to_the_quote() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("100.00", "100.00", "99999999");

    let large = trader.try_place(&buy("99999999")).await;
    let small = trader.place(&buy("1")).await;

    assert!(large.is_err());
    assert_eq!(small.order.status, OrderStatus::Filled);
}

#[tokio::test]
async fn who_may_not_trade_is_refused_everywhere() {
    let world = World::new().await;
    let nobody = world.trader_with([]);
    let owner = world.trader();
    world.quote("10.00", "10.01", "100");
    let order = owner.place(&buy("1").limit("9.00")).await.order.id;
    let (trading, ctx) = (&world.trading, nobody.ctx());
    let forbidden = |error: TradingError| assert!(matches!(error, TradingError::Forbidden(_)), "{error:?}");

    match trading.place(&ctx, &buy("1")).await {
        Err(PlaceError::Trading(error)) => forbidden(error),
        other => panic!("{other:?}"),
    }
    match trading.cancel(&ctx, order).await {
        Err(trading::CancelError::Trading(error)) => forbidden(error),
        other => panic!("{other:?}"),
    }
    forbidden(trading.account(&ctx).await.unwrap_err());
    forbidden(trading.portfolio(&ctx).await.unwrap_err());
    forbidden(trading.position(&ctx, crate::support::aapl()).await.unwrap_err());
    forbidden(trading.order(&ctx, order).await.unwrap_err());
    forbidden(trading.order_by_client_id(&ctx, "x").await.unwrap_err());
    forbidden(trading.executions(&ctx, order, (None, 1)).await.unwrap_err());
    let all = trading::OrderStatusFilter::All;
    forbidden(trading.orders(&ctx, all, (None, 1)).await.unwrap_err());
    assert_eq!(world.count("trading.account").await, 1);
}

#[tokio::test]
async fn a_job_of_the_program_has_no_account() {
    let world = World::new().await;
    let ctx = RequestContext::system(world.tenant, "test", &world.sources);

    let refused = world.trading.account(&ctx).await;

    assert!(matches!(refused, Err(TradingError::NoPrincipal)), "{refused:?}");
}

#[tokio::test]
async fn a_suspended_or_closed_account_may_cancel_and_not_place() {
    let world = World::own().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    let resting = trader.place(&buy("1").limit("9.00")).await.order.id;
    let filling = trader.place(&buy("1").limit("9.50")).await.order.id;
    let first = trader.send("key", &buy("1")).await.unwrap();

    for status in ["suspended", "closed"] {
        world
            .by_hand(format!("update trading.account set status = '{status}'"))
            .await;
        let refused = trader.send("new", &buy("1")).await;
        assert!(matches!(refused, Err(PlaceError::AccountInactive)), "{refused:?}");
        let account = world.trading.account(&trader.ctx()).await.unwrap();
        assert_eq!(account.status.as_str(), status);
    }

    let replayed = trader.send("key", &buy("1")).await.unwrap();
    assert_eq!(
        replayed.outcome(),
        first.outcome(),
        "what was answered stays answered"
    );
    world.quote("9.40", "9.41", "100");
    world.match_aapl().await;
    assert_eq!(trader.order(filling).await.status, OrderStatus::Filled);
    let cancelled = world.trading.cancel(&trader.ctx(), resting).await.unwrap();
    assert_eq!(cancelled.status, OrderStatus::Cancelled);
    world.sound().await;
}
