//! Instances that show what another one publishes.

use std::time::Duration;

use proptest::prelude::*;
use tokio::sync::watch;
use trading::{
    FromTheFuture, MarketFeed, MarketWorker, NotTaken, QuoteBoard, QuoteFrame, RemoteFeed, SimulatorConfig,
};

use crate::support::{NOW, board, buy, price, symbol, update};

/// So many frames of a leader, a second apart.
fn frames(count: u32) -> Vec<QuoteFrame> {
    let leader = board();
    (0..count)
        .map(|second| {
            leader.publish(
                NOW + Duration::from_secs(second.into()),
                vec![update("A"), update("B")],
            );
            leader.frame().unwrap()
        })
        .collect()
}

#[test]
fn a_follower_shows_the_leaders_quotes_under_their_numbers() {
    let [leader, follower] = [board(), board()];
    assert_eq!(leader.frame(), None);
    leader.publish(NOW, vec![update("B"), update("A")]);
    let frame = leader.frame().unwrap();
    let sent: QuoteFrame = serde_json::from_str(&serde_json::to_string(&frame).unwrap()).unwrap();
    assert_eq!(sent, frame);

    let followed = RemoteFeed::new(&follower).take(NOW, sent).unwrap();

    assert_eq!(
        (followed.published, followed.late, followed.missed),
        (2, 0, false)
    );
    assert_eq!(leader.all().len(), 2);
    for (ours, theirs) in follower.all().iter().zip(leader.all()) {
        assert_eq!(***ours, **theirs);
    }
    assert_eq!(follower.frame(), leader.frame());
}

#[test]
fn what_comes_twice_or_late_is_dropped_and_offers_no_share_again() {
    let frames = frames(2);
    let (board, now) = (board(), NOW + Duration::from_secs(1));
    let feed = RemoteFeed::new(&board);
    feed.take(now, frames[1].clone()).unwrap();
    let request = trading::TakeRequest { now, ..buy(500) };
    board.take(&request).unwrap().commit();

    for frame in [&frames[1], &frames[0]] {
        let followed = feed.take(now, frame.clone()).unwrap();
        assert_eq!((followed.published, followed.late), (0, 2));
    }

    assert_eq!(board.latest(symbol("A")).unwrap().at, now);
    assert!(board.take(&request).unwrap().granted().is_zero());
}

#[test]
fn a_lost_frame_is_noticed() {
    let frames = frames(3);
    let feed = RemoteFeed::new(&board());
    let missed = |frame: &QuoteFrame| feed.take(NOW, frame.clone()).unwrap().missed;

    // Nobody misses what was before the beginning.
    assert!(!missed(&frames[0]));
    assert!(missed(&frames[2]));
    // It comes after all, too late to matter.
    assert!(!missed(&frames[1]));
    assert_eq!(feed.missed().get(), 1);
}

#[tokio::test]
async fn a_frame_with_everything_makes_up_for_a_lost_one_and_listeners_are_told() {
    let [leader, follower] = [board(), board()];
    let feed = RemoteFeed::new(&follower);
    leader.publish(NOW, vec![update("A")]);
    let lost = leader.latest(symbol("A")).unwrap().seq;
    leader.publish(NOW, vec![update("B"), update("C")]);
    feed.take(NOW, leader.frame().unwrap()).unwrap();
    let mut stream = follower.subscribe_all();
    stream.next().await.unwrap();

    let followed = feed.take(NOW, leader.whole_frame().unwrap()).unwrap();

    assert_eq!(
        (followed.published, followed.late, followed.missed),
        (1, 2, false)
    );
    let batch = stream.next().await.unwrap();
    assert_eq!(batch.quotes()[0].seq, lost);
    let json: Vec<trading::Quote> = serde_json::from_str(&batch.to_json()).unwrap();
    assert_eq!(json.iter().map(|quote| quote.seq).collect::<Vec<_>>(), [lost]);
    // The number of the next batch is above all that came.
    follower.publish(NOW, vec![update("A")]);
    let newest = follower.all().iter().map(|quote| quote.seq).max();
    assert_eq!(newest, Some(follower.latest(symbol("A")).unwrap().seq));
}

