//! What can be wrong with a request besides the body of an order.

use axum::http::Method;

use super::app::{App, order, request};

const NOBODYS: &str = "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12";

/// A method, a path below the base, and the status and code that alice gets.
const PATHS: [(&str, &str, u16, &str); 32] = [
    ("GET", "/orders/nonsense", 400, "invalid_path"),
    ("GET", "/orders/00000000", 400, "invalid_path"),
    ("GET", "/orders/%00", 400, "invalid_path"),
    ("DELETE", "/orders/nonsense", 400, "invalid_path"),
    ("GET", "/orders/nonsense/executions", 400, "invalid_path"),
    ("GET", "/orders/nonsense/events", 400, "invalid_path"),
    ("GET", "/orders?status=nonsense", 422, "invalid_status"),
    ("GET", "/orders?status=", 422, "invalid_status"),
    ("GET", "/orders?status=OPEN", 422, "invalid_status"),
    ("GET", "/orders?limit=0", 422, "invalid_limit"),
    ("GET", "/orders?limit=201", 422, "invalid_limit"),
    ("GET", "/orders?limit=-1", 422, "invalid_limit"),
    ("GET", "/orders?limit=ten", 422, "invalid_limit"),
    ("GET", "/orders?limit=99999999999999999999", 422, "invalid_limit"),
    ("GET", "/orders?limit=1&limit=2", 400, "invalid_query"),
    ("GET", "/orders?cursor=nonsense", 400, "invalid_cursor"),
    ("GET", "/orders?cursor=", 400, "invalid_cursor"),
    ("GET", "/orders?cursor=MTIz", 400, "invalid_cursor"),
    ("GET", "/orders/by-client-id/%00", 404, "not_found"),
    ("GET", "/orders/by-client-id/two%20words", 404, "not_found"),
    ("GET", "/portfolio/positions/AAPL", 404, "not_found"),
    ("GET", "/portfolio/positions/aapl", 404, "not_found"),
    ("GET", "/portfolio/positions/%27%20or%201%3D1", 404, "not_found"),
    ("GET", "/quotes/NVDA", 404, "unknown_symbol"),
    ("GET", "/quotes/aapl", 404, "unknown_symbol"),
    ("GET", "/quotes/%FF", 400, "invalid_path"),
    ("GET", "/quotes/batch", 400, "invalid_query"),
    ("GET", "/quotes/batch?symbols=", 422, "invalid_symbols"),
    ("GET", "/quotes/batch?symbols=AAPL,,IBM", 422, "invalid_symbols"),
    ("GET", "/quotes/batch?symbols=AAPL,NVDA", 404, "unknown_symbol"),
    ("PUT", "/orders", 405, "method_not_allowed"),
    ("GET", "/nowhere", 404, "not_found"),
];

#[tokio::test]
async fn each_malformed_path_and_query_is_a_problem() {
    let app = App::new().await;
    let mut wrong = Vec::new();

    for (method, path, status, code) in PATHS {
        let method: Method = method.parse().unwrap();
        let path = format!("/api/v1{path}");
        let found = app
            .send(request(method, "alice", &path, &[], None))
            .await
            .problem();
        if found != (status, code.to_owned()) {
            wrong.push(format!("{path}: {found:?}"));
        }
    }
    let many = vec!["AAPL"; 101].join(",");
    let many = app.get("", &format!("/api/v1/quotes/batch?symbols={many}")).await;
    assert_eq!(many.problem(), (422, "invalid_symbols".to_owned()));
    let long = app
        .get("alice", &format!("/api/v1/orders?cursor={}", "A".repeat(2_000)))
        .await;
    assert_eq!(long.problem(), (400, "invalid_cursor".to_owned()));

    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The routes that are somebody's own.
const OWN: [(&str, &str); 10] = [
    ("POST", "/orders"),
    ("GET", "/orders"),
    ("GET", "/orders/{id}"),
    ("GET", "/orders/{id}/executions"),
    ("GET", "/orders/{id}/events"),
    ("GET", "/orders/by-client-id/mine"),
    ("DELETE", "/orders/{id}"),
    ("GET", "/account"),
    ("GET", "/portfolio"),
    ("GET", "/portfolio/positions"),
];

#[tokio::test]
async fn who_has_not_signed_in_or_may_not_trade_is_refused() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "100");

    for (method, path) in OWN {
        let path = format!("/api/v1{}", path.replace("{id}", NOBODYS));
        let send = async |who: &str| {
            let method: Method = method.parse().unwrap();
            let body = (method == Method::POST).then(|| order("buy", "1", None).into_bytes());
            app.send(request(method, who, &path, &[], body)).await.problem()
        };
        assert_eq!(
            send("").await,
            (401, "unauthenticated".to_owned()),
            "{method} {path}"
        );
        assert_eq!(
            send("mallory").await,
            (401, "unauthenticated".to_owned()),
            "{path}"
        );
        assert_eq!(send("reader").await, (403, "forbidden".to_owned()), "{path}");
    }
    let bad_credential = app.get("mallory", "/api/v1/quotes").await;
    assert_eq!(
        bad_credential.problem().0,
        401,
        "a failed credential never falls through"
    );
    assert_eq!(app.world.count("trading.account").await, 0);
}

#[tokio::test]
async fn a_malformed_idempotency_key_is_refused() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "100");
    let long = "k".repeat(256);
    let keys: [&[(&str, &str)]; 4] = [
        &[("idempotency-key", "")],
        &[("idempotency-key", "two words")],
        &[("idempotency-key", &long)],
        &[("idempotency-key", "one"), ("x-idempotency-key", "other")],
    ];

    for headers in keys {
        let body = Some(order("buy", "1", None).into_bytes());
        let answer = app
            .send(request(Method::POST, "alice", "/api/v1/orders", headers, body))
            .await;
        assert_eq!(
            answer.problem(),
            (400, "invalid_idempotency_key".to_owned()),
            "{headers:?}"
        );
    }
    let longest = app
        .order("alice", &"k".repeat(255), &order("buy", "1", None))
        .await;
    assert_eq!(longest.status.as_u16(), 201);
    assert_eq!(app.world.count("trading.orders").await, 1);
}

#[tokio::test]
async fn a_suspended_account_is_told_so() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "100");
    let placed = app
        .order("alice", "", &order("buy", "1", Some("9.00")))
        .await
        .ok();
    app.world
        .by_hand(format!(
            "update trading.account set status = 'suspended' where tenant_id = '{}'",
            app.world.tenant
        ))
        .await;

    let refused = app.order("alice", "", &order("buy", "1", None)).await;
    let id = super::app::text(&placed["order"]["id"]);
    let cancelled = app.delete("alice", &format!("/api/v1/orders/{id}")).await;

    assert_eq!(refused.problem(), (403, "account_suspended".to_owned()));
    assert_eq!(cancelled.ok()["status"], "cancelled");
}

#[tokio::test]
async fn without_a_database_nothing_is_traded_and_quotes_are_still_shown() {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "100");
    let body = order("buy", "1", None);
    app.order("alice", "key", &body).await.ok();

    app.world.db.close().await;

    for answer in [
        app.order("alice", "key", &body).await,
        app.get("alice", "/api/v1/account").await,
        app.get("alice", "/api/v1/orders").await,
        app.delete("alice", &format!("/api/v1/orders/{NOBODYS}")).await,
    ] {
        assert_eq!(answer.problem(), (503, "unavailable".to_owned()));
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(app.get("", "/api/v1/quotes/AAPL").await.ok()["bid"], "10.00");
}
