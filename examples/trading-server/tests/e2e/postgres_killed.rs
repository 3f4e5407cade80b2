//! PostgreSQL dies under a running server.

use crate::support::{Api, DataDir, Launch, buy, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_database_is_started_again_under_the_running_server() {
    let data = DataDir::new();
    let server = Launch::on(&data).start().await;
    let user = server.sign_in("acme", "demo@example.com").await;

    for _ in 0..3 {
        let id = place(&user).await;

        let killed = data.kill_postgres();

        user.get("/livez").await.expect(200);
        // What needs no database goes on.
        server.api().get("/api/v1/quotes").await.expect(200);
        is_there_again(&user, &id).await;
        assert!(data.postmaster().is_some_and(|running| running != killed));
        place(&user).await;
    }

    let said = "the embedded PostgreSQL is gone; it is started again";
    server.stop().await.expect(0, &[said]);
    assert!(data.postmaster().is_none(), "PostgreSQL outlived the server");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_cannot_be_started_requests_are_answered_503() {
    let data = DataDir::new();
    let server = Launch::on(&data)
        .env("PLATFORM_DATABASE_ACQUIRE_TIMEOUT_MS", "300")
        .start()
        .await;
    let user = server.sign_in("acme", "demo@example.com").await;
    let admin = server.sign_in("acme", "admin@example.com").await;
    let id = place(&user).await;

    // Without its version the folder is no cluster.
    let version = data.path().join("pg/PG_VERSION");
    let aside = data.path().join("PG_VERSION.aside");
    std::fs::rename(&version, &aside).unwrap();
    data.kill_postgres();

    for (api, path) in [
        (&user, "/api/v1/account"),
        (&user, "/api/v1/orders"),
        (&user, "/api/v1/auth/me"),
        (&admin, "/admin/v1/users"),
    ] {
        let answer = api.get(path).await;
        assert_eq!(answer.verdict(), (503, "unavailable".to_owned()), "{path}");
        assert!(answer.headers.contains_key("retry-after"), "{path}");
    }
    let order = user.post("/api/v1/orders", &buy("AAPL", "1")).await;
    assert_eq!(order.verdict(), (503, "unavailable".to_owned()));
    eventually("the server to say that it is not ready", || async {
        (user.get("/readyz").await.status == 503).then_some(())
    })
    .await;
    user.get("/livez").await.expect(200);
    assert_eq!(
        server.api().get("/health").await.expect(503).json()["status"],
        "down"
    );
    server.api().get("/api/v1/quotes").await.expect(200);

    std::fs::rename(&aside, &version).unwrap();

    is_there_again(&user, &id).await;
    eventually("the server to be ready", || async {
        (user.get("/readyz").await.status == 200).then_some(())
    })
    .await;
    assert_eq!(
        user.all("/api/v1/orders").await.len(),
        1,
        "an order that was answered 503 was placed"
    );
    server.stop().await.expect(0, &["worker database.keeper failed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_stopped_while_its_database_is_gone_ends_cleanly() {
    let data = DataDir::new();
    let server = Launch::on(&data).start().await;
    std::fs::rename(data.path().join("pg/PG_VERSION"), data.path().join("aside")).unwrap();
    data.kill_postgres();

    let ended = server.stop().await;

    assert_eq!(ended.code(), Some(0), "{ended:?}");
    std::fs::rename(data.path().join("aside"), data.path().join("pg/PG_VERSION")).unwrap();
    Launch::on(&data).arg("check").run().await.expect(0, &[]);
}

async fn place(user: &Api) -> String {
    user.order(&buy("AAPL", "1")).await["order"]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Waits until an order can be read again; until then there is nothing but 503.
async fn is_there_again(user: &Api, id: &str) {
    let path = format!("/api/v1/orders/{id}");
    eventually("the database to come back", || async {
        let answer = user.get(&path).await;
        if answer.status == 200 {
            return Some(());
        }
        assert_eq!(answer.verdict(), (503, "unavailable".to_owned()));
        None
    })
    .await;
}
