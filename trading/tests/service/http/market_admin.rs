//! Running the market over HTTP.

use axum::http::Method;
use serde_json::{Value, json};
use trading::MARKET;

use super::app::{Answer, App, request};
use crate::halts::market;

/// The routes over a market that `alice`, an operator, runs; `bob` has the permission in another tenant.
struct Operated {
    app: App,
}

impl Operated {
    async fn new() -> Self {
        let (world, operator) = market().await;
        let abroad = world.other_tenant().await.trader_with([MARKET]);
        Self {
            app: App::with(world, &[("operator", &operator), ("abroad", &abroad)]).await,
        }
    }

    async fn send(&self, method: Method, who: &str, path: &str, body: Value) -> Answer {
        let body = Some(body.to_string().into_bytes());
        let path = format!("/platform/v1/trading/{path}");
        self.app.send(request(method, who, &path, &[], body)).await
    }

    async fn post(&self, who: &str, path: &str, body: Value) -> Answer {
        self.send(Method::POST, who, path, body).await
    }
}

#[tokio::test]
async fn an_operator_halts_and_resumes_a_symbol_and_everybody_sees_it() {
    let market = Operated::new().await;
    market.app.world.quote("10.00", "10.01", "100");
    let why = json!({ "reason": "news pending" });

    let halted = market
        .post("operator", "symbols/AAPL/halt", why.clone())
        .await
        .ok();
    let again = market.post("operator", "symbols/AAPL/halt", why.clone()).await;
    let quote = market.app.get("", "/api/v1/quotes/AAPL").await.ok();
    let resumed = market
        .post("operator", "symbols/AAPL/resume", why.clone())
        .await
        .ok();
    let not_halted = market.post("operator", "symbols/AAPL/resume", why).await;

    assert_eq!(halted["halted"][0]["symbol"], "AAPL");
    assert_eq!(halted["halted"][0]["reason"], "news pending");
    assert_eq!(again.problem(), (409, "already_halted".to_owned()));
    assert_eq!(quote["halted"], true);
    assert_eq!(resumed["halted"], json!([]));
    assert_eq!(not_halted.problem(), (409, "not_halted".to_owned()));
}

#[tokio::test]
async fn an_operator_sets_the_market_and_reads_it_back() {
    let market = Operated::new().await;

    let body = json!({ "paused": true, "speed": 2.5, "seed": 9, "reason": "exercise" });
    let set = market.send(Method::PATCH, "operator", "market", body).await.ok();

    let expected = json!({
        "seq": 3, "paused": true, "speed": "2.5", "seed": 9, "gap_until": null, "halted": [],
    });
    assert_eq!(set, expected);
    assert_eq!(
        market
            .app
            .get("operator", "/platform/v1/trading/market")
            .await
            .ok(),
        expected
    );
}

#[tokio::test]
async fn a_body_that_is_wrong_is_refused_with_a_code() {
    let market = Operated::new().await;
    let long = "x".repeat(201);

    for (body, code) in [
        (json!({ "reason": "x" }), "nothing_to_change"),
        (json!({ "paused": true, "reason": "" }), "invalid_reason"),
        (json!({ "paused": true, "reason": long }), "invalid_reason"),
        (json!({ "paused": true }), "invalid_body"),
        (json!({ "speed": "0.01", "reason": "x" }), "invalid_body"),
        (json!({ "speed": "1e1", "reason": "x" }), "invalid_body"),
        (json!({ "seed": -1, "reason": "x" }), "invalid_body"),
        (
            json!({ "seed": 9_223_372_036_854_775_808_u64, "reason": "x" }),
            "invalid_seed",
        ),
        (json!({ "pause": true, "reason": "x" }), "invalid_body"),
    ] {
        let refused = market
            .send(Method::PATCH, "operator", "market", body.clone())
            .await;
        assert_eq!(refused.problem(), (422, code.to_owned()), "{body}");
    }
    let why = json!({ "reason": "x" });
    for symbol in ["NOPE", "aapl", "%F0%9F%A6%80"] {
        let unknown = market
            .post("operator", &format!("symbols/{symbol}/halt"), why.clone())
            .await;
        assert_eq!(unknown.problem(), (404, "unknown_symbol".to_owned()), "{symbol}");
    }
    let gap = market
        .post(
            "operator",
            "market/gap",
            json!({ "length_ms": 10, "reason": "x" }),
        )
        .await;
    assert_eq!(gap.problem(), (403, "gaps_disabled".to_owned()));
    assert_eq!(market.app.world.count("trading.market_event").await, 0);
}

#[tokio::test]
async fn nobody_else_runs_the_market() {
    let market = Operated::new().await;

    for (who, refusal) in [
        ("", (401, "unauthenticated")),
        ("alice", (403, "forbidden")),
        ("abroad", (403, "forbidden")),
    ] {
        let refusal = (refusal.0, refusal.1.to_owned());
        let why = json!({ "reason": "because" });
        let set = json!({ "paused": true, "reason": "because" });
        let gap = json!({ "length_ms": 10, "reason": "because" });
        let answers = [
            market.app.get(who, "/platform/v1/trading/market").await,
            market.send(Method::PATCH, who, "market", set).await,
            market.post(who, "market/gap", gap).await,
            market.post(who, "symbols/AAPL/halt", why.clone()).await,
            market.post(who, "symbols/NOPE/halt", why.clone()).await,
            market.post(who, "symbols/AAPL/resume", why).await,
        ];
        for answer in answers {
            assert_eq!(answer.problem(), refusal, "{who}");
        }
    }
    assert_eq!(market.app.world.count("trading.market_event").await, 0);
}
