//! Orders of many callers that are committed together.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::cut::CutLine;
use crate::support::{Trader, With, World, buy, sell};
use futures::future::join_all;
use platform_core::pg::{Db, DbConfig, DbError};
use trading::{OrderStatus, PlaceError, Placed, Ticket, TradingConfig, TradingError};

type Outcome = Result<Placed, PlaceError>;

/// Sends orders at the same moment: all of them wait when the first is looked at.
async fn at_once(sends: Vec<(Trader, String, Ticket)>) -> Vec<Outcome> {
    let sends = sends.iter().map(|(trader, key, ticket)| trader.send(key, ticket));
    join_all(sends).await
}

fn send(trader: &Trader, key: &str, ticket: Ticket) -> (Trader, String, Ticket) {
    (trader.clone(), key.to_owned(), ticket)
}

fn commits(world: &World) -> u64 {
    world.trading.metrics().order_commits.get()
}

/// Somebody with an account.
async fn customer(world: &World) -> Trader {
    let trader = world.trader();
    trader.cash().await;
    trader
}

async fn customers<const N: usize>(world: &World) -> [Trader; N] {
    let mut customers = Vec::new();
    for _ in 0..N {
        customers.push(customer(world).await);
    }
    customers.try_into().ok().unwrap()
}

async fn poll_once(future: Pin<&mut impl Future>) {
    let mut future = future;
    poll_fn(|cx| {
        assert!(future.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
}

/// A process with so many connections and one transaction of placements at a time.
async fn small(world: &World, connections: u32, reserved: u32) -> World {
    let config = DbConfig {
        acquire_timeout: Duration::from_secs(30),
        tenant_connections: Some(connections),
        reserved_connections: reserved,
        ..DbConfig::new(world.test.app_url()).with_max_connections(connections)
    };
    let db = Db::connect(&config, world.sources.clone()).await.unwrap();
    world.with_db(db)
}

#[tokio::test]
async fn an_order_that_comes_alone_has_a_commit_of_its_own() {
    let world = World::new().await;
    let trader = customer(&world).await;
    world.quote("10.00", "10.01", "1000");

    for _ in 0..5 {
        trader.place(&buy("1")).await;
    }

    assert_eq!(commits(&world), 5);
}

#[tokio::test]
async fn orders_of_several_accounts_and_tenants_share_a_commit_and_nothing_else() {
    let world = World::new().await;
    let abroad = world.other_tenant().await;
    world.quote("10.00", "10.01", "1000");
    let home: [Trader; 3] = customers(&world).await;
    let away: [Trader; 2] = customers(&abroad).await;
    let everybody: Vec<&Trader> = home.iter().chain(&away).collect();

    let sends = everybody.iter().map(|trader| send(trader, "key", buy("2")));
    let placed = at_once(sends.collect()).await;

    assert_eq!(commits(&world), 1);
    for (trader, placed) in everybody.iter().zip(placed) {
        let Ok(Placed::New(outcome)) = placed else {
            panic!("{placed:?}");
        };
        assert_eq!(outcome.order.status, OrderStatus::Filled);
        assert_eq!(outcome.buying_power.to_string(), "9979.98");
        assert_eq!(trader.order(outcome.order.id).await, outcome.order);
        assert_eq!(trader.cash().await.0, "9979.98");
        let [event] = &trader.world.events(outcome.order.id).await[..] else {
            panic!("one event");
        };
        assert_eq!(event.actor_id, trader.principal.id());
        let again = trader.send("key", &buy("2")).await;
        assert!(matches!(again, Ok(Placed::Replayed(replayed)) if replayed == outcome));
    }
    assert_eq!(world.count("trading.orders").await, 3);
    assert_eq!(abroad.count("trading.orders").await, 2);
    world.sound().await;
    abroad.sound().await;
}

#[tokio::test]
async fn the_orders_of_one_account_see_what_those_before_them_left() {
    let world = World::new().await;
    let trader = customer(&world).await;
    world.quote("10.00", "10.00", "1000000");

    let sends = (0..40).map(|number| {
        let ticket = if number % 4 == 3 { sell("50") } else { buy("100") };
        send(&trader, &format!("key-{number}"), ticket)
    });
    let placed = at_once(sends.collect()).await;

    assert_eq!(commits(&world), 1);
    // 10,000.00 buys 1,000 shares; every fourth order gives 500.00 back.
    let rejected = placed.iter().filter(|placed| {
        let order = &placed.as_ref().unwrap().outcome().order;
        order.status == OrderStatus::Rejected
    });
    let rejected = rejected.count();
    assert!((1..30).contains(&rejected), "{rejected} rejected");
    world.sound().await;
    let seqs: Vec<(i64,)> = world.rows("select seq from trading.event order by seq").await;
    let expected: Vec<(i64,)> = (1..).map(|seq| (seq,)).take(seqs.len()).collect();
    assert_eq!(seqs, expected, "without a gap");
}

#[tokio::test]
async fn each_order_gets_its_own_answer_whatever_becomes_of_the_others() {
    let world = World::new().await;
    world.quote("10.00", "10.01", "1000");
    let [poor, repeating, naming, suspended, plain] = customers(&world).await;
    let before = repeating.send("old", &buy("1")).await.unwrap();
    let named = naming.place(&buy("1").named("mine")).await.order.id;
    let account = world.trading.account(&suspended.ctx()).await.unwrap().id;
    world
        .by_hand(format!(
            "update trading.account set status = 'suspended' where id = '{account}'"
        ))
        .await;
    let newcomer = world.trader();
    let commits_before = commits(&world);

    let answers = at_once(vec![
        send(&poor, "a", buy("5000")),
        send(&repeating, "old", buy("1")),
        send(&repeating, "old", buy("2")),
        send(&naming, "b", buy("1").named("mine")),
        send(&naming, "c", buy("2").named("mine")),
        send(&suspended, "d", buy("1")),
        send(&plain, "e", buy("1")),
        send(&plain, "e", buy("1")),
        send(&plain, "e", buy("3")),
        send(&newcomer, "f", buy("1")),
    ])
    .await;

    let [
        rejected,
        repeated,
        reused,
        existing,
        taken,
        refused,
        first,
        second,
        other,
        new,
    ] = <[Outcome; 10]>::try_from(answers).ok().unwrap();
    assert_eq!(rejected.unwrap().outcome().order.status, OrderStatus::Rejected);
    assert_eq!(repeated.unwrap().outcome(), before.outcome());
    assert!(matches!(reused, Err(PlaceError::KeyReused)), "{reused:?}");
    assert!(matches!(&existing, Ok(Placed::Existing(outcome)) if outcome.order.id == named));
    assert!(matches!(taken, Err(PlaceError::ClientOrderIdTaken)), "{taken:?}");
    assert!(matches!(refused, Err(PlaceError::AccountInactive)), "{refused:?}");
    let (first, second) = (first.unwrap(), second.unwrap());
    assert!(matches!(&first, Placed::New(_)));
    assert_eq!(second, Placed::Replayed(first.outcome().clone()));
    assert!(matches!(other, Err(PlaceError::KeyReused)), "{other:?}");
    assert_eq!(new.unwrap().outcome().order.status, OrderStatus::Filled);
    assert_eq!(
        commits(&world) - commits_before,
        2,
        "the account of the newcomer had to be opened"
    );
    world.sound().await;
}

#[tokio::test]
async fn an_order_that_the_database_refuses_does_not_fail_those_it_waited_with() {
    let world = World::own().await;
    world.quote("10.00", "10.01", "1000");
    let people: [Trader; 8] = customers(&world).await;
    world
        .by_hand(
            "alter table trading.orders add constraint refused check (quantity_e6 <> 13000000) not valid"
                .into(),
        )
        .await;

    let tickets = (0..8).map(|number| if number == 3 { buy("13") } else { buy("1") });
    let sends = people
        .iter()
        .zip(tickets)
        .map(|(trader, ticket)| send(trader, "key", ticket));
    let placed = at_once(sends.collect()).await;

    for (number, placed) in placed.iter().enumerate() {
        assert_eq!(placed.is_err(), number == 3, "{placed:?}");
    }
    assert_eq!(world.count("trading.orders").await, 7);
    let offered = world.board.latest(crate::support::aapl()).unwrap();
    assert_eq!(offered.ask_size.to_string(), "1000");
    let rest = people[0].place(&buy("993").limit("10.01").until("ioc")).await;
    assert_eq!(
        rest.order.filled_quantity.to_string(),
        "993",
        "what was set aside for them the first time went back"
    );
    world.sound().await;
}

#[tokio::test]
async fn an_account_that_somebody_has_locked_holds_up_nobody_else() {
    let world = World::own().await;
    world.quote("10.00", "10.01", "1000");
    let [locked, free] = customers(&world).await;
    let account = world.trading.account(&locked.ctx()).await.unwrap().id;
    let mut blocker = world.db.begin(&world.system()).await.unwrap();
    sqlx::query("select from trading.account where id = $1 for update")
        .bind(account)
        .execute(&mut blocker)
        .await
        .unwrap();

    let (ticket, key) = (buy("1"), "key");
    let mut waiting = Box::pin(locked.send(key, &ticket));
    poll_once(waiting.as_mut()).await;
    let placed = free.send(key, &ticket).await.unwrap();

    assert!(matches!(placed, Placed::New(_)));
    poll_once(waiting.as_mut()).await;
    blocker.rollback().await.unwrap();
    assert!(matches!(waiting.await, Ok(Placed::New(_))));
    world.sound().await;
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_nobody_along() {
    let world = small(&World::own().await, 2, 0).await;
    world.quote("10.00", "10.01", "1000");
    let [early, late, staying] = customers(&world).await;
    let blockers = [
        world.db.begin(&world.system()).await.unwrap(),
        world.db.begin(&world.system()).await.unwrap(),
    ];
    let ticket = buy("1");
    let mut never_taken = Box::pin(early.send("key", &ticket));
    poll_once(never_taken.as_mut()).await;
    drop(never_taken);
    let (mut gone, mut stays) = (
        Box::pin(late.send("key", &ticket)),
        Box::pin(staying.send("key", &ticket)),
    );
    poll_once(gone.as_mut()).await;
    poll_once(stays.as_mut()).await;
    // The one that places them takes both and waits for a connection.
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    drop(gone);

    for blocker in blockers {
        blocker.rollback().await.unwrap();
    }
    assert!(matches!(stays.await, Ok(Placed::New(_))));

    assert_eq!(world.count("trading.orders").await, 2);
    assert!(
        matches!(early.send("key", &ticket).await, Ok(Placed::New(_))),
        "nobody had taken it"
    );
    assert!(
        matches!(late.send("key", &ticket).await, Ok(Placed::Replayed(_))),
        "it went on without its caller"
    );
    world.sound().await;
}

#[tokio::test]
async fn more_orders_than_may_wait_are_told_to_come_again() {
    let world = World::new().await.with_config(TradingConfig {
        waiting_orders_max: 2,
        ..TradingConfig::default()
    });
    let abroad = world.other_tenant().await;
    world.quote("10.00", "10.01", "1000");
    let (much, little) = (customer(&world).await, customer(&abroad).await);

    let placed = at_once(vec![
        send(&much, "a", buy("1")),
        send(&much, "b", buy("1")),
        send(&much, "c", buy("1")),
        send(&little, "d", buy("1")),
    ])
    .await;

    assert!(placed[0].is_ok() && placed[1].is_ok());
    assert!(
        matches!(placed[2], Err(PlaceError::Trading(TradingError::Busy))),
        "{:?}",
        placed[2]
    );
    assert!(placed[3].is_ok(), "another tenant is not concerned");
    assert!(matches!(much.send("c", &buy("1")).await, Ok(Placed::New(_))));
    world.sound().await;
}

#[tokio::test]
async fn with_no_connection_for_requests_orders_are_placed_and_filled_on_the_one_that_is_set_aside() {
    let world = small(&World::own().await, 3, 1).await;
    world.quote("10.00", "10.01", "1000");
    let trader = customer(&world).await;
    let resting = trader.place(&buy("10").limit("9.00")).await.order.id;
    let blockers = [
        world.db.begin(&world.system()).await.unwrap(),
        world.db.begin(&world.system()).await.unwrap(),
    ];

    world.quote("8.99", "9.00", "1000");
    assert_eq!(world.match_aapl().await, 1);
    let placed = trader.send("key", &buy("1")).await.unwrap();

    assert!(matches!(placed, Placed::New(_)));
    tokio::time::pause();
    let refused = world.db.begin(&world.system()).await;
    tokio::time::resume();
    assert!(matches!(refused, Err(DbError::Timeout(_))), "{refused:?}");
    for blocker in blockers {
        blocker.rollback().await.unwrap();
    }
    assert_eq!(trader.order(resting).await.status, OrderStatus::Filled);
    world.sound().await;
}

/// The commit reaches the database and its answer reaches nobody.
#[tokio::test]
async fn everybody_whose_order_was_in_a_commit_without_an_answer_learns_the_outcome_by_the_same_key() {
    let home = World::own().await;
    home.quote("10.00", "10.01", "1000");
    let people: [Trader; 6] = customers(&home).await;
    let line = CutLine::to(&home.test.app_url()).await;
    let config = DbConfig::new(line.url()).with_max_connections(2);
    let db = Db::connect(&config, home.sources.clone()).await.unwrap();
    let world = home.with_db(db);
    let people = people.map(|trader| trader.at(&world));
    let sends = || {
        people
            .iter()
            .map(|trader| send(trader, "key", buy("3")))
            .collect()
    };

    line.cut_after_commit();
    let lost = at_once(sends()).await;
    let again = at_once(sends()).await;

    for (lost, again) in lost.iter().zip(&again) {
        assert!(
            matches!(
                lost,
                Err(PlaceError::Trading(TradingError::Db(DbError::Unavailable(_))))
            ),
            "{lost:?}"
        );
        assert!(matches!(again, Ok(Placed::Replayed(_))), "{again:?}");
    }
    assert_eq!(world.count("trading.orders").await, 6);
    let left = people[0]
        .place(&buy("982").limit("10.01").until("ioc"))
        .await
        .order;
    assert_eq!(
        left.filled_quantity.to_string(),
        "982",
        "18 of 1,000 were traded, once"
    );
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_share_few_commits() {
    const CLIENTS: usize = 64;
    const ORDERS: usize = 15;
    let world = World::own().await;
    world.quote("10.00", "10.01", "1000000");
    let mut people = Vec::new();
    for number in 0..CLIENTS {
        let tenant = if number % 16 == 0 {
            world.other_tenant().await
        } else {
            world.clone()
        };
        people.push(customer(&tenant).await);
    }

    let clients = people.into_iter().map(|trader| {
        tokio::spawn(async move {
            for _ in 0..ORDERS {
                assert!(matches!(trader.try_place(&buy("1")).await, Ok(Placed::New(_))));
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }

    let orders = u64::try_from(CLIENTS * ORDERS).unwrap();
    assert!(
        commits(&world) * 10 < orders,
        "{} commits of {orders} orders",
        commits(&world)
    );
    world.sound().await;
}

/// Everything that locks accounts at once, some of it many at a time and some one by one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_placed_and_filled_together_and_alone_never_deadlock() {
    let world = World::own().await;
    let people: Arc<[Trader; 6]> = Arc::new(customers(&world).await);
    world.quote("10.00", "10.01", "100000");
    // A second process, which places by itself.
    let other = small(&world, 6, 0).await;
    let mut tasks = Vec::new();
    for lane in 0..18 {
        let trader = match lane % 3 {
            0 => people[lane % 6].at(&other),
            _ => people[lane % 6].clone(),
        };
        tasks.push(tokio::spawn(async move {
            for round in 0..8 {
                let price = if (lane + round) % 2 == 0 { "9.00" } else { "10.50" };
                let placed = trader.place(&buy("3").limit(price)).await;
                // It may have been filled.
                let _ = trader.world.trading.cancel(&trader.ctx(), placed.order.id).await;
            }
        }));
    }
    for matching in [world.clone(), other.clone()] {
        tasks.push(tokio::spawn(async move {
            for _ in 0..20 {
                matching.quote("8.99", "9.00", "50");
                matching.match_aapl().await;
                matching.quote("10.00", "10.01", "100000");
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }

    world.sound().await;
    let deadlocks: Vec<(i64,)> = world
        .rows("select deadlocks from pg_stat_database where datname = current_database()")
        .await;
    assert_eq!(deadlocks, [(0,)]);
}
