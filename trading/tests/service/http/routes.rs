//! Every route when all is well, and the statuses of what may go wrong in trade.

use axum::http::{Method, StatusCode};

use super::app::{App, order, request, text};

#[tokio::test]
async fn an_order_is_placed_seen_listed_and_found_by_its_name() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "4");
    let body = r#"{ "symbol": "AAPL", "side": "buy", "order_type": "limit", "quantity": 10, "limit_price": 10.01,
        "time_in_force": "gtc", "client_order_id": "mine-1" }"#;

    let placed = app.order("alice", "", body).await;

    assert_eq!(placed.status, StatusCode::CREATED);
    let placed = placed.ok();
    assert_eq!(placed["order"]["status"], "partial");
    assert_eq!(placed["executions"][0]["quantity"], "4");
    assert_eq!(placed["buying_power"], "9899.90");
    let id = text(&placed["order"]["id"]);
    let seen = app.get("alice", &format!("/api/v1/orders/{id}")).await.ok();
    assert_eq!(seen, placed["order"]);
    let named = app.get("alice", "/api/v1/orders/by-client-id/mine-1").await;
    assert_eq!(named.ok(), placed["order"]);
    let list = app.get("alice", "/api/v1/orders?status=open").await.ok();
    assert_eq!(list["data"][0], placed["order"]);
    assert_eq!(list["next_cursor"], serde_json::Value::Null);
    let fills = app
        .get("alice", &format!("/api/v1/orders/{id}/executions"))
        .await
        .ok();
    assert_eq!(fills["data"], placed["executions"]);
    let events = app
        .get("alice", &format!("/api/v1/orders/{id}/events"))
        .await
        .ok();
    let kinds: Vec<&str> = events["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["accepted", "filled"]);
    assert_eq!(events["data"][1]["payload"]["execution"]["quantity"], "4");
}

#[tokio::test]
async fn an_order_is_cancelled_once() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "100");
    let placed = app
        .order("alice", "", &order("buy", "1", Some("9.00")))
        .await
        .ok();
    let path = format!("/api/v1/orders/{}", text(&placed["order"]["id"]));

    let first = app.delete("alice", &path).await;
    let second = app.delete("alice", &path).await;

    assert_eq!(first.status, StatusCode::OK);
    assert_eq!(first.ok()["status"], "cancelled");
    assert_eq!(second.problem(), (409, "order_cancelled".to_owned()));
    assert_eq!(second.json()["order"], first.json());
}

#[tokio::test]
async fn a_filled_order_cannot_be_cancelled() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "100");
    let placed = app.order("alice", "", &order("buy", "1", None)).await.ok();
    let path = format!("/api/v1/orders/{}", text(&placed["order"]["id"]));

    let refused = app.delete("alice", &path).await;

    assert_eq!(refused.problem(), (409, "order_filled".to_owned()));
    assert_eq!(refused.json()["order"], placed["order"]);
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_answer_and_a_header_that_says_so() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "100");
    for body in [order("buy", "1", None), order("sell", "5", None)] {
        let first = app.order("alice", &body.len().to_string(), &body).await;
        let second = app.order("alice", &body.len().to_string(), &body).await;

        assert_eq!(first.header("idempotent-replayed"), None);
        assert_eq!(second.header("idempotent-replayed"), Some("true"));
        assert_eq!(first.status, second.status);
        let (mut first, mut second) = (first.json(), second.json());
        for answer in [&mut first, &mut second] {
            // What names the request itself.
            for name in ["request_id", "instance"] {
                answer.as_object_mut().unwrap().remove(name);
            }
        }
        assert_eq!(first, second);
    }
}

#[tokio::test]
async fn the_older_header_for_the_key_is_the_same() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "100");
    let body = order("buy", "1", None);
    app.order("alice", "key", &body).await.ok();

    let bytes = Some(body.into_bytes());
    let headers = [("x-idempotency-key", "key")];
    let again = app
        .send(request(Method::POST, "alice", "/api/v1/orders", &headers, bytes))
        .await;

    assert_eq!(again.header("idempotent-replayed"), Some("true"));
}

