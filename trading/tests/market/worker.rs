use std::sync::Arc;
use std::time::Duration;

use platform_core::{ManualClock, SeededRandom, Sources};
use tokio_util::sync::CancellationToken;
use trading::{BoardConfig, MarketFeed, MarketWorker, QuoteBoard, SimulatorConfig};

use crate::support::{NOW, symbol};

fn market() -> (Arc<ManualClock>, QuoteBoard, MarketWorker) {
    let clock = Arc::new(ManualClock::starting_at(NOW));
    let sources = Sources::shared(clock.clone(), Arc::new(SeededRandom::new(1)));
    let feed = MarketFeed::simulated(SimulatorConfig::default());
    let board = QuoteBoard::new(feed.instruments(), BoardConfig::default());
    let worker = MarketWorker::new(feed, board.clone(), sources);
    (clock, board, worker)
}

#[test]
fn quotes_carry_the_time_of_the_clock_and_go_stale_when_the_worker_stops() {
    let (clock, board, mut worker) = market();
    worker.publish();
    clock.advance(Duration::from_secs(1));
    worker.publish();
    let quote = board.latest(symbol("AAPL")).unwrap();
    assert_eq!(quote.at, NOW + Duration::from_secs(1));

    clock.advance(Duration::from_secs(6));

    assert!(board.is_stale(&quote, NOW + Duration::from_secs(7)));
    worker.publish();
    assert!(!board.is_stale(
        &board.latest(symbol("AAPL")).unwrap(),
        NOW + Duration::from_secs(7)
    ));
}

#[tokio::test]
async fn a_worker_publishes_at_once_and_ends_when_it_is_told_to() {
    let (_, board, mut worker) = market();
    let stop = CancellationToken::new();
    let mut stream = board.subscribe_all();

    let until = stop.clone();
    let running = tokio::spawn(async move { worker.run(until).await });

    assert_eq!(stream.next().await.unwrap().quotes().len(), 20);
    stop.cancel();
    running.await.unwrap();
}
