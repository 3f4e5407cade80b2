//! Another customer's ids and keys, in one's own tenant and from another, through the routes.

use super::app::{App, order, text};

#[tokio::test]
async fn another_customers_order_is_not_found() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "4");
    let body =
        r#"{"symbol":"AAPL","side":"buy","order_type":"market","quantity":"10","client_order_id":"mine"}"#;
    let placed = app.order("alice", "key", body).await.ok();
    let id = text(&placed["order"]["id"]);
    // They have accounts of their own.
    for who in ["bob", "carol"] {
        app.get(who, "/api/v1/account").await.ok();
    }

    for who in ["bob", "carol"] {
        for path in [
            format!("/api/v1/orders/{id}"),
            format!("/api/v1/orders/{id}/executions"),
            format!("/api/v1/orders/{id}/events"),
            "/api/v1/orders/by-client-id/mine".to_owned(),
        ] {
            let answer = app.get(who, &path).await;
            assert_eq!(answer.problem(), (404, "not_found".to_owned()), "{path}");
        }
        let cancelled = app.delete(who, &format!("/api/v1/orders/{id}")).await;
        assert_eq!(cancelled.problem(), (404, "not_found".to_owned()));
        let list = app.get(who, "/api/v1/orders").await.ok();
        assert_eq!(list["data"].as_array().unwrap().len(), 0);
    }

    let order = app.get("alice", &format!("/api/v1/orders/{id}")).await.ok();
    assert_eq!(order["status"], "partial");
}

#[tokio::test]
async fn another_customers_answer_is_not_replayed() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "100");
    let body = order("buy", "1", None);
    let alice = app.order("alice", "key", &body).await.ok();

    for who in ["bob", "carol"] {
        let other = app.order(who, "key", &body).await;
        assert_eq!(other.header("idempotent-replayed"), None);
        assert_ne!(other.ok()["order"]["id"], alice["order"]["id"]);
    }
}

#[tokio::test]
async fn a_cursor_of_another_customers_list_shows_nothing_of_theirs() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "100");
    for _ in 0..3 {
        app.order("carol", "", &order("buy", "1", Some("9.00")))
            .await
            .ok();
        app.order("alice", "", &order("buy", "1", Some("9.00")))
            .await
            .ok();
    }
    let page = app.get("carol", "/api/v1/orders?limit=2").await.ok();
    let cursor = text(&page["next_cursor"]);

    let list = app
        .get("alice", &format!("/api/v1/orders?cursor={cursor}"))
        .await
        .ok();

    for order in list["data"].as_array().unwrap() {
        let id = text(&order["id"]);
        assert_eq!(
            app.get("alice", &format!("/api/v1/orders/{id}"))
                .await
                .status
                .as_u16(),
            200
        );
    }
    app.world.sound().await;
    app.carol.world.sound().await;
    assert_eq!(app.alice.cash().await.1, "27.00");
}
