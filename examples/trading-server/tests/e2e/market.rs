//! The market that all tenants share, and those who run it.

use serde_json::json;

use crate::support::{DataDir, Launch, buy, eventually, limit_buy};

const HALT: &str = "/platform/v1/trading/symbols/AAPL/halt";
const RESUME: &str = "/platform/v1/trading/symbols/AAPL/resume";

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_halts_a_symbol_for_the_customers_of_every_tenant_until_it_is_resumed() {
    let data = DataDir::new();
    // A demo tenant as the platform's own: its admins are the operators.
    let launch = || Launch::on(&data).env("PLATFORM_PLATFORM_TENANT", "globex");
    Launch::on(&data).start().await.stop().await.expect(0, &[]);
    let server = launch().start().await;
    let operator = server.sign_in("globex", "admin@example.com").await;
    let admin = server.sign_in("acme", "admin@example.com").await;
    let user = server.sign_in("acme", "demo@example.com").await;
    let why = json!({ "reason": "news pending" });
    user.quote("AAPL").await;

    assert_eq!(
        admin.post(HALT, &why).await.verdict(),
        (403, "forbidden".to_owned())
    );
    operator.post(HALT, &why).await.expect(200);

    let refused = user.post("/api/v1/orders", &buy("AAPL", "1")).await;
    assert_eq!(refused.verdict(), (503, "stale_quote".to_owned()));
    let waiting = user.order(&limit_buy("AAPL", "1", "5000.00")).await["order"]["id"].clone();
    let again = operator.post(HALT, &why).await;
    assert_eq!(again.verdict(), (409, "already_halted".to_owned()));
    server.stop().await.expect(0, &[]);

    // A server that starts knows of the halt before its market moves.
    let server = launch().start().await;
    let user = server.sign_in("acme", "demo@example.com").await;
    assert_eq!(user.quote("AAPL").await["halted"], true);
    let refused = user.post("/api/v1/orders", &buy("AAPL", "1")).await;
    assert_eq!(refused.verdict(), (503, "stale_quote".to_owned()));
    let operator = server.sign_in("globex", "admin@example.com").await;
    operator.post(RESUME, &why).await.expect(200);
    user.order_in(waiting.as_str().unwrap(), "filled").await;
    server.stop().await.expect(0, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn quotes_become_bars_that_anybody_reads_and_a_restart_keeps_the_minutes() {
    let data = DataDir::new();
    let server = Launch::on(&data).start().await;
    let api = server.api().tenant("acme");
    let seconds = eventually("two bars of a second", || async {
        let bars = api.get("/api/v1/bars/NVDA?timeframe=1s").await.expect(200).json();
        let bars = bars["data"].as_array().unwrap().clone();
        (bars.len() >= 2).then_some(bars)
    })
    .await;
    assert_ne!(seconds[0]["start"], seconds[1]["start"]);
    assert_eq!(api.get("/api/v1/clock").await.expect(200).json()["is_open"], true);
    server.stop().await.expect(0, &[]);

    let server = Launch::on(&data).start().await;
    let api = server.api().tenant("acme");
    let days = api.get("/api/v1/bars/NVDA?timeframe=1d").await.expect(200).json();
    // Two where midnight was between.
    let quotes = days["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|day| day["n"].as_u64().unwrap());
    assert!(quotes.sum::<u64>() >= 2, "{days}");
    server.stop().await.expect(0, &[]);
}
