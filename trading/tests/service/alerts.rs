//! Alerts: fired once, by the first quote at their price or beyond.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::http::app::{App, text};
use crate::support::{Trader, With as _, World, aapl, buy, symbol};
use platform_core::{Random, SeededRandom};
use tokio::sync::broadcast::error::TryRecvError;
use tokio_util::sync::CancellationToken;
use trading::{
    ALERTS_MAX, Alert, AlertDirection, AlertError, AlertFilter, AlertId, AlertWorker, LedMatchingWorker,
    NewAlert, Price,
};

fn new(direction: AlertDirection, price: &str) -> NewAlert {
    NewAlert {
        symbol: aapl(),
        direction,
        price: price.parse().unwrap(),
    }
}

async fn create(trader: &Trader, direction: AlertDirection, price: &str) -> AlertId {
    trader.world.tick();
    let created = trader
        .world
        .trading
        .create_alert(&trader.ctx(), new(direction, price))
        .await;
    created.unwrap().id
}

async fn list(trader: &Trader, filter: AlertFilter) -> Vec<Alert> {
    trader
        .world
        .trading
        .alerts(&trader.ctx(), filter, (None, 200))
        .await
        .unwrap()
}

async fn fired(trader: &Trader) -> BTreeMap<AlertId, Price> {
    let alerts = list(trader, AlertFilter::Fired).await;
    alerts
        .iter()
        .map(|alert| (alert.id, alert.fired_price.unwrap()))
        .collect()
}

/// A new price of AAPL, which the worker meets.
async fn meet(world: &World, price: &str) -> u64 {
    world.quote(price, price, "100");
    AlertWorker::new(&world.trading)
        .meet(&world.board.all())
        .await
        .unwrap()
}

#[tokio::test]
async fn an_alert_fires_at_its_price_and_beyond_and_never_again() {
    let world = World::new().await;
    let trader = world.trader();
    meet(&world, "10.00").await;
    let above = create(&trader, AlertDirection::Above, "10.50").await;
    let below = create(&trader, AlertDirection::Below, "9.50").await;
    let mut told = world.trading.fired_alerts();

    assert_eq!(meet(&world, "10.49").await, 0);
    assert_eq!(meet(&world, "9.51").await, 0);
    assert_eq!(meet(&world, "10.50").await, 1);
    assert_eq!(meet(&world, "11.00").await, 0);
    assert_eq!(meet(&world, "9.00").await, 1);
    assert_eq!(meet(&world, "11.00").await, 0);

    let expected = [(above, "10.50"), (below, "9.00")].map(|(id, price)| (id, price.parse().unwrap()));
    assert_eq!(fired(&trader).await, BTreeMap::from(expected));
    assert_eq!(list(&trader, AlertFilter::Active).await, []);
    let first = told.try_recv().unwrap();
    assert_eq!(
        (first.tenant, Some(first.owner)),
        (world.tenant, trader.principal.id())
    );
    assert_eq!(first.alert, list(&trader, AlertFilter::All).await[1]);
    assert_eq!(told.try_recv().unwrap().alert.id, below);
    assert_eq!(told.try_recv(), Err(TryRecvError::Empty));
    let events = world.events_of("alert", &above.to_string()).await;
    let actions: Vec<_> = events.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(actions, ["alert.create", "alert.fire"]);
}

#[tokio::test]
async fn the_quote_from_before_an_alert_does_not_fire_it_and_the_next_one_does() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.00", "100");
    create(&trader, AlertDirection::Above, "5.00").await;

    let worker = AlertWorker::new(&world.trading);
    assert_eq!(worker.meet(&world.board.all()).await.unwrap(), 0);
    assert_eq!(meet(&world, "10.00").await, 1);
}

#[tokio::test]
async fn who_stands_by_fires_nothing() {
    let world = World::new().await;
    let trader = world.trader();
    meet(&world, "10.00").await;
    let above = create(&trader, AlertDirection::Above, "10.50").await;
    // It has not begun to lead.
    let _leads = LedMatchingWorker::new(&world.trading);

    assert_eq!(meet(&world, "10.50").await, 0);

    assert_eq!(fired(&trader).await, BTreeMap::new());
    assert_eq!(
        list(&trader, AlertFilter::Active)
            .await
            .iter()
            .map(|alert| alert.id)
            .collect::<Vec<_>>(),
        [above]
    );
}

