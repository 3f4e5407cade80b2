//! Several instances of one market: each displayed share is sold once.

use std::time::Duration;

use crate::leading::quote_all;
use crate::races::both;
use crate::support::{Trader, With, World, buy, change_to, sell};
use platform_core::testing::TestDb;
use sqlx::{Connection as _, PgConnection};
use trading::{
    BoardConfig, Instrument, Liquidity, OrderStatus, PlaceError, QuoteBoard, QuoteSource, Reason, Ticket,
    TradingConfig, TradingError,
};

fn shared() -> TradingConfig {
    TradingConfig {
        shared_market: true,
        ..TradingConfig::default()
    }
}

/// Two instances of one market.
async fn two() -> (World, World) {
    let world = World::own().await;
    (world.instance(shared()), world.instance(shared()))
}

fn quote(instances: &(World, World), bid: &str, ask: &str, size: &str) {
    quote_all(&[&instances.0, &instances.1], "AAPL", (bid, ask, size));
}

/// Somebody who has an account.
async fn customer(world: &World) -> Trader {
    let trader = world.trader();
    trader.cash().await;
    trader
}

async fn connect(world: &World) -> PgConnection {
    PgConnection::connect(&world.test.superuser_url()).await.unwrap()
}

/// What was bought of each quote of a symbol, in millionths of a share.
async fn bought(world: &World) -> Vec<(i64, i64)> {
    let sql = "select quote_seq, sum(quantity_e6)::bigint from trading.execution where side = 'buy' group by 1 order by 1";
    sqlx::query_as(sql)
        .fetch_all(&mut connect(world).await)
        .await
        .unwrap()
}

async fn bought_in_all(world: &World) -> i64 {
    bought(world).await.iter().map(|(_, shares)| shares).sum()
}

/// What the database says is sold: the asks of the newest quotes.
async fn taken(world: &World) -> Vec<(String, i64)> {
    let sql = "select symbol, ask_taken_e6 from trading.displayed where quote_seq > 0 order by symbol";
    sqlx::query_as(sql)
        .fetch_all(&mut connect(world).await)
        .await
        .unwrap()
}