#[test]
fn when_the_leader_falls_silent_the_quotes_grow_stale_and_nothing_is_taken() {
    let board = board();
    RemoteFeed::new(&board).take(NOW, frames(1).remove(0)).unwrap();
    let at = |seconds| trading::TakeRequest {
        now: NOW + Duration::from_secs(seconds),
        ..buy(1)
    };

    assert!(board.take(&at(5)).is_ok());
    assert_eq!(board.take(&at(6)).unwrap_err(), NotTaken::Stale);
}

#[test]
fn a_frame_from_the_future_is_not_shown() {
    let board = board();
    let late = NOW - Duration::from_secs(6);

    let followed = RemoteFeed::new(&board).take(late, frames(1).remove(0));

    assert_eq!(followed, Err(FromTheFuture));
    assert!(board.all().is_empty());
}

#[test]
fn a_halt_that_the_leader_has_not_heard_of_holds_on_the_follower() {
    let board = board();
    board.halt(symbol("A"), NOW);

    let followed = RemoteFeed::new(&board).take(NOW, frames(1).remove(0)).unwrap();

    assert_eq!(followed.published, 1);
    assert!(board.latest(symbol("A")).is_none());
}

#[test]
fn a_new_leader_goes_on_with_greater_numbers_though_its_clock_is_behind() {
    let [old, new, follower] = [board(), board(), board()];
    old.publish(NOW, vec![update("A")]);
    RemoteFeed::new(&new).take(NOW, old.frame().unwrap()).unwrap();
    RemoteFeed::new(&follower)
        .take(NOW, old.frame().unwrap())
        .unwrap();

    let behind = NOW - Duration::from_secs(3);
    new.publish(behind, vec![update("A")]);

    let followed = RemoteFeed::new(&follower)
        .take(NOW, new.frame().unwrap())
        .unwrap();
    assert_eq!((followed.published, followed.missed), (1, false));
    assert_eq!(follower.latest(symbol("A")).unwrap().at, behind);
}

#[test]
fn only_the_leader_publishes_and_the_next_one_goes_on_from_its_prices() {
    let feed = || MarketFeed::simulated(SimulatorConfig::default());
    let clock = std::sync::Arc::new(platform_core::ManualClock::starting_at(NOW));
    let random = std::sync::Arc::new(platform_core::SeededRandom::new(1));
    let sources = platform_core::Sources::shared(clock.clone(), random);
    let board = || QuoteBoard::new(feed().instruments(), trading::BoardConfig::default());
    let [first, second] = [board(), board()];
    let (leads, leading) = watch::channel(false);
    let mut worker = MarketWorker::new(feed(), second.clone(), sources).while_leading(leading);
    let mut leader = feed();
    for second_of_run in 0..3_000 {
        let at = NOW + Duration::from_secs(second_of_run);
        first.publish(at, leader.advance(at));
        clock.set(at);
        RemoteFeed::new(&second).take(at, first.frame().unwrap()).unwrap();
        assert_eq!(worker.publish(), 0);
    }
    let before = second.latest(symbol("TSLA")).unwrap();

    leads.send_replace(true);
    clock.advance(Duration::from_secs(1));
    assert_eq!(worker.publish(), 20);

    let after = second.latest(symbol("TSLA")).unwrap();
    assert!(after.seq > before.seq);
    assert!((after.bid.e4() - before.bid.e4()).abs() < price("1.00").e4());
    let base = board();
    base.publish(NOW, feed().advance(NOW));
    assert_ne!(base.latest(symbol("TSLA")).unwrap().bid, after.bid);
}

proptest! {
    #[test]
    fn however_frames_are_shuffled_doubled_and_lost_the_newest_that_came_is_shown_and_numbers_only_grow(
        order in prop::collection::vec(0_usize..12, 1..60),
    ) {
        let frames = frames(12);
        let board = board();
        let feed = RemoteFeed::new(&board);
        let mut shown = 0;

        for index in &order {
            feed.take(NOW + Duration::from_secs(12), frames[*index].clone()).unwrap();
            let seq = board.latest(symbol("B")).unwrap().seq;
            prop_assert!(seq >= shown);
            shown = seq;
        }

        let newest = &frames[*order.iter().max().unwrap()];
        prop_assert_eq!(shown, newest.quotes[1].seq);
    }
}
