//! The workers as a service runs them.

use std::time::Duration;

use crate::support::{NOW, Trader, With, World, buy, sell};
use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use trading::{HousekeepingWorker, OrderId, OrderStatus, TradingError};

/// The matcher of this process, at work.
struct Running {
    stop: CancellationToken,
    task: JoinHandle<Result<(), TradingError>>,
}

impl Running {
    fn start(world: &World) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(world.matcher.clone().run(stop.clone()));
        Self { stop, task }
    }

    async fn stop(self) {
        self.stop.cancel();
        let stopped = timeout(Duration::from_secs(5), self.task).await;
        stopped.expect("it stops at once").unwrap().unwrap();
    }
}

async fn until(trader: &Trader, id: OrderId, status: OrderStatus) {
    let reached = async {
        while trader.order(id).await.status != status {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), reached).await.unwrap();
}

/// Until somebody in the database waits for a lock.
async fn waits_for_a_lock(world: &World) {
    let mut connection = PgConnection::connect(&world.test.superuser_url()).await.unwrap();
    let waiting = async {
        let sql = "select exists (select from pg_stat_activity
                                  where datname = current_database() and wait_event_type = 'Lock')";
        while !sqlx::query_scalar::<_, bool>(sql)
            .fetch_one(&mut connection)
            .await
            .unwrap()
        {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), waiting).await.unwrap();
}

#[tokio::test]
async fn the_matcher_loads_what_was_open_and_fills_what_comes() {
    let world = World::own().await;
    let trader = world.trader();
    world.quote("10.00", "10.00", "1000");
    trader.own_shares("10").await;
    let before = trader.place(&sell("10").limit("11.00")).await.order.id;
    let next = world.restarted();
    let trader = trader.at(&next);
    let running = Running::start(&next);

    next.quote("11.00", "11.00", "1000");
    until(&trader, before, OrderStatus::Filled).await;
    let after = trader.place(&buy("10").limit("10.50")).await.order.id;
    next.quote("10.50", "10.50", "1000");
    until(&trader, after, OrderStatus::Filled).await;

    running.stop().await;
    world.sound().await;
}

#[tokio::test]
async fn an_order_ends_in_time_though_no_quote_comes_any_more() {
    let world = World::own().await;
    let trader = world.trader();
    let id = trader.place(&buy("10").limit("9.00")).await.order.id;
    world.clock.set(NOW + Duration::from_secs(86_400));
    let running = Running::start(&world.restarted());

    until(&trader, id, OrderStatus::Expired).await;

    running.stop().await;
    world.sound().await;
}

#[tokio::test]
async fn a_matcher_that_waits_for_an_account_stops_when_it_is_told_to() {
    let world = World::own().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "1000");
    let id = trader.place(&buy("10").limit("9.00")).await.order.id;
    let mut blocker = world.db.begin(&world.system()).await.unwrap();
    sqlx::query("select from trading.account for update")
        .execute(&mut blocker)
        .await
        .unwrap();
    let running = Running::start(&world);
    world.quote("8.99", "9.00", "1000");
    waits_for_a_lock(&world).await;

    running.stop().await;

    blocker.rollback().await.unwrap();
    assert_eq!(trader.order(id).await.status, OrderStatus::Submitted);
    world.sound().await;
}

#[tokio::test]
async fn housekeeping_forgets_old_keys_and_stops() {
    let world = World::own().await;
    let trader = world.trader();
    world.quote("10.00", "10.01", "1000");
    trader.send("key", &buy("1")).await.unwrap();
    world.clock.advance(Duration::from_secs(8 * 86_400));
    let stop = CancellationToken::new();
    let running = tokio::spawn(HousekeepingWorker::new(&world.trading).run(stop.clone()));

    let forgotten = async {
        while world.count("trading.idempotency").await > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), forgotten).await.unwrap();

    stop.cancel();
    running.await.unwrap().unwrap();
}