/// T14-21: what was made before a restart fires after it, and what had fired does not again.
#[tokio::test]
async fn alerts_survive_a_restart() {
    let world = World::new().await;
    let trader = world.trader();
    meet(&world, "10.00").await;
    let before = create(&trader, AlertDirection::Above, "11.00").await;
    let after = create(&trader, AlertDirection::Above, "12.00").await;
    assert_eq!(meet(&world, "11.00").await, 1);

    let next = world.restarted();
    let worker = AlertWorker::new(&next.trading);
    next.quote("11.50", "11.50", "100");
    worker.load_tenant(world.tenant).await.unwrap();
    assert_eq!(worker.meet(&next.board.all()).await.unwrap(), 0);
    assert_eq!(meet(&next, "12.00").await, 1);

    let told = fired(&trader.at(&next)).await;
    let expected = [(before, "11.00"), (after, "12.00")].map(|(id, price)| (id, price.parse().unwrap()));
    assert_eq!(told, BTreeMap::from(expected));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_workers_one_fires_each_alert() {
    let world = World::new().await;
    let traders: Vec<_> = (0..4).map(|_| world.trader()).collect();
    world.quote("10.00", "10.00", "100");
    for trader in &traders {
        for n in 0..10 {
            create(trader, AlertDirection::Above, &format!("11.{n:02}")).await;
        }
    }
    let others: Vec<_> = (0..3).map(|_| world.restarted()).collect();
    let mut told: Vec<_> = others.iter().map(|other| other.trading.fired_alerts()).collect();
    for other in &others {
        AlertWorker::new(&other.trading)
            .load_tenant(world.tenant)
            .await
            .unwrap();
    }
    world.quote("12.00", "12.00", "100");

    let tasks: Vec<_> = others
        .iter()
        .map(|other| {
            let (worker, quotes) = (AlertWorker::new(&other.trading), other.board.all());
            tokio::spawn(async move { worker.meet(&quotes).await.unwrap() })
        })
        .collect();
    let mut sum = 0;
    for task in tasks {
        sum += task.await.unwrap();
    }

    assert_eq!(sum, 40);
    let mut ids = BTreeSet::new();
    for receiver in &mut told {
        while let Ok(fired) = receiver.try_recv() {
            assert!(ids.insert(fired.alert.id), "told twice");
        }
    }
    assert_eq!(ids.len(), 40);
    let events: Vec<(i64,)> = world
        .rows("select count(*) from platform_audit.event where action = 'alert.fire'")
        .await;
    assert_eq!(events, [(40,)]);
}

#[tokio::test]
async fn a_deleted_alert_does_not_fire_though_another_process_still_knows_it() {
    let world = World::new().await;
    let trader = world.trader();
    world.quote("10.00", "10.00", "100");
    let deleted = create(&trader, AlertDirection::Above, "11.00").await;
    let other = world.restarted();
    AlertWorker::new(&other.trading)
        .load_tenant(world.tenant)
        .await
        .unwrap();

    world.trading.delete_alert(&trader.ctx(), deleted).await.unwrap();

    assert_eq!(meet(&other, "11.00").await, 0);
    assert_eq!(meet(&world, "11.00").await, 0);
    assert_eq!(list(&trader, AlertFilter::All).await, []);
    let again = world.trading.delete_alert(&trader.ctx(), deleted).await;
    assert!(matches!(again, Err(AlertError::NotFound)), "{again:?}");
}

/// I22: fired if and only if some quote that was processed crossed, on the first that did, at most once.
#[tokio::test]
async fn random_alerts_fire_as_a_slow_reference_says() {
    let everybody = World::new().await;
    for seed in 0..20 {
        // Who restarts reads the alerts of all customers, also those that an earlier round has left.
        let world = everybody.other_tenant().await;
        let random = SeededRandom::new(seed);
        let draw = |end: u32| {
            let mut bytes = [0; 4];
            random.fill(&mut bytes);
            u32::from_le_bytes(bytes) % end
        };
        let price = || Price::from_e4(i64::from(90_000 + draw(200) * 100)).unwrap();
        let trader = world.trader();
        let mut active: Vec<Alert> = Vec::new();
        let mut expected: BTreeMap<AlertId, Price> = BTreeMap::new();
        let mut process = world.restarted();
        for _ in 0..60 {
            match draw(10) {
                0..4 if active.len() < 90 => {
                    let direction =
                        [AlertDirection::Above, AlertDirection::Below][usize::try_from(draw(2)).unwrap()];
                    let new = NewAlert {
                        symbol: aapl(),
                        direction,
                        price: price(),
                    };
                    world.tick();
                    active.push(process.trading.create_alert(&trader.ctx(), new).await.unwrap());
                }
                4 => {
                    process = world.restarted();
                    AlertWorker::new(&process.trading)
                        .load_tenant(world.tenant)
                        .await
                        .unwrap();
                }
                5 if !active.is_empty() => {
                    let alert =
                        active.remove(usize::try_from(draw(u32::try_from(active.len()).unwrap())).unwrap());
                    process
                        .trading
                        .delete_alert(&trader.ctx(), alert.id)
                        .await
                        .unwrap();
                }
                _ => {
                    let last = price();
                    let (crossed, rest) = active.into_iter().partition(|alert| match alert.direction {
                        AlertDirection::Above => last >= alert.price,
                        AlertDirection::Below => last <= alert.price,
                    });
                    active = rest;
                    let crossed: Vec<Alert> = crossed;
                    expected.extend(crossed.iter().map(|alert| (alert.id, last)));
                    let count = u64::try_from(crossed.len()).unwrap();
                    assert_eq!(meet(&process, &last.to_string()).await, count);
                }
            }
            assert_eq!(fired(&trader).await, expected, "seed {seed}");
        }
    }
}

#[tokio::test]
async fn there_is_a_limit_of_alerts_that_have_not_fired() {
    let world = World::new().await;
    let trader = world.trader();
    meet(&world, "10.00").await;
    for _ in 0..ALERTS_MAX {
        create(&trader, AlertDirection::Above, "11.00").await;
    }

    let one_more = world
        .trading
        .create_alert(&trader.ctx(), new(AlertDirection::Above, "11.00"))
        .await;
    assert!(matches!(one_more, Err(AlertError::TooMany)), "{one_more:?}");

    assert_eq!(meet(&world, "11.00").await, u64::try_from(ALERTS_MAX).unwrap());
    create(&trader, AlertDirection::Above, "12.00").await;
    let unknown = NewAlert {
        symbol: symbol("NOPE"),
        ..new(AlertDirection::Above, "1.00")
    };
    let refused = world.trading.create_alert(&trader.ctx(), unknown).await;
    assert!(
        matches!(refused, Err(AlertError::UnknownSymbol(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn the_worker_loads_what_was_there_fires_what_comes_and_stops() {
    let world = World::own().await;
    let trader = world.trader();
    world.quote("10.00", "10.00", "100");
    create(&trader, AlertDirection::Above, "11.00").await;
    let next = world.restarted();
    let trader = trader.at(&next);
    let mut told = next.trading.fired_alerts();
    let stop = CancellationToken::new();
    let running = tokio::spawn(AlertWorker::new(&next.trading).run(stop.clone()));
    let limit = Duration::from_secs(20);

    next.quote("11.00", "11.00", "100");
    tokio::time::timeout(limit, told.recv()).await.unwrap().unwrap();
    let later = create(&trader, AlertDirection::Below, "10.50").await;
    next.quote("10.00", "10.00", "100");
    let second = tokio::time::timeout(limit, told.recv()).await.unwrap().unwrap();
    assert_eq!(second.alert.id, later);

    stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_routes_show_alerts_to_their_owner_alone() {
    let app = App::new().await;
    let body = r#"{"symbol":"AAPL","direction":"above","price":"11.00"}"#;
    let created = app.post("alice", "/api/v1/alerts", body).await;
    assert_eq!(created.status.as_u16(), 201);
    let id = text(&created.ok()["id"]);
    assert!(created.ok()["fired_at"].is_null());
    meet(&app.world, "11.25").await;

    let list = app.get("alice", "/api/v1/alerts?status=fired").await.ok();
    assert_eq!(list["data"][0]["id"], id);
    assert_eq!(list["data"][0]["fired_price"], "11.25");
    assert_eq!(
        app.get("alice", "/api/v1/alerts?status=active").await.ok()["data"],
        serde_json::json!([])
    );
    for who in ["bob", "carol"] {
        let deleted = app.delete(who, &format!("/api/v1/alerts/{id}")).await;
        assert_eq!(deleted.problem(), (404, "not_found".to_owned()));
        app.get(who, "/api/v1/account").await.ok();
        let deleted = app.delete(who, &format!("/api/v1/alerts/{id}")).await;
        assert_eq!(deleted.problem(), (404, "not_found".to_owned()));
        assert_eq!(
            app.get(who, "/api/v1/alerts").await.ok()["data"],
            serde_json::json!([])
        );
    }
    for (body, code) in [
        (
            r#"{"symbol":"NOPE","direction":"above","price":"11.00"}"#,
            "unknown_symbol",
        ),
        (
            r#"{"symbol":"AAPL","direction":"sideways","price":"11.00"}"#,
            "invalid_body",
        ),
        (
            r#"{"symbol":"AAPL","direction":"above","price":"0"}"#,
            "invalid_body",
        ),
        (
            r#"{"symbol":"AAPL","direction":"above","price":"1.00001"}"#,
            "invalid_body",
        ),
    ] {
        let answer = app.post("alice", "/api/v1/alerts", body).await;
        assert_eq!(answer.problem(), (422, code.to_owned()), "{body}");
    }
    let answer = app.get("alice", "/api/v1/alerts?status=loud").await;
    assert_eq!(answer.problem(), (422, "invalid_status".to_owned()));
    let deleted = app.delete("alice", &format!("/api/v1/alerts/{id}")).await;
    assert_eq!(deleted.status.as_u16(), 204);
}

/// The log of an account has an alert in its place and once, whoever else changes the account at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn alerts_that_fire_while_their_account_trades_are_logged_without_a_gap() {
    let world = World::own().await;
    let trader = world.trader();
    world.quote("10.00", "10.00", "1000000");
    let mut doomed = Vec::new();
    for n in 0..40 {
        let id = create(&trader, AlertDirection::Above, &format!("11.{n:02}")).await;
        doomed.extend((n % 4 == 0).then_some(id));
    }
    let other = world.restarted();
    AlertWorker::new(&other.trading)
        .load_tenant(world.tenant)
        .await
        .unwrap();

    let trading = {
        let trader = trader.clone();
        tokio::spawn(async move {
            for _ in 0..30 {
                trader.place(&buy("1").limit("1.00")).await;
            }
        })
    };
    let deleting = {
        let trader = trader.clone();
        tokio::spawn(async move {
            for id in doomed {
                let trading = &trader.world.trading;
                trading.delete_alert(&trader.ctx(), id).await.unwrap();
            }
        })
    };
    let mut tasks = vec![trading, deleting];
    for world in [world.clone(), other] {
        tasks.push(tokio::spawn(async move {
            for cents in 0..40 {
                meet(&world, &format!("11.{cents:02}")).await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }

    let logged: Vec<(i64, i64, i64)> = world
        .rows("select count(*), count(distinct payload ->> 'alert_id'), max(a.event_seq) from trading.event e
               join trading.account a on a.tenant_id = e.tenant_id and a.id = e.account_id where e.kind = 'alert_fired'")
        .await;
    let fires: Vec<(i64,)> = world
        .rows("select count(*) from platform_audit.event where action = 'alert.fire'")
        .await;
    let (count, distinct, newest) = logged[0];
    assert!((30..=40).contains(&count), "{count}");
    assert_eq!((distinct, fires[0].0), (count, count));
    // The account was opened, and each of the orders accepted.
    assert_eq!(newest, 1 + 30 + count);
    assert_eq!(world.count("trading.event").await, newest);
    world.sound().await;
}
