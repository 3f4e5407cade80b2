//! The server and PostgreSQL are killed fifty times under load: what was acknowledged is there once, and each time everything adds up.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};

use crate::support::{Answer, Api, DataDir, Launch, buy, eventually, limit_buy};

const KILLS: usize = 50;

/// So many orders are placed from one kill to the next at most: everything is verified each time, and all of that takes time.
const ORDERS: usize = 150;

/// Once in so many kills PostgreSQL dies with the server, and once before it.
const POSTGRES_TOO: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_kills_under_load_lose_no_acknowledged_order_and_double_none() {
    let data = DataDir::new();
    let launch = || Launch::on(&data).env("PLATFORM_LOG_FILTER", "warn");
    let mut server = launch().start().await;
    let (addresses, address) = watch::channel(server.address());
    let load = Load::new(address);
    let mut clients = Vec::new();
    for (tenant, email) in [
        ("acme", "ann@example.com"),
        ("acme", "bob@example.com"),
        ("globex", "ann@example.com"),
        ("globex", "eve@example.com"),
    ] {
        let api = server.api().register(tenant, email).await;
        clients.push(tokio::spawn(load.clone().place_until_told(api)));
    }

    for kill in 0..KILLS {
        // Somewhere in the middle of the work, a little later each time.
        load.acknowledges(1 + kill % 4).await;
        if kill % POSTGRES_TOO == 2 {
            // PostgreSQL alone: the server starts it again and the load goes on.
            data.kill_postgres();
            load.acknowledges(4).await;
        }
        // Dropping the process is SIGKILL.
        drop(server);
        if kill % POSTGRES_TOO == POSTGRES_TOO - 1 {
            data.kill_postgres();
        }
        server = launch().start().await;
        let hows: &[&str] = match kill % POSTGRES_TOO {
            // The last orders may have been acknowledged by what was left of it when it was killed, before it was started again.
            2 => &[", started; data in", ", found running; data in"],
            four if four == POSTGRES_TOO - 1 => &[", started; data in"],
            _ => &[", found running; data in"],
        };
        let said = server.stdout();
        assert!(hows.iter().any(|how| said.contains(how)), "{said}");
        addresses.send(server.address()).unwrap();
        // Beside the running server, in the middle of the load.
        Launch::on(&data)
            .arg("verify")
            .run()
            .await
            .expect(0, &[" 0 findings"]);
    }

    load.stop();
    let mut acknowledged = 0;
    for client in clients {
        let placed = client.await.unwrap();
        acknowledged += placed.orders.len();
        placed.verify(server.address()).await;
    }
    assert!(acknowledged > KILLS, "{acknowledged} orders are hardly a load");
    server.stop().await.expect(0, &[]);
    Launch::on(&data)
        .arg("verify")
        .run()
        .await
        .expect(0, &[" 0 findings"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_that_is_killed_anywhere_is_completed_by_a_later_one() {
    let data = DataDir::new();
    for delay_ms in [30, 120, 250, 400, 600, 800, 1_000, 1_300] {
        let running = Launch::on(&data).start_for(Duration::from_millis(delay_ms)).await;
        drop(running);
        if delay_ms % 200 == 0 && data.postmaster().is_some() {
            data.kill_postgres();
        }
    }

    let server = Launch::on(&data).start().await;

    for tenant in ["acme", "globex"] {
        for email in ["demo@example.com", "admin@example.com"] {
            server.sign_in(tenant, email).await;
        }
    }
    server.stop().await.expect(0, &[]);
    Launch::on(&data)
        .arg("check")
        .run()
        .await
        .expect(0, &["isolation: proven"]);
}

/// What the clients share.
#[derive(Clone)]
struct Load {
    address: watch::Receiver<SocketAddr>,
    acknowledged: Arc<AtomicUsize>,
    /// Orders that may still be placed; closed at the end.
    wanted: Arc<Semaphore>,
}

/// What a client was told: for each of its keys the order.
struct Placed {
    api: Api,
    orders: BTreeMap<String, (Value, String)>,
}

impl Load {
    fn new(address: watch::Receiver<SocketAddr>) -> Self {
        Self {
            address,
            acknowledged: Arc::default(),
            wanted: Arc::new(Semaphore::new(0)),
        }
    }

    /// Has the clients go on, and waits until so many more orders have been acknowledged.
    async fn acknowledges(&self, more: usize) {
        self.wanted.add_permits(ORDERS);
        let before = self.acknowledged.load(Ordering::Relaxed);
        eventually("orders to be acknowledged", || async {
            (self.acknowledged.load(Ordering::Relaxed) >= before + more).then_some(())
        })
        .await;
    }

    fn stop(&self) {
        self.wanted.close();
    }

    /// Places one order after the other, each until it is answered.
    async fn place_until_told(self, api: Api) -> Placed {
        let mut orders = BTreeMap::new();
        for number in 0.. {
            match self.wanted.acquire().await {
                Ok(one) => one.forget(),
                Err(_) => break,
            }
            let key = format!("key-{number}");
            let ticket = ticket(number, &key);
            let id = self.place(&api, &key, &ticket).await;
            orders.insert(key, (ticket, id));
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        Placed { api, orders }
    }

    /// Sends the same order under the same key until there is an answer that counts.
    async fn place(&self, api: &Api, key: &str, ticket: &Value) -> String {
        eventually("an acknowledgement", || async {
            let address = *self.address.borrow();
            let answer = send(&api.at(address), key, ticket).await?;
            match answer.status {
                201 => Some(answer.json()["order"]["id"].as_str().unwrap().to_owned()),
                503 | 504 => None,
                _ => panic!("{answer:?}"),
            }
        })
        .await
    }
}

/// Some fill, some rest, some are cheap enough to go on for ever.
fn ticket(number: usize, key: &str) -> Value {
    let mut ticket = match number % 3 {
        0 => limit_buy("BAC", "0.01", "1.00"),
        1 => buy("AAPL", "0.01"),
        _ => buy("TSLA", "0.01"),
    };
    ticket["client_order_id"] = json!(key);
    ticket
}

/// `None` when the server was killed before it answered.
async fn send(api: &Api, key: &str, ticket: &Value) -> Option<Answer> {
    let mut api = api.clone();
    api.set("idempotency-key", key);
    let body = ("application/json", ticket.to_string().into_bytes());
    api.try_raw(Method::POST, "/api/v1/orders", Some(body)).await.ok()
}

impl Placed {
    async fn verify(&self, address: SocketAddr) {
        let api = self.api.at(address);
        let rows = api.all("/api/v1/orders").await;
        let ids: BTreeSet<&str> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
        let acknowledged: BTreeSet<&str> = self.orders.values().map(|(_, id)| id.as_str()).collect();
        assert_eq!(ids.len(), rows.len(), "the list repeats an order");
        // Every key was answered, so there is one order for each key and no other.
        assert_eq!(
            acknowledged.len(),
            self.orders.len(),
            "two keys were answered with one order"
        );
        assert_eq!(ids, acknowledged);
        for (key, (ticket, id)) in &self.orders {
            let again = send(&api, key, ticket).await.unwrap();
            assert_eq!(again.expect(201).json()["order"]["id"], id.as_str());
            assert_eq!(again.headers["idempotent-replayed"], "true");
            let named = api.get(&format!("/api/v1/orders/by-client-id/{key}")).await;
            assert_eq!(named.expect(200).json()["id"], id.as_str());
        }
        assert_eq!(
            api.all("/api/v1/orders").await.len(),
            rows.len(),
            "a repetition was placed"
        );
    }
}
