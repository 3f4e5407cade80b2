//! Setting how the simulated market runs.

use std::time::Duration;

use proptest::prelude::*;
use rust_decimal::Decimal;
use trading::{
    BoardConfig, MarketChange, MarketError, MarketFeed, MarketSpeed, MarketWorker, QuoteBoard,
    SimulatorConfig, TradingConfig,
};

use crate::halts::{market, run_by};
use crate::support::{World, symbol};

const SECOND: Duration = Duration::from_secs(1);

fn feed(seed: u64) -> MarketFeed {
    MarketFeed::simulated(SimulatorConfig {
        seed,
        ..SimulatorConfig::default()
    })
}

/// A worker of this brokerage over the twenty simulated symbols.
fn simulated(world: &World, config: TradingConfig) -> (World, MarketWorker) {
    let feed = feed(1);
    let board = QuoteBoard::new(feed.instruments(), BoardConfig::default());
    let world = world.over(board, config);
    let worker = world.trading.market_worker(feed);
    (world, worker)
}

/// What the symbols cost, in their order.
fn prices(world: &World) -> Vec<String> {
    world
        .board
        .all()
        .iter()
        .map(|quote| quote.last.to_string())
        .collect()
}

fn fresh_prices(seed: u64, seconds: u32, world: &World) -> Vec<String> {
    let (mut feed, start) = (feed(seed), world.clock_now());
    let board = QuoteBoard::new(feed.instruments(), BoardConfig::default());
    board.publish(start, feed.advance(start));
    for second in 1..=seconds {
        let at = start + SECOND * second;
        board.publish(at, feed.advance(at));
    }
    board.all().iter().map(|quote| quote.last.to_string()).collect()
}

#[tokio::test]
async fn a_market_whose_settings_were_not_read_yet_does_not_move() {
    let (world, _) = market().await;
    let (world, mut worker) = simulated(&world, run_by(&world));

    assert_eq!(worker.publish(), 0);
    world.trading.follow_market().await.unwrap();
    assert_eq!(worker.publish(), 20);
}

#[tokio::test]
async fn a_paused_market_is_silent_and_goes_on_where_it_stood() {
    let (world, operator) = market().await;
    let (world, mut worker) = simulated(&world, run_by(&world));
    world.trading.follow_market().await.unwrap();
    let expected = fresh_prices(1, 1, &world);
    worker.publish();
    let pause = |paused| MarketChange {
        paused: Some(paused),
        ..MarketChange::default()
    };

    let state = world
        .trading
        .set_market(&operator.ctx(), pause(true), "drill")
        .await;
    assert!(state.unwrap().paused);
    for _ in 0..10 {
        world.clock.advance(SECOND);
        assert_eq!(worker.publish(), 0);
    }
    world
        .trading
        .set_market(&operator.ctx(), pause(false), "drill is over")
        .await
        .unwrap();
    world.clock.advance(SECOND);
    assert_eq!(worker.publish(), 20);

    assert_eq!(prices(&world), expected);
    let events = world.events_of("market", "market").await;
    assert_eq!(events.len(), 2);
}

#[tokio::test]
async fn the_speed_and_the_seed_hold_on_an_instance_that_starts_later() {
    let (world, operator) = market().await;
    let change = MarketChange {
        speed: Some("10".parse().unwrap()),
        seed: Some(77),
        paused: None,
    };

    let state = world
        .trading
        .set_market(&operator.ctx(), change, "exercise")
        .await
        .unwrap();

    let (later, mut worker) = simulated(&world, run_by(&world));
    later.trading.follow_market().await.unwrap();
    let expected = fresh_prices(77, 10, &later);
    worker.publish();
    later.clock.advance(SECOND);
    worker.publish();
    assert_eq!(prices(&later), expected);
    assert_eq!((state.seed, state.speed.to_string()), (Some(77), "10".to_owned()));
    assert_eq!(later.trading.market_state(&operator.ctx()).await.unwrap(), state);
}

#[tokio::test]
async fn the_same_seed_set_again_starts_the_simulator_again_and_an_old_one_only_once() {
    let (world, operator) = market().await;
    let (world, mut worker) = simulated(&world, run_by(&world));
    let seed = MarketChange {
        seed: Some(5),
        ..MarketChange::default()
    };
    world
        .trading
        .set_market(&operator.ctx(), seed, "start")
        .await
        .unwrap();
    let (start, later) = (fresh_prices(5, 0, &world), fresh_prices(5, 2, &world));

    worker.publish();
    assert_eq!(prices(&world), start);
    for _ in 0..2 {
        world.clock.advance(SECOND);
        worker.publish();
    }
    assert_eq!(prices(&world), later);
    world
        .trading
        .set_market(&operator.ctx(), seed, "again")
        .await
        .unwrap();
    world.clock.advance(SECOND);
    worker.publish();

    assert_eq!(prices(&world), fresh_prices(5, 1, &world));
}

#[tokio::test]
async fn a_gap_is_made_only_where_that_is_configured_and_the_quotes_grow_stale_in_it() {
    let (world, operator) = market().await;
    let refused = world
        .trading
        .interrupt_market(&operator.ctx(), SECOND, "test")
        .await;
    assert!(matches!(refused, Err(MarketError::GapsDisabled)));
    let config = TradingConfig {
        market_gaps: true,
        ..run_by(&world)
    };
    let (world, mut worker) = simulated(&world, config);
    world.trading.follow_market().await.unwrap();
    worker.publish();

    for length in [Duration::ZERO, Duration::from_secs(601)] {
        let refused = world
            .trading
            .interrupt_market(&operator.ctx(), length, "test")
            .await;
        assert!(matches!(refused, Err(MarketError::InvalidGap)), "{length:?}");
    }
    world
        .trading
        .interrupt_market(&operator.ctx(), SECOND * 8, "test")
        .await
        .unwrap();
    world.clock.advance(SECOND * 7);
    assert_eq!(worker.publish(), 0);
    let quote = world.board.latest(symbol("AAPL")).unwrap();
    assert!(world.board.is_stale(&quote, world.clock_now()));
    world.clock.advance(SECOND);
    assert_eq!(worker.publish(), 20);
}

#[tokio::test]
async fn a_change_of_nothing_and_a_seed_that_cannot_be_kept_are_refused() {
    let (world, operator) = market().await;
    let nothing = MarketChange::default();
    let seed = MarketChange {
        seed: Some(u64::MAX),
        ..MarketChange::default()
    };

    let nothing = world.trading.set_market(&operator.ctx(), nothing, "why").await;
    let seed = world.trading.set_market(&operator.ctx(), seed, "why").await;

    assert!(matches!(nothing, Err(MarketError::NothingToChange)));
    assert!(matches!(seed, Err(MarketError::InvalidSeed)));
    assert_eq!(world.count("trading.market_event").await, 0);
}

proptest! {
    #[test]
    fn every_speed_is_read_as_it_is_written(thousandths in 100_u32..=100_000) {
        let speed = MarketSpeed::from_thousandths(thousandths).unwrap();

        prop_assert_eq!(speed.to_string().parse(), Ok(speed));
    }

    #[test]
    fn a_text_that_is_no_speed_is_refused(text in "-?[0-9]{0,4}\\.?[0-9]{0,4}e?") {
        if let Ok(speed) = text.parse::<MarketSpeed>() {
            let value: Decimal = text.parse().unwrap();
            prop_assert_eq!(value * Decimal::from(1_000), Decimal::from(speed.thousandths()));
        }
    }
}
