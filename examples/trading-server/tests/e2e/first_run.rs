//! The first start, and what everybody does first.

use serde_json::{Value, json};
use trading::ReplayData;

use crate::support::{DataDir, Launch, PASSWORD, buy, shared};

#[tokio::test(flavor = "multi_thread")]
async fn a_first_run_trades_on_real_prices_and_keeps_two_tenants_apart() {
    let data = DataDir::new();
    let server = Launch::on(&data).start().await;

    let said = server.stdout();
    for line in [
        "Demo users, shown this once:",
        "tenant acme    user  demo@example.com   password ",
        "tenant acme    admin admin@example.com  password ",
        "tenant globex  user  demo@example.com   password ",
        "tenant globex  admin admin@example.com  password ",
        "Database: an embedded PostgreSQL ",
        "DATABASE_URL replaces it",
        "Market:   real daily bars of 2000 to 2013",
        "Listening on http://127.0.0.1:",
    ] {
        assert!(said.contains(line), "nothing of {line:?} in {said}");
    }

    let ours = server.sign_in("acme", "demo@example.com").await;
    let theirs = server.sign_in("globex", "demo@example.com").await;
    let by_host = sign_in_by_host(&server.api().with("host", "acme.localhost")).await;
    assert_eq!(by_host["user"]["tenant"]["slug"], "acme");
    assert_eq!(by_host["user"]["role"], "user");

    let quote = ours.quote("AAPL").await;
    assert_eq!(quote["source"], "replay");
    assert_in_range_of_bars(&quote["last"]);
    let placed = ours.order(&buy("AAPL", "10")).await;
    let id = placed["order"]["id"].as_str().unwrap().to_owned();
    let order = ours.order_in(&id, "filled").await;
    assert_in_range_of_bars(&order["average_price"]);

    let position = ours
        .get("/api/v1/portfolio/positions/AAPL")
        .await
        .expect(200)
        .json();
    assert_eq!(position["quantity"], "10");
    let account = ours.get("/api/v1/account").await.expect(200).json();
    let spent = cents(&position["cost"]);
    assert_eq!(
        spent + cents(&account["buying_power"]),
        1_000_000,
        "{position} {account}"
    );

    // The other tenant's user of the same name sees nothing of it, under either base path.
    for base in ["/api/v1", "/api"] {
        let portfolio = theirs.get(&format!("{base}/portfolio")).await.expect(200).json();
        assert_eq!(portfolio["positions"], json!([]));
        assert_eq!(portfolio["account"]["buying_power"], "10000.00");
        let orders = theirs.get(&format!("{base}/orders")).await.expect(200).json();
        assert_eq!(orders["data"], json!([]));
        let order = theirs.get(&format!("{base}/orders/{id}")).await;
        assert_eq!(order.verdict(), (404, "not_found".to_owned()));
        ours.get(&format!("{base}/orders/{id}")).await.expect(200);
    }
}

async fn sign_in_by_host(api: &crate::support::Api) -> Value {
    let body = json!({ "email": "demo@example.com", "password": PASSWORD });
    api.post("/api/v1/auth/login", &body).await.expect(200).json()
}

/// The cents of an amount, which always has two decimals.
fn cents(amount: &Value) -> i64 {
    amount.as_str().unwrap().replace('.', "").parse().unwrap()
}

