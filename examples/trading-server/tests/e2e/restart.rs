//! A server that is stopped and started again goes on where it was.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;

use crate::support::{DataDir, Launch, PASSWORD, buy, limit_buy};

/// A market in which one symbol stands still. Two rows, because a recording lasts from its first row to its last.
fn write_market(path: &Path, ask: &str) {
    let mut rows = String::from("ts,symbol,bid,bid_size,ask,ask_size,last\n");
    for second in 0..10 {
        let _ = writeln!(
            rows,
            "2024-03-01T14:30:0{second}Z,AAPL,{ask},1000,{ask},1000,{ask}"
        );
    }
    std::fs::write(path, rows).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_users_orders_and_positions_and_resting_orders_work_on() {
    let data = DataDir::new();
    let market = data.path().join("market.csv");
    write_market(&market, "100.00");
    let launch = || {
        Launch::on(&data)
            .arg("--replay")
            .arg(&market)
            .env("PLATFORM_LOG_FORMAT", "json")
    };

    let server = launch().start().await;
    assert!(server.stdout().contains("Demo users"));
    let user = server.api().register("acme", "ada@example.com").await;
    let bought = user.order(&buy("AAPL", "5")).await["order"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    user.order_in(&bought, "filled").await;
    let to_fill = user.order(&limit_buy("AAPL", "10", "90.00")).await["order"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let to_cancel = user.order(&limit_buy("AAPL", "10", "50.00")).await["order"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let orders = user.all("/api/v1/orders").await;
    let account = user.get("/api/v1/account").await.expect(200).json();
    assert_eq!(account["held"], "1400.00");
    let stopped = server.stop().await;
    assert_eq!(stopped.code(), Some(0), "{stopped:?}");
    assert!(data.postmaster().is_none(), "PostgreSQL outlived a clean stop");

    // The session, the users, the orders, the money are there, and nothing was set up again.
    let server = launch().start().await;
    let said = server.stdout();
    assert!(
        !said.contains("Demo users") && !said.contains("password"),
        "{said}"
    );
    assert!(said.contains(", started; data in"), "{said}");
    let log = server.stderr();
    let migrated = log
        .lines()
        .find(|line| line.contains("the schemas are up to date"))
        .unwrap();
    assert!(migrated.contains(r#""applied":0"#), "{migrated}");
    let user = user.at(server.address());
    user.get("/api/v1/auth/me").await.expect(200);
    assert_eq!(user.all("/api/v1/orders").await, orders);
    assert_eq!(user.get("/api/v1/account").await.expect(200).json(), account);
    let position = user
        .get("/api/v1/portfolio/positions/AAPL")
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&position["quantity"], &position["cost"]),
        (&json!("5"), &json!("500.00"))
    );
    server.sign_in("globex", "admin@example.com").await;
    let cancelled = user
        .delete(&format!("/api/v1/orders/{to_cancel}"))
        .await
        .expect(200)
        .json();
    assert_eq!(cancelled["status"], "cancelled");
    server.stop().await.expect(0, &[]);

    // The price falls: what rests fills, at the better price.
    write_market(&market, "80.00");
    let server = launch().start().await;
    let user = user.at(server.address());
    let filled = user.order_in(&to_fill, "filled").await;
    assert_eq!(filled["average_price"], "80.00");
    let account = user.get("/api/v1/account").await.expect(200).json();
    assert_eq!(
        (&account["held"], &account["buying_power"]),
        (&json!("0.00"), &json!("8700.00"))
    );
    let again = server.api().sign_in("acme", "ada@example.com", PASSWORD).await;
    again.get("/api/v1/auth/me").await.expect(200);
    server.stop().await.expect(0, &[]);
}
