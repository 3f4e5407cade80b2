//! What is kept when sessions close, and what is worked out from it.

use std::time::Duration;

use crate::support::{NOW, Trader, With, World, aapl, buy, sell};
use platform_core::Timestamp;
use time::macros::datetime;
use tokio::sync::watch;
use trading::{
    ADJUST, AccountId, Calendar, ClosingView, ClosingWorker, FeeRate, HistoryPeriod, OrderStatus, Portfolio,
    Rules, TradingConfig, VIEW,
};

const CLOSE: Timestamp = datetime!(2026-01-06 00:00 UTC);
const DAY: Duration = Duration::from_secs(86_400);

async fn history(trader: &Trader) -> Vec<ClosingView> {
    let ctx = trader.ctx();
    trader
        .world
        .trading
        .history(&ctx, HistoryPeriod::All, (None, 100))
        .await
        .unwrap()
}

/// The worker has seen every quote there is; then the session closes.
async fn close(world: &World, worker: &mut ClosingWorker, at: Timestamp) -> u64 {
    worker.meet(&world.board.all()).await.unwrap();
    world.clock.set(at);
    worker.close_if_due().await.unwrap()
}

async fn pay(world: &World, account: AccountId, amount: &str) {
    let admin = world.trader_with([VIEW, ADJUST]);
    let reason = "test".parse().unwrap();
    let paid = (amount.parse().unwrap(), &reason);
    world
        .trading
        .adjust_cash(&admin.keyed("key"), account, paid)
        .await
        .unwrap();
}

fn with_fees(world: &World) -> World {
    world.with_config(TradingConfig {
        rules: Rules {
            fee: FeeRate::from_parts_per_million(1_000),
            ..Rules::default()
        },
        ..TradingConfig::default()
    })
}

/// Symbols add up to the account before fees, and equity is explained, to the cent: prices here have whole cents and shares are whole.
fn adds_up(portfolio: &Portfolio) {
    let day = &portfolio.day;
    let symbols: i64 = day.symbols.iter().map(|one| one.pnl.cents()).sum();
    assert_eq!(day.pnl.cents(), symbols - day.fees.cents(), "{portfolio:#?}");
    assert_eq!(
        portfolio.equity.cents() - portfolio.net_deposits.cents(),
        portfolio.realized.cents() + portfolio.unrealized.cents() - portfolio.fees.cents(),
        "{portfolio:#?}"
    );
}

#[tokio::test]
async fn a_close_keeps_equity_at_the_last_prices_before_it() {
    let world = World::own().await;
    let trader = world.trader();
    let mut worker = ClosingWorker::new(&world.trading);
    world.quote("10.00", "10.00", "1000");
    trader.own_shares("100").await;
    world.quote("12.50", "12.52", "1000");
    assert_eq!(worker.close_if_due().await.unwrap(), 0, "there is no price yet");
    worker.meet(&world.board.all()).await.unwrap();
    assert_eq!(
        worker.close_if_due().await.unwrap(),
        0,
        "the account is younger than the last close"
    );

    assert_eq!(close(&world, &mut worker, CLOSE).await, 1);
    assert_eq!(worker.close_if_due().await.unwrap(), 0);

    let [closing] = &history(&trader).await[..] else {
        panic!("one closing")
    };
    assert_eq!(closing.session_close, CLOSE);
    assert_eq!(closing.equity.to_string(), "10250.00");
    assert_eq!(closing.cash.to_string(), "9000.00");
    assert_eq!(closing.day_pnl.to_string(), "250.00");
    assert_eq!(closing.net_deposits.to_string(), "10000.00");
}

