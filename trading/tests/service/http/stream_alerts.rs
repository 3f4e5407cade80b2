//! Alerts, over the stream.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;
use trading::{ALERTS_MAX, AlertDirection, AlertFilter, AlertId, AlertWorker, NewAlert};

use super::stream::Client;
use super::stream_account::{Served, hear, kinds};
use crate::support::{Trader, World, aapl};

async fn create(trader: &Trader, price: &str) -> AlertId {
    let new = NewAlert {
        symbol: aapl(),
        direction: AlertDirection::Above,
        price: price.parse().unwrap(),
    };
    trader.world.tick();
    let created = trader.world.trading.create_alert(&trader.ctx(), new).await;
    created.unwrap().id
}

/// A new price of AAPL, which a worker of an instance meets; that of the platform may be quicker where one runs.
async fn meet(world: &World, price: &str) {
    world.quote(price, price, "100");
    let worker = AlertWorker::new(&world.trading);
    worker.meet(&world.board.all()).await.unwrap();
}

/// Waits until so many alerts of somebody have fired.
async fn until_fired(trader: &Trader, count: usize) {
    let fire = async {
        while fired(trader).await.len() < count {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(60), fire).await.unwrap();
}

async fn is_quiet(client: &mut Client) -> bool {
    client.ask(r#"{"type":"ping"}"#).await == json!({ "type": "pong" })
}

fn ids(alerts: &[Value]) -> Vec<AlertId> {
    let id = |alert: &Value| serde_json::from_value(alert["payload"]["alert_id"].clone()).unwrap();
    alerts.iter().map(id).collect()
}

async fn fired(trader: &Trader) -> Vec<AlertId> {
    let alerts = trader
        .world
        .trading
        .alerts(&trader.ctx(), AlertFilter::Fired, (None, 200))
        .await
        .unwrap();
    alerts.iter().map(|alert| alert.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fired_alert_reaches_every_stream_of_its_owner_once_and_nobody_elses() {
    let served = Served::new().await;
    meet(&served.world, "10.00").await;
    let alert = create(&served.alice, "10.50").await;
    let ((mut first, seq), (mut second, _)) =
        (served.signed_in("alice").await, served.signed_in("alice").await);
    let (mut bob, _) = served.signed_in("bob").await;
    let mut anonymous = Client::connect(served.address, "/ws").await;

    meet(&served.world, "10.75").await;
    until_fired(&served.alice, 1).await;
    meet(&served.world, "11.00").await;
    let told = hear(&mut first, 1).await;

    assert_eq!(kinds(&told), [(seq + 1, "alert", "alert_fired")]);
    let payload = json!({
        "alert_id": alert, "symbol": "AAPL", "direction": "above", "price": "10.50", "fired_price": "10.75"
    });
    assert_eq!(told[0]["payload"], payload);
    assert!(told[0]["at"].is_string());
    assert_eq!(hear(&mut second, 1).await, told);
    assert_eq!(fired(&served.alice).await, [alert]);
    for client in [&mut first, &mut second, &mut bob, &mut anonymous] {
        assert!(is_quiet(client).await);
    }
    drop((first, second, bob, anonymous));
    served.world.sound().await;
    served.stopped().await;
}

/// Orders and alerts of one account come under one row of numbers, also those that came while nobody was there, and also when what fired
/// has been deleted since.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_resumes_with_the_alerts_that_fired_meanwhile() {
    let served = Served::new().await;
    meet(&served.world, "10.00").await;
    let (kept, deleted) = (
        create(&served.alice, "10.50").await,
        create(&served.alice, "10.60").await,
    );
    let (alice, seq) = served.signed_in("alice").await;
    drop(alice);

    meet(&served.world, "10.70").await;
    until_fired(&served.alice, 2).await;
    served.place_and_cancel(&served.alice).await;
    served
        .world
        .trading
        .delete_alert(&served.alice.ctx(), deleted)
        .await
        .unwrap();
    let (mut alice, now) = served.signed_in("alice").await;
    let resumed = alice
        .ask(&json!({ "type": "resume", "seq": seq }).to_string())
        .await;
    let missed = hear(&mut alice, 4).await;

    assert_eq!(now, seq + 4);
    assert_eq!(resumed["type"], "resumed");
    let expected = [
        (seq + 1, "alert", "alert_fired"),
        (seq + 2, "alert", "alert_fired"),
        (seq + 3, "order", "accepted"),
        (seq + 4, "order", "cancelled"),
    ];
    assert_eq!(kinds(&missed), expected);
    assert_eq!(
        BTreeSet::from_iter(ids(&missed[..2])),
        BTreeSet::from([kept, deleted])
    );
    assert_eq!(fired(&served.alice).await, [kept]);
    assert!(is_quiet(&mut alice).await);
    drop(alice);
    served.stopped().await;
}

/// More than wait for one client, and more than one transaction fires.
#[tokio::test(flavor = "multi_thread")]
async fn as_many_alerts_as_there_may_be_fire_at_once_and_none_is_lost() {
    let served = Served::new().await;
    meet(&served.world, "10.00").await;
    for trader in [&served.alice, &served.bob] {
        for _ in 0..ALERTS_MAX {
            create(trader, "10.50").await;
        }
    }
    let (mut alice, seq) = served.signed_in("alice").await;
    let (mut bob, _) = served.signed_in("bob").await;

    let count = u64::try_from(ALERTS_MAX).unwrap();
    meet(&served.world, "10.50").await;

    for (client, trader) in [(&mut alice, &served.alice), (&mut bob, &served.bob)] {
        let told = hear(client, usize::try_from(count).unwrap()).await;
        let seqs: Vec<u64> = told.iter().map(|alert| alert["seq"].as_u64().unwrap()).collect();
        assert_eq!(seqs, (seq + 1..=seq + count).collect::<Vec<_>>());
        assert_eq!(
            BTreeSet::from_iter(ids(&told)),
            BTreeSet::from_iter(fired(trader).await)
        );
        assert!(is_quiet(client).await);
    }
    drop((alice, bob));
    served.stopped().await;
}

/// Without a bus: the one reads what the other has written.
#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_another_instance_fires_is_told_too() {
    let served = Served::new().await;
    meet(&served.world, "10.00").await;
    let alert = create(&served.alice, "10.50").await;
    let (mut alice, seq) = served.signed_in("alice").await;
    let other = served.world.restarted();
    AlertWorker::new(&other.trading)
        .load_tenant(served.alice.world.tenant)
        .await
        .unwrap();

    meet(&other, "10.50").await;
    let told = hear(&mut alice, 1).await;

    assert_eq!(kinds(&told), [(seq + 1, "alert", "alert_fired")]);
    assert_eq!(ids(&told), [alert]);
    drop(alice);
    served.stopped().await;
}
