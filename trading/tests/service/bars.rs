//! Bars that are stored, and read together with those that are not.

use std::time::Duration;

use time::macros::datetime;
use tokio::sync::watch;
use trading::{BarQuery, BarWorker, MarketBar, RemoteFeed, Timeframe};

use crate::support::{NOW, World, aapl};

const MINUTE: Duration = Duration::from_secs(60);

/// In a database of its own: bars are nobody's, so that tests would see each other's.
async fn world() -> World {
    World::own().await
}

async fn bars(world: &World, timeframe: Timeframe) -> Vec<MarketBar> {
    let query = BarQuery {
        symbol: aapl(),
        timeframe,
        range: NOW - time::Duration::days(1)..NOW + time::Duration::days(200),
        limit: 1_000,
    };
    world.trading.bars(&query).await.unwrap()
}

/// Publishes a quote with this price as the last one, a millisecond later.
fn print(world: &World, last: &str) {
    world.quote(last, "99.00", "5");
}

fn shown(bars: &[MarketBar]) -> Vec<String> {
    let shown = |bar: &MarketBar| {
        let MarketBar {
            open,
            high,
            low,
            close,
            volume,
            quotes,
            ..
        } = bar;
        format!(
            "{} {open} {high} {low} {close} {volume} {quotes}",
            bar.start.time()
        )
    };
    bars.iter().map(shown).collect()
}

#[tokio::test]
async fn minutes_that_are_over_are_stored_and_read_with_the_one_that_is_being_made() {
    let world = world().await;
    let mut worker = BarWorker::new(&world.trading);
    for last in ["10.00", "12.00", "9.00"] {
        print(&world, last);
    }
    world.clock.advance(MINUTE);
    print(&world, "11.00");

    assert_eq!(worker.store().await.unwrap(), 1);
    assert_eq!(worker.store().await.unwrap(), 0);

    let expected = [
        "15:00:00.0 10.00 12.00 9.00 9.00 15 3",
        "15:01:00.0 11.00 11.00 11.00 11.00 5 1",
    ];
    assert_eq!(shown(&bars(&world, Timeframe::Minute).await), expected);
    let day = ["0:00:00.0 10.00 12.00 9.00 11.00 20 4"];
    assert_eq!(shown(&bars(&world, Timeframe::Day).await), day);
    assert_eq!(
        bars(&world, Timeframe::Day).await[0].vwap().unwrap().to_string(),
        "10.50"
    );
}

#[tokio::test]
async fn a_day_is_what_its_minutes_come_to_stored_or_not() {
    let world = world().await;
    let mut worker = BarWorker::new(&world.trading);
    for step in 0..40_u32 {
        print(&world, &format!("{}.{:02}", 10 + (step * 7) % 5, step));
        world.clock.advance(MINUTE * (1 + step % 3));
        if step % 4 == 0 {
            worker.store().await.unwrap();
        }
        let minutes = bars(&world, Timeframe::Minute).await;
        let days = bars(&world, Timeframe::Day).await;

        let [day] = days.as_slice() else {
            panic!("{days:?}")
        };
        assert_eq!(day.open, minutes[0].open);
        assert_eq!(day.close, minutes[minutes.len() - 1].close);
        assert_eq!(Some(day.high), minutes.iter().map(|bar| bar.high).max());
        assert_eq!(Some(day.low), minutes.iter().map(|bar| bar.low).min());
        assert_eq!(day.quotes, minutes.iter().map(|bar| bar.quotes).sum::<u64>());
        assert_eq!(
            day.volume.e6(),
            minutes.iter().map(|bar| bar.volume.e6()).sum::<i64>()
        );
        assert_eq!(day.quotes, u64::from(step) + 1);
    }
}

#[tokio::test]
async fn a_restart_in_the_middle_of_a_minute_makes_one_bar_of_both_parts() {
    let world = world().await;
    print(&world, "10.00");
    let mut worker = BarWorker::new(&world.trading);
    let stop = tokio_util::sync::CancellationToken::new();
    stop.cancel();
    worker.run(stop).await.unwrap();

    let later = world.unquoted();
    print(&later, "8.00");
    later.clock.advance(MINUTE);
    BarWorker::new(&later.trading).store().await.unwrap();

    let expected = ["15:00:00.0 10.00 10.00 8.00 8.00 10 2"];
    assert_eq!(shown(&bars(&later, Timeframe::Minute).await), expected);
    assert_eq!(bars(&later, Timeframe::Day).await[0].quotes, 2);
}

