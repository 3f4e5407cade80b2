//! The command `verify` finds what was lost or altered, and says when it could not look.

use platform_core::embedded::Cluster;
use platform_core::sqlx::{AssertSqlSafe, Connection, PgConnection, query, query_scalar};
use serde_json::Value;

use crate::support::{DataDir, Ended, Launch, buy, limit_buy};

async fn verify(data: &DataDir, words: &[&str]) -> Ended {
    let launch = Launch::on(data).arg("verify");
    words
        .iter()
        .fold(launch, |launch, word| launch.arg(*word))
        .run()
        .await
}

/// Changes rows of some tables as a superuser, past every trigger, and leaves the triggers as they were.
async fn tamper(data: &DataDir, tables: &[&str], sql: &[String]) {
    let endpoint = Cluster::attach(data.path()).await.unwrap().unwrap();
    let url = endpoint.url("platform_superuser", "platform");
    let mut superuser = PgConnection::connect(&url).await.unwrap();
    let triggers: Vec<(String, String)> = platform_core::sqlx::query_as(
        "select tgrelid::regclass::text, tgname::text from pg_trigger
         where tgrelid = any ($1::text[]::regclass[]) and not tgisinternal and tgenabled = 'A'",
    )
    .bind(tables)
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    assert!(triggers.len() >= tables.len(), "{triggers:?}");
    let off = tables
        .iter()
        .map(|table| format!("alter table {table} disable trigger user"));
    let on = triggers
        .iter()
        .map(|(table, trigger)| format!("alter table {table} enable always trigger {trigger}"));
    for statement in off.chain(sql.iter().cloned()).chain(on) {
        query(AssertSqlSafe(statement))
            .execute(&mut superuser)
            .await
            .unwrap();
    }
    superuser.close().await.unwrap();
}

/// The month of the audit trail that has events.
async fn month(data: &DataDir) -> String {
    let endpoint = Cluster::attach(data.path()).await.unwrap().unwrap();
    let url = endpoint.url("platform_superuser", "platform");
    let mut superuser = PgConnection::connect(&url).await.unwrap();
    let name = query_scalar("select tableoid::regclass::text from platform_audit.event limit 1");
    name.fetch_one(&mut superuser).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_does_to_the_rows_is_found_and_named() {
    let data = DataDir::new();
    let server = Launch::on(&data).start().await;
    let customer = server.sign_in("acme", "demo@example.com").await;
    let order = customer.order(&buy("AAPL", "1")).await["order"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    customer.order(&limit_buy("AAPL", "1", "1")).await;

    let clean = verify(&data, &[]).await;
    clean.expect(0, &["acme: ", "globex: ", " 0 findings", "proven up to"]);

    // More cash for everybody, and what would give it away altered as well.
    let more = [
        "update trading.account set available_cents = available_cents + 100 where tenant_id = (select id from platform_core.tenant where slug = 'acme')".to_owned(),
        "update trading.transfer set amount = amount + 100 where code = 'deposit' and tenant_id = (select id from platform_core.tenant where slug = 'acme')".to_owned(),
    ];
    tamper(&data, &["trading.account", "trading.transfer"], &more).await;
    let found = verify(&data, &["--json"]).await;
    found.expect(1, &[]);
    let found: Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!(
        (&found["clean"], &found["not_verified"]),
        (&false.into(), &serde_json::json!([]))
    );
    let of = |name: &str| {
        found["tenants"]
            .as_array()
            .unwrap()
            .iter()
            .find(|books| books["tenant"] == name)
            .unwrap()
    };
    assert_eq!(of("globex")["clean"], true);
    let rules: Vec<&str> = of("acme")["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["rule"].as_str().unwrap())
        .collect();
    assert!(rules.contains(&"cash"), "{rules:?}");
    assert!(rules.contains(&"ledger"), "{rules:?}");
    verify(&data, &["--tenant", "globex"])
        .await
        .expect(0, &["globex: "]);
    for (tenant, clean) in [("acme", false), ("globex", true)] {
        let admin = server.sign_in(tenant, "admin@example.com").await;
        let page = admin
            .post("/admin/v1/trading/verification", &serde_json::json!({}))
            .await
            .expect(200)
            .json();
        assert_eq!(page["clean"], clean, "{tenant}: {page}");
    }

    // An order that was never cancelled.
    let gone = [format!(
        "update trading.orders set status = 'cancelled', filled_e6 = 0 where id = '{order}'"
    )];
    tamper(&data, &["trading.orders"], &gone).await;
    verify(&data, &["--tenant", "acme"])
        .await
        .expect(1, &[&order, "is not what its events come to"]);

    // An event of the audit trail, which the books do not miss.
    let month = month(&data).await;
    let forgotten = ["delete from platform_audit.event where action = 'order.place'".to_owned()];
    tamper(&data, &["platform_audit.event", &month], &forgotten).await;
    verify(&data, &[]).await.expect(1, &["the event is gone"]);
    server.stop().await.expect(0, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_looked_at_is_neither_sound_nor_broken() {
    let data = DataDir::new();
    Launch::on(&data).arg("verify").run().await.expect(2, &[]);
    verify(&data, &["--nonsense"]).await.expect(2, &["--nonsense"]);

    let server = Launch::on(&data).start().await;
    verify(&data, &["--tenant", "nobody"])
        .await
        .expect(2, &["nobody"]);
    server.stop().await.expect(0, &[]);
}