#[tokio::test]
async fn what_happens_after_the_close_is_of_the_next_session_though_the_worker_is_late() {
    let world = World::own().await;
    let trader = world.trader();
    let mut worker = ClosingWorker::new(&world.trading);
    world.quote("10.00", "10.00", "1000");
    trader.own_shares("100").await;
    let resting = trader.place(&buy("10").limit("9.00")).await.order.id;
    worker.meet(&world.board.all()).await.unwrap();
    world.clock.set(CLOSE);
    world.matcher.end_orders().await.unwrap();
    assert_eq!(trader.order(resting).await.status, OrderStatus::Expired);
    world.quote("11.00", "11.00", "1000");
    trader.place(&sell("40")).await;
    let account = world.trading.account(&trader.ctx()).await.unwrap().id;
    pay(&world, account, "-500.00").await;

    // Its first quote of after the close makes it notice.
    worker.meet(&world.board.all()).await.unwrap();

    let [closing] = &history(&trader).await[..] else {
        panic!("one closing")
    };
    assert_eq!(closing.equity.to_string(), "10000.00");
    assert_eq!(closing.net_deposits.to_string(), "10000.00");
    let rows: Vec<(i64, i64, i64)> = world
        .rows("select available_cents, held_cents, last_seq from trading.closing_account")
        .await;
    assert_eq!(
        rows.iter().map(|row| (row.0, row.1)).collect::<Vec<_>>(),
        [(891_000, 9_000)]
    );
    let shares: Vec<(i64, i64)> = world
        .rows("select available_e6, value_cents from trading.closing_position")
        .await;
    assert_eq!(shares, [(100_000_000, 100_000)]);
    let day = trader.portfolio().await.day;
    assert_eq!(day.since, Some(CLOSE));
    assert_eq!(
        (day.pnl.to_string(), day.net_deposits.to_string()),
        ("100.00".into(), "-500.00".into())
    );
    assert_eq!(day.symbols[0].sold.to_string(), "440.00");
    world.sound().await;
}

