//! Symbols in which trading is halted, on one instance and on others.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use trading::{
    Invalid, MARKET, MarketError, MarketStateWorker, OrderStatus, PlaceError, TradingConfig, TradingError,
};

use crate::support::{Trader, With, World, aapl, buy, symbol};

/// What the operators of the tenant in view run.
pub(crate) fn run_by(world: &World) -> TradingConfig {
    TradingConfig {
        market_tenant: Some(world.tenant),
        ..TradingConfig::default()
    }
}

/// A brokerage whose market is run by its own tenant, and somebody who runs it.
pub(crate) async fn market() -> (World, Trader) {
    let world = World::new().await;
    let world = world.with_config(run_by(&world));
    world.trading.follow_market().await.unwrap();
    let operator = world.trader_with([MARKET]);
    (world, operator)
}

#[tokio::test]
async fn a_halted_symbol_fills_nothing_and_takes_no_order_that_cannot_wait() {
    let (world, operator) = market().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    let resting = trader.place(&buy("10").limit("9.50")).await.order;

    let state = world
        .trading
        .halt(&operator.ctx(), aapl(), "news pending")
        .await
        .unwrap();
    world.quote("9.00", "9.01", "100");
    world.match_aapl().await;

    assert_eq!(state.halted[0].symbol, aapl());
    assert_eq!(state.halted[0].reason, "news pending");
    for ticket in [
        buy("1"),
        buy("1").limit("20.00").until("ioc"),
        buy("1").limit("20.00").until("fok"),
    ] {
        let refused = trader.try_place(&ticket).await;
        assert!(
            matches!(refused, Err(PlaceError::Invalid(Invalid::NoUsableQuote))),
            "{refused:?}"
        );
    }
    let waiting = trader.place(&buy("10").limit("20.00")).await.order;
    for id in [resting.id, waiting.id] {
        let order = trader.order(id).await;
        assert_eq!(order.status, OrderStatus::Submitted);
        assert_eq!(order.filled_quantity.to_string(), "0");
    }
    world.sound().await;
}

#[tokio::test]
async fn orders_that_waited_fill_from_the_first_quote_after_the_halt_on() {
    let (world, operator) = market().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "100");
    let resting = trader.place(&buy("10").limit("9.50")).await.order;
    world.trading.halt(&operator.ctx(), aapl(), "news").await.unwrap();

    let state = world
        .trading
        .resume(&operator.ctx(), aapl(), "told")
        .await
        .unwrap();
    world.match_aapl().await;
    assert!(state.halted.is_empty());
    assert_eq!(trader.order(resting.id).await.status, OrderStatus::Submitted);

    world.quote("9.00", "9.01", "100");
    world.match_aapl().await;
    assert_eq!(trader.order(resting.id).await.status, OrderStatus::Filled);
    let events = world.events_of("symbol", "AAPL").await;
    let actions: Vec<_> = events.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(actions, ["market.halt", "market.resume"]);
    world.sound().await;
}

#[tokio::test]
async fn a_halt_holds_on_another_instance_that_looks_and_on_one_that_starts() {
    let (world, operator) = market().await;
    let (other, trader) = (world.instance(run_by(&world)), world.trader());
    other.trading.follow_market().await.unwrap();
    other.quote("10.00", "10.01", "100");
    let resting = trader.at(&other).place(&buy("10").limit("9.50")).await.order;

    world.trading.halt(&operator.ctx(), aapl(), "news").await.unwrap();
    other.trading.follow_market().await.unwrap();
    other.quote("9.00", "9.01", "100");
    other.match_aapl().await;

    assert_eq!(trader.order(resting.id).await.filled_quantity.to_string(), "0");
    let started = world.instance(run_by(&world));
    started.trading.follow_market().await.unwrap();
    started.quote("9.00", "9.01", "100");
    let refused = trader.at(&started).try_place(&buy("1")).await;
    assert!(
        matches!(refused, Err(PlaceError::Invalid(Invalid::NoUsableQuote))),
        "{refused:?}"
    );
    // The price is shown, and so is that nobody trades at it.
    assert!(started.board.latest(aapl()).unwrap().halted);
    world.sound().await;
}

#[tokio::test]
async fn another_instance_hears_of_a_halt_by_itself() {
    let (world, operator) = market().await;
    let other = world.instance(run_by(&world));
    other.quote("10.00", "10.01", "100");
    let mut quotes = other.board.subscribe_all();
    quotes.next().await.unwrap();
    let stop = CancellationToken::new();
    let running = tokio::spawn(MarketStateWorker::new(&other.trading).run(stop.clone()));

    world.trading.halt(&operator.ctx(), aapl(), "news").await.unwrap();

    let batch = tokio::time::timeout(Duration::from_secs(20), quotes.next());
    let batch = batch.await.unwrap().unwrap();
    assert!(batch.quotes()[0].halted);
    stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn of_operators_who_halt_at_once_one_does_and_the_others_learn_of_it() {
    let (world, operator) = market().await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (trading, ctx) = (world.trading.clone(), operator.ctx());
            tokio::spawn(async move { trading.halt(&ctx, aapl(), "news").await })
        })
        .collect();

    let mut halted = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => halted += 1,
            Err(MarketError::AlreadyHalted) => {}
            Err(other) => panic!("{other:?}"),
        }
    }

    assert_eq!(halted, 1);
    assert_eq!(world.count("trading.market_event").await, 1);
    assert_eq!(world.events_of("symbol", "AAPL").await.len(), 1);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let (world, operator) = market().await;
    let ctx = operator.ctx();
    let long = "x".repeat(201);

    let not_halted = world.trading.resume(&ctx, aapl(), "why not").await;
    let unknown = world.trading.halt(&ctx, symbol("NOPE"), "why not").await;

    assert!(matches!(not_halted, Err(MarketError::NotHalted)));
    assert!(matches!(unknown, Err(MarketError::UnknownSymbol)));
    for reason in ["", "  ", "line\nbreak", long.as_str()] {
        let refused = world.trading.halt(&ctx, aapl(), reason).await;
        assert!(matches!(refused, Err(MarketError::InvalidReason)), "{reason:?}");
    }
    assert_eq!(world.count("trading.market_event").await, 0);
    assert!(!world.board.is_halted(aapl()));
}

#[tokio::test]
async fn nobody_runs_the_market_but_those_of_its_tenant_who_may() {
    let (world, _) = market().await;
    let abroad = world.other_tenant().await;
    let nobodys = world.with_config(TradingConfig::default());
    let cases = [
        (&world, abroad.trader_with([MARKET]).ctx()),
        (&world, world.trader().ctx()),
        (&nobodys, world.trader_with([MARKET]).ctx()),
    ];

    for (world, ctx) in cases {
        let refused = world.trading.halt(&ctx, aapl(), "because").await;
        assert!(
            matches!(refused, Err(MarketError::Trading(TradingError::Forbidden(_)))),
            "{refused:?}"
        );
        let refused = world.trading.market_state(&ctx).await;
        assert!(matches!(refused, Err(TradingError::Forbidden(_))), "{refused:?}");
    }
    assert_eq!(world.count("trading.market_event").await, 0);
}