async fn deadlocks(test: &TestDb) -> i64 {
    let mut connection = PgConnection::connect(&test.superuser_url()).await.unwrap();
    sqlx::query_scalar("select deadlocks from pg_stat_database where datname = current_database()")
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

/// Both try all resting orders, as when one has not noticed yet that it leads no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_matchers_at_once_sell_a_displayed_size_once() {
    let instances = two().await;
    for size in [0, 7, 30, 55, 120] {
        quote(&instances, "10.00", "10.01", "1");
        let mut orders = Vec::new();
        for _ in 0..12 {
            let trader = customer(&instances.0).await;
            let id = trader.place(&buy("10").limit("9.00")).await.order.id;
            orders.push((trader, id));
        }
        for world in [&instances.0, &instances.1] {
            world.matcher.load().await.unwrap();
        }
        let before = bought_in_all(&instances.0).await;
        quote(&instances, "8.99", "9.00", &size.to_string());

        let (one, other) = instances.clone();
        both(async move { one.match_aapl().await }, async move {
            other.match_aapl().await
        })
        .await;

        let sold = bought_in_all(&instances.0).await - before;
        assert_eq!(sold, size.min(120) * 1_000_000, "of {size}");
        for (trader, id) in orders {
            trader
                .at(&instances.1)
                .world
                .trading
                .cancel(&trader.ctx(), id)
                .await
                .ok();
        }
    }
    instances.0.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn orders_that_are_placed_on_two_instances_at_once_share_a_displayed_size() {
    let instances = two().await;
    let mut traders = Vec::new();
    for number in 0..12 {
        let at = if number % 2 == 0 {
            &instances.0
        } else {
            &instances.1
        };
        traders.push(customer(at).await);
    }
    for (round, size) in [1_i64, 2, 5, 13, 21, 40, 59, 60, 61, 500].into_iter().enumerate() {
        quote(&instances, "10.00", "10.00", &size.to_string());
        let before = bought_in_all(&instances.0).await;

        let placing: Vec<_> = traders
            .iter()
            .cloned()
            .map(|trader| {
                // Some that rest with what they do not get, and some that do not.
                let ticket = match round % 3 {
                    0 => buy("5").until("ioc"),
                    1 => buy("5").limit("10.00"),
                    _ => buy("5").until("fok"),
                };
                tokio::spawn(async move { trader.place(&ticket).await.order })
            })
            .collect();
        for placed in placing {
            placed.await.unwrap();
        }

        let sold = bought_in_all(&instances.0).await - before;
        let most = match round % 3 {
            2 => size - size % 5,
            _ => size,
        };
        assert_eq!(sold, most.min(60) * 1_000_000, "of {size}");
        let cancelled = instances
            .0
            .trading
            .cancel_all(&traders[0].ctx(), None)
            .await
            .unwrap();
        assert!(!cancelled.more);
        for trader in &traders {
            trader
                .world
                .trading
                .cancel_all(&trader.ctx(), None)
                .await
                .unwrap();
        }
    }
    instances.0.sound().await;
}

#[tokio::test]
async fn what_placing_changing_and_matching_take_on_one_instance_is_gone_on_the_other() {
    let instances = two().await;
    let (here, there) = (customer(&instances.0).await, customer(&instances.1).await);
    quote(&instances, "10.00", "10.01", "100");
    let changed = here.place(&buy("30").limit("9.00")).await.order.id;
    let matched = here.place(&buy("30").limit("9.50")).await.order.id;
    quote(&instances, "9.49", "9.50", "100");

    here.place(&buy("20")).await;
    assert_eq!(instances.0.match_aapl().await, 1);
    here.replace(
        changed,
        &trading::ReplaceTicket {
            limit_price: Some("9.50".into()),
            ..change_to("25")
        },
    )
    .await
    .unwrap();
    let last = there.place(&buy("40").until("ioc")).await.order;

    assert_eq!(here.order(matched).await.status, OrderStatus::Filled);
    assert_eq!(here.order(changed).await.status, OrderStatus::Filled);
    assert_eq!(
        last.filled_quantity.to_string(),
        "25",
        "of 100 less 20, 30 and 25"
    );
    assert_eq!(last.reason, Some(Reason::IocRemainder));
    assert_eq!(taken(&instances.0).await, [("AAPL".to_owned(), 100_000_000)]);
    instances.0.sound().await;
}

#[tokio::test]
async fn bids_and_asks_are_sold_apart_and_a_newer_quote_begins_anew() {
    let instances = two().await;
    let (here, there) = (customer(&instances.0).await, customer(&instances.1).await);
    quote(&instances, "10.00", "10.00", "40");
    here.own_shares("30").await;

    let sold = here.place(&sell("30")).await.order;
    let rest = there.place(&buy("20").until("ioc")).await.order;
    quote(&instances, "10.00", "10.00", "40");
    let anew = there.place(&buy("40")).await.order;

    assert_eq!(sold.status, OrderStatus::Filled);
    assert_eq!(rest.filled_quantity.to_string(), "10");
    assert_eq!(anew.status, OrderStatus::Filled);
    instances.0.sound().await;
}

#[tokio::test]
async fn nothing_is_sold_of_a_quote_that_another_instance_has_seen_replaced() {
    let instances = two().await;
    let (here, late) = (customer(&instances.0).await, customer(&instances.1).await);
    quote(&instances, "10.00", "10.00", "100");
    instances.0.quote("10.00", "10.00", "100");
    here.own_shares("1").await;

    let at_once = late.place(&buy("5").until("ioc")).await.order;
    let all = late.place(&buy("5").until("fok")).await.order;
    let rests = late.place(&buy("5")).await.order;

    assert_eq!(at_once.reason, Some(Reason::IocRemainder));
    assert_eq!(all.reason, Some(Reason::FokUnfilled));
    assert_eq!(rests.status, OrderStatus::Submitted);
    quote(&instances, "10.00", "10.00", "100");
    assert_eq!(instances.1.match_aapl().await, 1);
    assert_eq!(late.order(rests.id).await.status, OrderStatus::Filled);
    instances.0.sound().await;
}

#[tokio::test]
async fn what_was_sold_of_a_quote_from_the_future_keeps_nobody_from_taking_of_those_of_now() {
    let instances = two().await;
    let (here, there) = (customer(&instances.0).await, customer(&instances.1).await);
    quote(&instances, "10.00", "10.00", "10");
    here.place(&buy("4")).await;
    let ahead = "update trading.displayed set quote_seq = (extract(epoch from now() + interval '10 years') * 1000000)::bigint";
    let changed = sqlx::query(ahead).execute(&mut connect(&instances.0).await).await;
    assert!(changed.unwrap().rows_affected() > 0);
    quote(&instances, "10.00", "10.00", "10");

    let order = there.place(&buy("30").until("ioc")).await.order;
    let none = here.place(&buy("1").until("ioc")).await.order;

    assert_eq!(order.filled_quantity.to_string(), "10");
    assert_eq!(none.filled_quantity.to_string(), "0");
    instances.0.sound().await;
}

#[tokio::test]
async fn what_an_order_took_that_was_rolled_back_can_be_had_on_the_other_instance() {
    let instances = two().await;
    let (here, there) = (customer(&instances.0).await, customer(&instances.1).await);
    quote(&instances, "10.00", "10.00", "50");
    let table = "alter table trading.execution";
    let refuse = format!("{table} add constraint refuse check (false) not valid");
    instances.0.by_hand(refuse).await;
    let failed = here.try_place(&buy("50")).await;
    assert!(
        matches!(failed, Err(PlaceError::Trading(TradingError::Db(_)))),
        "{failed:?}"
    );
    instances
        .0
        .by_hand(format!("{table} drop constraint refuse"))
        .await;

    let placed = there.place(&buy("50")).await.order;

    assert_eq!(placed.status, OrderStatus::Filled);
    instances.0.sound().await;
}

#[tokio::test]
async fn who_is_alone_claims_nothing_and_neither_does_a_market_without_end() {
    let alone = World::own().await;
    alone.quote("10.00", "10.00", "1000");
    customer(&alone).await.own_shares("5").await;

    let instrument = Instrument::new(crate::support::aapl(), QuoteSource::Replay);
    let board = BoardConfig {
        liquidity: Liquidity::Unlimited,
        ..BoardConfig::default()
    };
    let endless = alone.over(QuoteBoard::new(vec![instrument], board), shared());
    endless.quote("10.00", "10.00", "1");
    let trader = customer(&endless).await;
    trader.own_shares("5").await;
    let id = trader.place(&buy("5").limit("9.00")).await.order.id;
    endless.quote("8.99", "9.00", "1");
    endless.match_aapl().await;

    assert_eq!(trader.order(id).await.status, OrderStatus::Filled);
    assert_eq!(taken(&alone).await, []);
    let rows: i64 = sqlx::query_scalar("select count(*) from trading.displayed")
        .fetch_one(&mut connect(&alone).await)
        .await
        .unwrap();
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn the_most_eager_order_has_the_first_choice_of_what_is_left_whoever_its_tenant_is() {
    let instances = two().await;
    let abroad = (instances.0.other_tenant().await, &instances.1);
    quote(&instances, "10.00", "10.01", "1");
    let (home, away) = (customer(&instances.0).await, customer(&abroad.0).await);
    // Whichever of the two tenants comes first in the transaction, in one of these rounds it is not the eager one's.
    for eager_at_home in [true, false] {
        let (eager, patient) = if eager_at_home {
            (&home, &away)
        } else {
            (&away, &home)
        };
        let first = eager.place(&buy("10").limit("9.50")).await.order.id;
        let second = patient.place(&buy("10").limit("9.00")).await.order.id;
        quote(&instances, "8.99", "9.00", "15");
        // The other instance sells some of it, of which this one's board knows nothing.
        customer(&instances.1).await.own_shares("5").await;

        instances.0.match_aapl().await;

        assert_eq!(eager.order(first).await.filled_quantity.to_string(), "10");
        assert!(patient.order(second).await.filled_quantity.is_zero());
        patient
            .world
            .trading
            .cancel(&patient.ctx(), second)
            .await
            .unwrap();
        quote(&instances, "10.00", "10.01", "1");
    }
    instances.0.sound().await;
}

/// Orders that share transactions, orders of their own transactions and two matchers, of three symbols and many accounts.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn batches_and_single_orders_on_two_instances_never_deadlock() {
    let instances = two().await;
    let symbols = ["AAPL", "IBM", "MSFT"];
    let before = deadlocks(&instances.0.test).await;
    let mut traders = Vec::new();
    for number in 0..16 {
        let at = if number % 2 == 0 {
            &instances.0
        } else {
            &instances.1
        };
        let trader = customer(at).await;
        traders.push((number, trader.clone()));
        // The same account on the other instance: its lock is often somebody else's.
        let other = if number % 2 == 0 {
            &instances.1
        } else {
            &instances.0
        };
        traders.push((number + 100, trader.at(other)));
    }
    for round in 0..6 {
        for symbol in symbols {
            quote_all(&[&instances.0, &instances.1], symbol, ("10.00", "10.00", "40"));
        }
        let mut tasks = Vec::new();
        for (number, trader) in traders.clone() {
            tasks.push(tokio::spawn(async move {
                for step in 0..3_usize {
                    let symbol = symbols[(number + round + step) % symbols.len()];
                    trade(&trader, symbol, (number + step) % 4).await;
                }
            }));
        }
        for world in [instances.0.clone(), instances.1.clone()] {
            tasks.push(tokio::spawn(async move {
                for symbol in symbols.into_iter().rev() {
                    world.matcher.match_symbol(symbol.parse().unwrap()).await.unwrap();
                }
            }));
        }
        for task in tasks {
            tokio::time::timeout(Duration::from_secs(60), task)
                .await
                .unwrap()
                .unwrap();
        }
    }

    // The server counts them a moment after a session has ended or gone idle.
    let mut connection = connect(&instances.0).await;
    sqlx::query("select pg_stat_force_next_flush()")
        .execute(&mut connection)
        .await
        .unwrap();
    assert_eq!(deadlocks(&instances.0.test).await, before);
    for (_, shares) in bought_by_symbol(&instances.0).await {
        assert!(shares <= 40_000_000, "{shares}");
    }
    instances.0.sound().await;
}

async fn trade(trader: &Trader, symbol: &str, how: usize) {
    let ticket: Ticket = match how {
        0 => buy("1").of(symbol).until("ioc"),
        1 => buy("2").of(symbol),
        2 => buy("1").of(symbol).limit("9.90"),
        _ => sell("1").of(symbol),
    };
    let placed = trader.try_place(&ticket).await.unwrap();
    if how == 2 {
        let limit = crate::support::limit_to("10.00");
        trader.replace(placed.outcome().order.id, &limit).await.ok();
    }
}

async fn bought_by_symbol(world: &World) -> Vec<(i64, i64)> {
    let sql = "select quote_seq, sum(quantity_e6)::bigint from trading.execution
               where side = 'buy' group by symbol, quote_seq";
    sqlx::query_as(sql)
        .fetch_all(&mut connect(world).await)
        .await
        .unwrap()
}
