//! Several instances over one database, of which one matches.

use std::num::NonZeroU16;
use std::time::Duration;

use crate::http::app::{App, order};
use crate::support::{Trader, With, World, aapl, buy, limit_to};
use axum::body::Body;
use axum::http::Request;
use platform_core::bus::Bus;
use platform_core::lease::{Holder, Lease, LeaseName, Leases, PgLeases, Ttl};
use platform_core::metrics::Metrics;
use platform_core::runtime::Platform;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use trading::http::TradingModule;
use trading::{
    LedMatchingWorker, MarketFeed, MatchingWorker, OrderId, OrderStatus, PlaceError, RemoteFeed,
    ReplaceError, SimulatorConfig, TradingConfig, TradingError,
};

const PATIENCE: Duration = Duration::from_secs(30);

fn ttl(millis: u64) -> Ttl {
    Ttl::new(Duration::from_millis(millis)).unwrap()
}

/// Instances that share a market and notice soon that one of them has gone.
fn sharing() -> TradingConfig {
    TradingConfig {
        shared_market: true,
        lead_ttl: ttl(600),
        ..TradingConfig::default()
    }
}

/// Instances of which one at a time takes orders.
fn standing_by(millis: u64) -> TradingConfig {
    TradingConfig {
        lead_ttl: ttl(millis),
        ..TradingConfig::default()
    }
}

/// Two instances with a board each.
async fn two(config: TradingConfig) -> (World, World) {
    let world = World::own().await;
    (world.instance(config.clone()), world.instance(config))
}

/// The same quote under the same number on the boards of all.
pub(crate) fn quote_all(instances: &[&World], symbol: &str, (bid, ask, size): (&str, &str, &str)) {
    let [first, others @ ..] = instances else { return };
    first.quote_of(symbol, bid, ask, size);
    let frame = first.board.whole_frame().unwrap();
    for other in others {
        RemoteFeed::new(&other.board)
            .take(first.clock_now(), frame.clone())
            .unwrap();
    }
}

/// The led matcher of an instance, at work.
struct Running {
    stop: CancellationToken,
    task: JoinHandle<Result<(), TradingError>>,
}