#[tokio::test]
async fn a_key_for_another_order_and_a_name_for_other_terms_are_refused() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "100");
    let named = |quantity: &str| {
        format!(
            r#"{{"symbol":"AAPL","side":"buy","order_type":"market","quantity":"{quantity}","client_order_id":"mine"}}"#
        )
    };
    app.order("alice", "key", &named("1")).await.ok();

    let other = app.order("alice", "key", &order("buy", "2", None)).await;
    let existing = app.order("alice", "", &named("1")).await;
    let taken = app.order("alice", "", &named("2")).await;

    assert_eq!(other.problem(), (422, "idempotency_key_reused".to_owned()));
    assert_eq!(existing.status, StatusCode::OK);
    assert_eq!(taken.problem(), (422, "client_order_id_taken".to_owned()));
}

#[tokio::test]
async fn a_stale_quote_asks_the_client_to_come_again() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "100");
    app.world.clock.advance(std::time::Duration::from_secs(6));

    let refused = app.order("alice", "", &order("buy", "1", None)).await;

    assert_eq!(refused.problem(), (503, "stale_quote".to_owned()));
    assert_eq!(refused.header("retry-after"), Some("1"));
    let quote = app.get("", "/api/v1/quotes/AAPL").await.ok();
    assert_eq!(quote["stale"], true);
}

#[tokio::test]
async fn account_and_portfolio_are_shown() {
    let app = App::new().await;
    app.world.quote("10.00", "10.00", "100");
    let opened = app.get("alice", "/api/v1/account").await.ok();
    assert_eq!(opened["buying_power"], "10000.00");
    app.order("alice", "", &order("buy", "10", None)).await.ok();

    let portfolio = app.get("alice", "/api/v1/portfolio").await.ok();
    let positions = app.get("alice", "/api/v1/portfolio/positions").await.ok();
    let one = app.get("alice", "/api/v1/portfolio/positions/AAPL").await.ok();

    assert_eq!(portfolio["equity"], "10000.00");
    assert_eq!(portfolio["account"]["cash"], "9900.00");
    assert_eq!(positions["data"], portfolio["positions"]);
    assert_eq!(one, portfolio["positions"][0]);
    assert_eq!(one["market_value"], "100.00");
}

#[tokio::test]
async fn quotes_need_no_sign_in() {
    let app = App::new().await;
    assert_eq!(
        app.get("", "/api/v1/quotes/AAPL").await.problem(),
        (503, "no_quote".to_owned())
    );
    app.world.quote("10.00", "10.01", "100");
    app.world.quote_of("IBM", "20.00", "20.01", "100");

    let one = app.get("", "/api/v1/quotes/AAPL").await.ok();
    let all = app.get("", "/api/v1/quotes").await.ok();
    let batch = app
        .get("", "/api/v1/quotes/batch?symbols=IBM,%20AAPL,MSFT")
        .await
        .ok();
    let stocks = app.get("", "/api/v1/quotes/stocks").await.ok();

    assert_eq!((&one["bid"], &one["stale"]), (&"10.00".into(), &false.into()));
    assert_eq!(all["data"].as_array().unwrap().len(), 2);
    assert_eq!(batch["data"].as_array().unwrap().len(), 2, "MSFT has none yet");
    assert_eq!(batch["data"][0]["symbol"], "IBM");
    let names: Vec<_> = stocks["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stock| text(&stock["symbol"]))
        .collect();
    assert_eq!(names, ["AAPL", "IBM", "MSFT"]);
}

#[tokio::test]
async fn pages_follow_one_another() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "1");
    let resting = app.order("alice", "", &order("buy", "6", None)).await.ok();
    for _ in 0..4 {
        app.order("alice", "", &order("buy", "1", Some("1.00")))
            .await
            .ok();
        app.world.quote("10.00", "10.01", "1");
        app.world.match_aapl().await;
    }

    let id = text(&resting["order"]["id"]);
    let orders = follow(&app, "/api/v1/orders?limit=2").await;
    let fills = follow(&app, &format!("/api/v1/orders/{id}/executions?limit=2")).await;

    assert_eq!(orders.len(), 5);
    assert!(orders.is_sorted_by(|a, b| a > b), "newest first");
    assert_eq!(fills.len(), 5);
    assert!(fills.is_sorted_by(|a, b| a < b), "oldest first");
}

/// The ids on all pages of a list.
async fn follow(app: &App, path: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = app.get("alice", &format!("{path}{cursor}")).await.ok();
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= 2);
        ids.extend(data.iter().map(|item| text(&item["id"])));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}