#[tokio::test]
async fn what_is_stored_twice_counts_once() {
    let world = world().await;
    print(&world, "10.00");
    let mut connection = world.superuser().await;
    let refuse = "create function trading.refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$";
    for sql in [
        refuse,
        "create trigger refuse before insert on trading.bar for each row execute function trading.refuse()",
    ] {
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
    let mut worker = BarWorker::new(&world.trading);
    world.clock.advance(MINUTE);
    assert!(worker.store().await.is_err());
    print(&world, "11.00");
    world.clock.advance(MINUTE);
    sqlx::query("drop trigger refuse on trading.bar")
        .execute(&mut connection)
        .await
        .unwrap();

    // Another worker has stored the first minute in the meantime, as if this one's commit had been answered by silence.
    BarWorker::new(&world.trading).store().await.unwrap();
    worker.store().await.unwrap();

    let minutes = bars(&world, Timeframe::Minute).await;
    assert_eq!(minutes.iter().map(|bar| bar.quotes).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(bars(&world, Timeframe::Day).await[0].quotes, 2);
}

#[tokio::test]
async fn minutes_are_forgotten_after_ninety_days_and_days_are_not() {
    let world = world().await;
    let mut worker = BarWorker::new(&world.trading);
    print(&world, "10.00");
    world.clock.advance(MINUTE);
    worker.store().await.unwrap();
    world.clock.set(datetime!(2026-04-05 15:00 UTC));
    assert_eq!(worker.forget_old().await.unwrap(), 0);

    world.clock.set(datetime!(2026-04-05 15:00:01 UTC));
    assert_eq!(worker.forget_old().await.unwrap(), 1);

    assert!(bars(&world, Timeframe::Minute).await.is_empty());
    assert_eq!(bars(&world, Timeframe::Day).await.len(), 1);
}

#[tokio::test]
async fn a_tenants_transaction_reaches_no_bar() {
    let world = world().await;

    for sql in ["select * from trading.bar", "delete from trading.bar"] {
        let mut tx = world.db.begin(&world.system()).await.unwrap();
        let refused = sqlx::query(sql).execute(&mut tx).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{refused}");
        tx.rollback().await.unwrap();
    }
}

/// Two instances of one market, whose leader's quotes the other shows.
struct Pair {
    leader: World,
    follower: World,
}

impl Pair {
    async fn new() -> Self {
        let leader = world().await;
        let follower = leader.unquoted();
        Self { leader, follower }
    }

    fn print(&self, last: &str) {
        print(&self.leader, last);
        let now = self.leader.sources.now();
        let frame = self.leader.board.frame().unwrap();
        RemoteFeed::new(&self.follower.board).take(now, frame).unwrap();
    }
}

#[tokio::test]
async fn who_follows_stores_nothing_and_tells_the_same_bars_as_who_leads() {
    let pair = Pair::new().await;
    let (_follows, following) = watch::channel(false);
    let mut leader = BarWorker::new(&pair.leader.trading);
    let mut follower = BarWorker::new(&pair.follower.trading).while_leading(following);
    for (minute, last) in ["10.00", "12.00", "9.00", "11.00"].into_iter().enumerate() {
        pair.print(last);
        pair.print("10.50");
        pair.leader.clock.advance(MINUTE);
        assert_eq!(follower.store_if_leading().await.unwrap(), 0);
        if minute < 2 {
            assert_eq!(leader.store().await.unwrap(), 1);
        }
        assert_eq!(follower.store_if_leading().await.unwrap(), 0);

        for timeframe in [Timeframe::Minute, Timeframe::Day] {
            let told = shown(&bars(&pair.follower, timeframe).await);
            assert_eq!(told, shown(&bars(&pair.leader, timeframe).await), "{timeframe}");
        }
    }
    assert_eq!(bars(&pair.follower, Timeframe::Day).await[0].quotes, 8);
}

#[tokio::test]
async fn whoever_leads_next_stores_what_the_one_before_has_not_and_nothing_twice() {
    // Killed, or stopped with the part of its minute stored.
    for stored_last in [false, true] {
        let pair = Pair::new().await;
        let (leads, leading) = watch::channel(false);
        let mut old = BarWorker::new(&pair.leader.trading);
        let mut new = BarWorker::new(&pair.follower.trading).while_leading(leading);
        pair.print("10.00");
        pair.leader.clock.advance(MINUTE);
        old.store().await.unwrap();
        new.store_if_leading().await.unwrap();
        pair.print("11.00");
        pair.leader.clock.advance(MINUTE);
        pair.print("12.00");
        if stored_last {
            let stop = tokio_util::sync::CancellationToken::new();
            stop.cancel();
            old.run(stop).await.unwrap();
        }

        leads.send_replace(true);
        let stored = new.store_if_leading().await.unwrap();
        print(&pair.follower, "8.00");
        pair.leader.clock.advance(MINUTE);
        new.store_if_leading().await.unwrap();

        assert_eq!(stored, if stored_last { 0 } else { 2 });
        let expected = [
            "15:00:00.0 10.00 10.00 10.00 10.00 5 1",
            "15:01:00.0 11.00 11.00 11.00 11.00 5 1",
            "15:02:00.0 12.00 12.00 8.00 8.00 10 2",
        ];
        // As somebody sees them who has nothing in memory.
        let stored = pair.leader.unquoted();
        assert_eq!(shown(&bars(&stored, Timeframe::Minute).await), expected);
        let day = ["0:00:00.0 10.00 12.00 8.00 8.00 20 4"];
        assert_eq!(shown(&bars(&stored, Timeframe::Day).await), day);
    }
}
