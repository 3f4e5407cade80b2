//! The server is killed in the middle of orders: each of them has one place in the trail.

use std::time::Duration;

use super::support::{audit, launch, one, verified};
use crate::support::{Api, DataDir, buy, eventually};

/// Places orders until the server is gone; how many were acknowledged.
async fn place_until_gone(api: Api) -> usize {
    let body = buy("AAPL", "0.01").to_string().into_bytes();
    let mut placed = 0;
    loop {
        let body = ("application/json", body.clone());
        let answer = api
            .try_raw(reqwest::Method::POST, "/api/v1/orders", Some(body))
            .await;
        match answer {
            Ok(answer) if answer.status == 201 => placed += 1,
            Ok(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(_) => return placed,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_every_kill_each_order_has_one_leaf_for_each_of_its_events() {
    let data = DataDir::new();
    let mut acknowledged = 0;
    for kill in 0..5_u64 {
        let server = launch(&data).start().await;
        let mut clients = Vec::new();
        for email in ["demo@example.com", "admin@example.com"] {
            let api = server.sign_in("acme", email).await;
            clients.push(tokio::spawn(place_until_gone(api)));
        }
        tokio::time::sleep(Duration::from_millis(300 + 150 * kill)).await;
        // Dropping the process is SIGKILL.
        drop(server);
        if kill == 3 {
            data.kill_postgres();
        }
        for client in clients {
            acknowledged += client.await.unwrap();
        }
    }

    let server = launch(&data).start().await;
    eventually("everything to have its place", || async {
        let waiting: i64 = one(&data, "select count(*) from platform_audit.pending").await;
        (waiting == 0).then_some(())
    })
    .await;

    let count = async |sql: &str| one::<i64>(&data, sql).await;
    let orders = count("select count(*) from trading.orders").await;
    assert!(acknowledged > 5, "{acknowledged} orders are hardly a load");
    assert!(orders >= i64::try_from(acknowledged).unwrap());
    let placements = count("select count(*) from platform_audit.event where action = 'order.place'").await;
    assert_eq!(placements, orders);
    // The key of the leaves keeps an event from having two.
    let without = "select count(*) from platform_audit.event e
                   left join platform_audit.leaf l on l.tenant_id = e.tenant_id and l.id = e.id where l.id is null";
    assert_eq!(count(without).await, 0);
    let unheard = "select count(*) from trading.orders o where not exists (
                     select from platform_audit.event e
                     where e.tenant_id = o.tenant_id and e.target_kind = 'order' and e.target_id = o.id::text
                       and e.action = 'order.place')";
    assert_eq!(count(unheard).await, 0);
    assert_eq!(count("select count(*) from platform_audit.rejected").await, 0);
    let clean = verified(&audit(&data, &["verify", "--json"]).run().await, 0);
    assert_eq!(clean["clean"], true, "{clean:#}");
    server.stop().await.expect(0, &[]);
}