#[tokio::test]
async fn a_close_that_was_missed_is_made_up_for_at_the_start() {
    let world = World::own().await;
    let trader = world.trader();
    world.quote("10.00", "10.00", "1000");
    trader.own_shares("100").await;
    world.clock.set(CLOSE + 3 * DAY + Duration::from_secs(60));
    world.quote("13.00", "13.00", "1000");

    let mut worker = ClosingWorker::new(&world.restarted().trading);
    worker.meet(&world.board.all()).await.unwrap();
    assert_eq!(worker.close_if_due().await.unwrap(), 1);

    let closings = history(&trader).await;
    assert_eq!(closings.len(), 1);
    assert_eq!(closings[0].session_close, CLOSE + 3 * DAY);
    assert_eq!(closings[0].equity.to_string(), "10300.00");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_workers_at_once_one_keeps_each_account() {
    let world = World::own().await;
    world.quote("10.00", "10.00", "1000000");
    for _ in 0..5 {
        world.trader().own_shares("7").await;
    }
    let mut workers: Vec<_> = (0..4)
        .map(|_| ClosingWorker::new(&world.restarted().trading))
        .collect();
    for worker in &mut workers {
        worker.meet(&world.board.all()).await.unwrap();
    }
    world.clock.set(CLOSE);

    let closing: Vec<_> = workers
        .into_iter()
        .map(|mut worker| tokio::spawn(async move { worker.close_if_due().await.unwrap() }))
        .collect();
    let mut kept = 0;
    for one in closing {
        kept += one.await.unwrap();
    }

    assert_eq!(kept, 5);
    assert_eq!(world.count("trading.closing_account").await, 5);
    assert_eq!(world.count("trading.closing_position").await, 5);
    assert_eq!(world.count("trading.closing_price").await, 1);
}

#[tokio::test]
async fn the_prices_of_the_instance_that_closed_first_count_for_everybody() {
    let world = World::own().await;
    let other = world.unquoted();
    let (early, late) = (world.trader(), world.trader());
    world.quote("10.00", "10.00", "1000");
    other.quote("20.00", "20.00", "1000");
    early.own_shares("1").await;
    late.own_shares("1").await;
    let mut first = ClosingWorker::new(&world.trading);
    close(&world, &mut first, CLOSE).await;
    world
        .by_hand("delete from trading.closing_position".to_owned())
        .await;
    world
        .by_hand("delete from trading.closing_account".to_owned())
        .await;

    let mut second = ClosingWorker::new(&other.trading);
    second.meet(&other.board.all()).await.unwrap();
    assert_eq!(second.close_if_due().await.unwrap(), 2);

    let equity: Vec<(i64,)> = world
        .rows("select equity_cents from trading.closing_account")
        .await;
    assert_eq!(equity, [(1_000_000,), (1_000_000,)]);
}

#[tokio::test]
async fn a_day_is_told_by_symbol_and_the_symbols_add_up() {
    let world = with_fees(&World::own().await);
    let trader = world.trader();
    let mut worker = ClosingWorker::new(&world.trading);
    world.quote("10.00", "10.00", "1000");
    world.quote_of("IBM", "100.00", "100.00", "1000");
    trader.own_shares("100").await;
    trader.place(&buy("10").of("IBM")).await;
    close(&world, &mut worker, CLOSE).await;

    world.quote("12.00", "12.00", "1000");
    world.quote_of("IBM", "90.00", "90.00", "1000");
    world.quote_of("MSFT", "50.00", "50.00", "1000");
    trader.place(&sell("100")).await;
    trader.place(&buy("5").of("IBM")).await;
    trader.place(&buy("2").of("MSFT")).await;
    world.quote_of("MSFT", "51.00", "51.00", "1000");
    let portfolio = trader.portfolio().await;

    let told: Vec<_> = portfolio
        .day
        .symbols
        .iter()
        .map(|one| (one.symbol.as_str(), one.pnl.to_string()))
        .collect();
    assert_eq!(
        told,
        [
            ("AAPL", "200.00".to_owned()),
            ("IBM", "-100.00".to_owned()),
            ("MSFT", "2.00".to_owned())
        ]
    );
    assert_eq!(portfolio.day.fees.to_string(), "1.20");
    assert_eq!(portfolio.day.pnl.to_string(), "100.80");
    adds_up(&portfolio);
    let apple = world
        .trading
        .position(&trader.ctx(), aapl())
        .await
        .unwrap()
        .unwrap();
    assert!(apple.quantity.is_zero(), "a closed position has a day too");
    world.sound().await;
}

#[tokio::test]
async fn a_history_has_pages_and_periods() {
    let world = World::own().await;
    let trader = world.trader();
    let mut worker = ClosingWorker::new(&world.trading);
    world.quote("10.00", "10.00", "1000");
    trader.own_shares("100").await;
    for day in 0..10_u32 {
        close(&world, &mut worker, CLOSE + day * DAY).await;
        let price = format!("{}.00", 11 + day);
        world.quote(&price, &price, "1000");
    }

    let all = history(&trader).await;
    assert_eq!(all.len(), 10);
    assert!(all.is_sorted_by(|newer, older| newer.session_close > older.session_close));
    // Since the account was opened nothing; then a dollar a share on each day.
    let days: Vec<_> = all.iter().rev().map(|one| one.day_pnl.to_string()).collect();
    assert_eq!(days[0], "0.00");
    assert!(days[1..].iter().all(|pnl| pnl == "100.00"), "{days:?}");
    let (trading, ctx) = (&world.trading, trader.ctx());
    let mut paged = Vec::new();
    loop {
        let before = paged.last().map(|one: &ClosingView| one.session_close);
        let page = trading
            .history(&ctx, HistoryPeriod::All, (before, 3))
            .await
            .unwrap();
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, all);
    let week = trading
        .history(&ctx, HistoryPeriod::Week, (None, 100))
        .await
        .unwrap();
    assert_eq!(
        week,
        all[..7],
        "the oldest one's day begins with the close before the period"
    );
    assert_eq!(NOW + DAY, CLOSE + Duration::from_secs(15 * 3_600));
}

#[tokio::test]
async fn the_worker_stops_when_it_is_told_to() {
    let world = World::own().await;
    let trader = world.trader();
    world.quote("10.00", "10.00", "1000");
    trader.own_shares("1").await;
    world.clock.set(CLOSE);
    world.quote("11.00", "11.00", "1000");
    let stop = tokio_util::sync::CancellationToken::new();
    let mut worker = ClosingWorker::new(&world.trading);
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { worker.run(stop).await }
    });

    let closed = async {
        while history(&trader).await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), closed)
        .await
        .unwrap();

    stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_market_with_hours_closes_in_the_evening_and_pauses_over_a_weekend() {
    let world = World::own().await;
    let world = world.with_config(TradingConfig {
        calendar: Calendar::Nyse,
        ..TradingConfig::default()
    });
    let trader = world.trader();
    world.clock.set(datetime!(2026-01-09 20:59 UTC));
    let mut worker = ClosingWorker::new(&world.trading);
    world.quote("10.00", "10.00", "1000");
    trader.own_shares("100").await;
    let friday = datetime!(2026-01-09 21:00 UTC);

    assert_eq!(close(&world, &mut worker, friday).await, 1);
    for later in [datetime!(2026-01-10 12:00 UTC), datetime!(2026-01-12 15:00 UTC)] {
        world.clock.set(later);
        assert_eq!(worker.close_if_due().await.unwrap(), 0, "{later}");
        // Nor does an instance that knows of nothing.
        let mut other = ClosingWorker::new(&world.trading);
        other.meet(&world.board.all()).await.unwrap();
        assert_eq!(other.close_if_due().await.unwrap(), 0, "{later}");
    }
    world.quote("11.00", "11.00", "1000");
    assert_eq!(trader.portfolio().await.day.since, Some(friday));
    assert_eq!(trader.portfolio().await.day.pnl.to_string(), "100.00");
    let monday = datetime!(2026-01-12 21:00 UTC);
    assert_eq!(close(&world, &mut worker, monday).await, 1);

    let closes: Vec<_> = history(&trader)
        .await
        .iter()
        .map(|one| one.session_close)
        .collect();
    assert_eq!(closes, [monday, friday]);
}