fn assert_in_range_of_bars(price: &Value) {
    let data = ReplayData::bundled().unwrap();
    let bars = data.bars("AAPL".parse().unwrap()).unwrap();
    let price: trading::Price = price.as_str().unwrap().parse().unwrap();
    let low = bars.iter().map(|bar| bar.low).min().unwrap();
    let high = bars.iter().map(|bar| bar.high).max().unwrap();
    assert!(low <= price && price <= high, "{low} <= {price} <= {high}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_tenant_nobody_signs_in() {
    let server = shared().await;
    let body = json!({ "email": "demo@example.com", "password": PASSWORD });

    let nowhere = server.api().post("/api/v1/auth/login", &body).await;
    let unknown = server
        .api()
        .tenant("initrode")
        .post("/api/v1/auth/login", &body)
        .await;
    let wrong = json!({ "email": "demo@example.com", "password": "not the password" });
    let guessed = server
        .api()
        .tenant("acme")
        .post("/api/v1/auth/login", &wrong)
        .await;

    assert_eq!(nowhere.verdict(), (400, "tenant_required".to_owned()));
    assert_eq!(unknown.verdict(), (404, "tenant_unknown".to_owned()));
    assert_eq!(guessed.verdict(), (401, "invalid_credentials".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_registers_once_in_each_tenant_and_starts_with_ten_thousand() {
    let server = shared().await;
    let body = json!({ "email": "ada@example.com", "password": PASSWORD, "first_name": "Ada", "last_name": "Lovelace" });

    for tenant in ["acme", "globex"] {
        let api = server.api().tenant(tenant);
        let made = api.post("/api/v1/auth/register", &body).await.expect(201).json();
        assert_eq!(made["user"]["role"], "user");
        assert_eq!(made["user"]["tenant"]["slug"], tenant);
        let ada = api.bearer(made["token"].as_str().unwrap());
        let account = ada.get("/api/v1/account").await.expect(200).json();
        assert_eq!(account["buying_power"], "10000.00");

        let again = api.post("/api/v1/auth/register", &body).await;
        assert_eq!(again.verdict(), (409, "email_taken".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_refused_as_soon_as_its_session_is_signed_out() {
    let server = shared().await;
    let user = server.sign_in("acme", "demo@example.com").await;
    let other_session = server.sign_in("acme", "demo@example.com").await;
    user.get("/api/v1/auth/me").await.expect(200);

    user.call(reqwest::Method::POST, "/api/v1/auth/logout", None)
        .await
        .expect(204);

    for path in [
        "/api/v1/auth/me",
        "/api/auth/me",
        "/api/v1/orders",
        "/api/v1/quotes",
    ] {
        assert_eq!(
            user.get(path).await.verdict(),
            (401, "invalid_token".to_owned()),
            "{path}"
        );
    }
    other_session.get("/api/v1/auth/me").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_lists_the_users_of_the_own_tenant_and_a_user_may_not() {
    let server = shared().await;
    let admin = server.sign_in("globex", "admin@example.com").await;
    let user = server.sign_in("globex", "demo@example.com").await;

    let users = admin.all("/admin/v1/users").await;
    let refused = user.get("/admin/v1/users").await;

    assert!(users.iter().any(|user| user["email"] == "demo@example.com"));
    assert!(
        users.iter().all(|user| user["tenant"]["slug"] == "globex"),
        "{users:?}"
    );
    assert_eq!(refused.verdict(), (403, "forbidden".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_documents_and_quotes_need_no_credential_and_metrics_do() {
    let server = shared().await;
    let api = server.api();
    api.quote("AAPL").await;

    assert_eq!(api.get("/livez").await.expect(200).text, "alive\n");
    assert_eq!(api.get("/readyz").await.expect(200).text, "ready\n");
    let health = api.get("/health").await.expect(200).json();
    assert_eq!(health, json!({ "status": "ok" }));
    let document = api.get("/openapi.json").await.expect(200).json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let page = api.get("/docs/").await;
    assert!(page.expect(200).text.contains("swagger"), "{page:?}");
    assert_eq!(api.get("/docs").await.status, 200);
    for base in ["/api/v1", "/api"] {
        let quotes = api.get(&format!("{base}/quotes")).await.expect(200).json();
        // Twenty simulated symbols, and three that only the recording has.
        assert_eq!(quotes["data"].as_array().unwrap().len(), 23, "{quotes}");
        let batch = api.get(&format!("{base}/quotes/batch?symbols=IBM,TSLA")).await;
        let symbols: Vec<Value> = batch.expect(200).json()["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|quote| quote["symbol"].clone())
            .collect();
        assert_eq!(symbols, ["IBM", "TSLA"]);
    }
    assert_eq!(api.get("/metrics").await.verdict().0, 401);
    assert_eq!(api.get("/nowhere").await.verdict(), (404, "not_found".to_owned()));
}