impl Running {
    fn start(worker: LedMatchingWorker) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(worker.run(stop.clone()));
        Self { stop, task }
    }

    async fn stop(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.task).await.unwrap().unwrap().unwrap();
    }

    /// Gone from one moment to the next, without giving anything back.
    async fn die(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// Whether the matcher of an instance knows so many orders.
fn known_orders(world: &World) -> impl Fn(u32) -> bool {
    let metrics = Metrics::new();
    metrics.register(
        "known",
        "Known orders",
        world.trading.metrics().orders_open.clone(),
    );
    move |count| metrics.encode().contains(&format!("\nknown {count}\n"))
}

async fn until<F: Future<Output = bool>>(mut reached: impl FnMut() -> F) {
    let waiting = async {
        while !reached().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap();
}

async fn until_status(trader: &Trader, id: OrderId, status: OrderStatus) {
    until(|| async { trader.order(id).await.status == status }).await;
}

fn refused<T: std::fmt::Debug>(answer: Result<T, PlaceError>) {
    assert!(
        matches!(answer, Err(PlaceError::Trading(TradingError::NotLeading))),
        "{answer:?}"
    );
}

/// Places an order as soon as this instance takes any.
async fn place_when_it_leads(trader: &Trader) -> OrderId {
    let placing = async {
        loop {
            match trader.try_place(&buy("10").limit("9.00")).await {
                Ok(placed) => return placed.outcome().order.id,
                Err(PlaceError::Trading(TradingError::NotLeading)) => {}
                Err(other) => panic!("{other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, placing).await.unwrap()
}

async fn lease(world: &World, name: &str, ttl: Ttl) -> Lease {
    let leases = Leases::new(PgLeases::new(&world.db), &world.sources);
    let (name, holder) = (LeaseName::platform(name).unwrap(), Holder::new("test").unwrap());
    let asking = async {
        loop {
            if let Some(lease) = leases.try_acquire(&name, ttl, &holder).await.unwrap() {
                return lease;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, asking).await.unwrap()
}

/// Somebody else has the lease now, and its holder has not noticed.
async fn take_away(world: &World, name: &str) {
    let sql = format!(
        "update platform_core.platform_lease set token = token + 1, expires_at = now() + interval '1 hour' where name = '{name}'"
    );
    assert_eq!(world.by_hand(sql).await, 1);
}

#[tokio::test]
async fn the_leader_that_dies_is_followed_by_another_that_fills_what_was_placed_meanwhile() {
    let (first, second) = two(sharing()).await;
    quote_all(&[&first, &second], "AAPL", ("10.00", "10.01", "100"));
    let here = first.trader();
    let there = here.at(&second);
    let leading = Running::start(LedMatchingWorker::new(&first.trading));
    let before = here.place(&buy("10").limit("9.50")).await.order.id;
    first.quote("9.49", "9.50", "100");
    until_status(&here, before, OrderStatus::Filled).await;
    let following = Running::start(LedMatchingWorker::new(&second.trading));

    // Committed on the instance that does not match, which tells nobody.
    let missed = there.place(&buy("10").limit("9.00")).await.order.id;
    quote_all(&[&first, &second], "AAPL", ("8.99", "9.00", "100"));
    leading.die().await;
    until_status(&there, missed, OrderStatus::Filled).await;

    let after = there.place(&buy("10").limit("8.50")).await.order.id;
    second.quote("8.49", "8.50", "100");
    until_status(&there, after, OrderStatus::Filled).await;
    following.stop().await;
    first.sound().await;
}

#[tokio::test]
async fn a_leader_that_was_paused_past_its_lease_fills_nothing() {
    let (old, new) = two(sharing()).await;
    quote_all(&[&old, &new], "AAPL", ("10.00", "10.01", "100"));
    let trader = old.trader();
    let id = trader.place(&buy("10").limit("9.00")).await.order.id;
    let late = MatchingWorker::new(&old.trading).under(lease(&old, "test.matching", ttl(100)).await);
    late.load().await.unwrap();
    let now = lease(&new, "test.matching", ttl(60_000)).await;
    let current = MatchingWorker::new(&new.trading).under(now);
    current.load().await.unwrap();
    quote_all(&[&old, &new], "AAPL", ("8.99", "9.00", "4"));

    let fenced = late.match_symbol(aapl()).await;

    assert!(matches!(fenced, Err(TradingError::NotLeading)), "{fenced:?}");
    assert_eq!(trader.order(id).await.status, OrderStatus::Submitted);
    assert_eq!(old.count("trading.execution").await, 0);
    assert_eq!(current.match_symbol(aapl()).await.unwrap(), 1);
    assert_eq!(trader.order(id).await.filled_quantity.to_string(), "4");
    old.sound().await;
}

#[tokio::test]
async fn the_leader_hears_of_orders_that_other_instances_take_change_and_cancel() {
    let (leader, other) = two(sharing()).await;
    let bus = Bus::in_process();
    let led = |world: &World| LedMatchingWorker::new(&world.trading).with_bus(bus.clone());
    quote_all(&[&leader, &other], "AAPL", ("10.00", "10.01", "100"));
    let trader = leader.trader();
    let leading = Running::start(led(&leader));
    let probe = trader.place(&buy("1").limit("9.90")).await.order.id;
    leader.quote("9.89", "9.90", "100");
    until_status(&trader, probe, OrderStatus::Filled).await;
    let following = Running::start(led(&other));
    let there = trader.at(&other);
    let metrics = Metrics::new();
    metrics.register(
        "known",
        "Known orders",
        leader.trading.metrics().orders_open.clone(),
    );
    let known = |count: u32| metrics.encode().contains(&format!("\nknown {count}\n"));

    let [filled, replaced, cancelled] = [
        there.place(&buy("10").limit("9.00")).await.order.id,
        there.place(&buy("10").limit("5.00")).await.order.id,
        there.place(&buy("10").limit("9.00")).await.order.id,
    ];
    until(|| async { known(3) }).await;
    there.replace(replaced, &limit_to("9.00")).await.unwrap();
    other.trading.cancel(&there.ctx(), cancelled).await.unwrap();
    until(|| async { known(2) }).await;
    // On its board alone: nobody else could fill them.
    leader.quote("8.99", "9.00", "100");

    until_status(&trader, filled, OrderStatus::Filled).await;
    until_status(&trader, replaced, OrderStatus::Filled).await;
    assert_eq!(trader.order(cancelled).await.status, OrderStatus::Cancelled);
    following.stop().await;
    leading.stop().await;
    leader.sound().await;
}

#[tokio::test]
async fn what_a_leader_was_not_told_of_it_finds_in_the_rows() {
    let config = TradingConfig {
        reconcile_every: Duration::from_millis(100),
        ..sharing()
    };
    let (leader, other) = two(config).await;
    quote_all(&[&leader, &other], "AAPL", ("10.00", "10.01", "100"));
    let trader = leader.trader();
    let leading = Running::start(LedMatchingWorker::new(&leader.trading));
    let _stands_by = LedMatchingWorker::new(&other.trading);
    let id = trader.at(&other).place(&buy("10").limit("9.00")).await.order.id;

    leader.quote("8.99", "9.00", "100");
    until_status(&trader, id, OrderStatus::Filled).await;

    leading.stop().await;
    leader.sound().await;
}

#[tokio::test]
async fn who_sees_the_market_no_more_leaves_matching_to_those_who_do() {
    let (blind, seeing) = two(sharing()).await;
    quote_all(&[&blind, &seeing], "AAPL", ("10.00", "10.01", "100"));
    let trader = blind.trader();
    let (sees, seen) = watch::channel(true);
    let first = Running::start(LedMatchingWorker::new(&blind.trading).while_seeing(seen));
    let probe = trader.place(&buy("1").limit("9.90")).await.order.id;
    blind.quote("9.89", "9.90", "100");
    until_status(&trader, probe, OrderStatus::Filled).await;
    let (_always, seen) = watch::channel(true);
    let second = Running::start(LedMatchingWorker::new(&seeing.trading).while_seeing(seen));
    let id = trader.place(&buy("10").limit("9.00")).await.order.id;

    sees.send_replace(false);
    // On the other board alone.
    seeing.quote("8.99", "9.00", "100");
    until_status(&trader, id, OrderStatus::Filled).await;

    second.stop().await;
    let id = trader.place(&buy("10").limit("8.00")).await.order.id;
    sees.send_replace(true);
    blind.quote("7.99", "8.00", "100");
    until_status(&trader, id, OrderStatus::Filled).await;
    first.stop().await;
    blind.sound().await;
}

#[tokio::test]
async fn every_shard_of_the_symbols_is_matched() {
    let config = TradingConfig {
        matching_shards: NonZeroU16::new(4).unwrap(),
        ..sharing()
    };
    let (first, second) = two(config).await;
    let instances = [&first, &second];
    let trader = first.trader();
    for symbol in ["AAPL", "IBM", "MSFT"] {
        quote_all(&instances, symbol, ("10.00", "10.01", "100"));
    }
    let running = instances.map(|world| Running::start(LedMatchingWorker::new(&world.trading)));
    let mut orders = Vec::new();
    for symbol in ["AAPL", "IBM", "MSFT"] {
        for at in instances {
            let ticket = buy("1").limit("9.00").of(symbol);
            orders.push(trader.at(at).place(&ticket).await.order.id);
        }
    }

    // Whoever leads learns of the others' orders at the latest when it begins to.
    let [one, two] = running;
    one.die().await;
    for symbol in ["AAPL", "IBM", "MSFT"] {
        quote_all(&instances, symbol, ("8.99", "9.00", "100"));
    }
    let again = Running::start(LedMatchingWorker::new(&first.trading));
    two.die().await;

    for id in orders {
        until_status(&trader, id, OrderStatus::Filled).await;
    }
    again.stop().await;
    first.sound().await;
}

#[tokio::test]
async fn an_instance_that_stands_by_takes_no_order_until_the_one_that_does_has_gone() {
    let (first, second) = two(standing_by(2_000)).await;
    quote_all(&[&first, &second], "AAPL", ("10.00", "10.01", "100"));
    let here = first.trader();
    let there = here.at(&second);
    let worker = LedMatchingWorker::new(&first.trading);
    refused(here.try_place(&buy("1")).await);
    let leading = Running::start(worker);
    let kept = place_when_it_leads(&here).await;
    let following = Running::start(LedMatchingWorker::new(&second.trading));

    refused(there.try_place(&buy("1")).await);
    let replaced = there.replace(kept, &limit_to("8.00")).await;
    assert!(
        matches!(replaced, Err(ReplaceError::Trading(TradingError::NotLeading))),
        "{replaced:?}"
    );
    assert_eq!(there.order(kept).await.version, 1);
    let gone = here.place(&buy("10").limit("9.00")).await.order.id;
    let cancelled = second.trading.cancel(&there.ctx(), gone).await.unwrap();
    assert_eq!(cancelled.status, OrderStatus::Cancelled);

    leading.stop().await;
    refused(here.try_place(&buy("1")).await);
    let taken = place_when_it_leads(&there).await;
    second.quote("8.99", "9.00", "100");
    for id in [kept, taken] {
        until_status(&there, id, OrderStatus::Filled).await;
    }
    following.stop().await;
    first.sound().await;
}

#[tokio::test]
async fn an_instance_that_has_not_noticed_that_another_took_over_commits_no_order() {
    // So long that it does not ask again before the end of the test.
    let (old, _) = two(standing_by(600_000)).await;
    old.quote("10.00", "10.01", "100");
    let trader = old.trader();
    let running = Running::start(LedMatchingWorker::new(&old.trading));
    let resting = place_when_it_leads(&trader).await;
    let orders = old.count("trading.orders").await;
    take_away(&old, "trading.brokerage").await;

    refused(trader.try_place(&buy("1")).await);
    refused(old.trader().try_place(&buy("1")).await);
    let replaced = trader.replace(resting, &limit_to("8.00")).await;
    assert!(
        matches!(replaced, Err(ReplaceError::Trading(TradingError::NotLeading))),
        "{replaced:?}"
    );
    let known = known_orders(&old);
    assert!(known(1));
    old.quote("8.99", "9.00", "100");
    // The fill tells it that it does not lead.
    until(|| async { known(0) }).await;

    assert_eq!(old.count("trading.orders").await, orders);
    assert_eq!(trader.order(resting).await.status, OrderStatus::Submitted);
    running.die().await;
    old.sound().await;
}

#[tokio::test]
async fn an_instance_is_ready_while_it_takes_orders() {
    let world = World::own().await.instance(standing_by(2_000));
    let feed = MarketFeed::simulated(SimulatorConfig::default());
    let platform = Platform::builder(world.db.clone(), world.sources.clone(), Metrics::new())
        .module(TradingModule::new(&world.trading, feed))
        .build()
        .unwrap();
    let (router, trader) = (platform.router(), world.trader());
    platform.health().set_started();
    let ready = || async {
        let request = Request::get("/readyz").body(Body::empty()).unwrap();
        router.clone().oneshot(request).await.unwrap().status()
    };
    assert_eq!(ready().await, 503);
    refused(trader.try_place(&buy("1")).await);

    let running = Running::start(LedMatchingWorker::new(&world.trading));
    place_when_it_leads(&trader).await;
    until(|| async { ready().await == 200 }).await;
    assert_eq!(world.trading.metrics().matching_shards_led.get(), 1);

    running.stop().await;
    refused(trader.try_place(&buy("1")).await);
    until(|| async { ready().await == 503 }).await;
    assert_eq!(world.trading.metrics().matching_shards_led.get(), 0);
}

#[tokio::test]
async fn whoever_asks_an_instance_that_stands_by_is_told_to_ask_again() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "100");
    let _stands_by = LedMatchingWorker::new(&app.world.trading);

    let answer = app.order("alice", "", &order("buy", "1", None)).await;

    assert_eq!(answer.problem(), (503, "standing_by".to_owned()));
    assert_eq!(answer.header("retry-after"), Some("1"));
    app.get("alice", "/api/v1/orders").await.ok();
}