#[tokio::test]
async fn who_follows_leaves_a_close_to_the_leader_for_half_a_minute_and_then_does_it_at_the_prices_of_before()
{
    let world = World::own().await;
    let trader = world.trader();
    let (_leads, leading) = watch::channel(false);
    let mut follower = ClosingWorker::new(&world.trading).while_leading(leading);
    world.quote("10.00", "10.00", "1000");
    trader.own_shares("100").await;

    assert_eq!(
        close(&world, &mut follower, CLOSE).await,
        0,
        "the leader comes first"
    );
    world.quote("20.00", "20.00", "1000");
    follower.meet(&world.board.all()).await.unwrap();
    assert!(history(&trader).await.is_empty());
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(follower.close_if_due().await.unwrap(), 1, "the leader has not");

    let [closing] = &history(&trader).await[..] else {
        panic!("one closing")
    };
    assert_eq!(closing.equity.to_string(), "10000.00");
    // The prices of after the close are those of the next one.
    world.clock.set(CLOSE + DAY + Duration::from_secs(30));
    assert_eq!(follower.close_if_due().await.unwrap(), 1);
    assert_eq!(history(&trader).await[0].equity.to_string(), "11000.00");
}

#[tokio::test]
async fn who_leads_closes_at_once() {
    let world = World::own().await;
    let trader = world.trader();
    let (leads, leading) = watch::channel(false);
    let mut worker = ClosingWorker::new(&world.trading).while_leading(leading);
    world.quote("10.00", "10.00", "1000");
    trader.own_shares("100").await;
    assert_eq!(close(&world, &mut worker, CLOSE).await, 0);

    leads.send_replace(true);

    assert_eq!(worker.close_if_due().await.unwrap(), 1);
}
