//! PostgreSQL dies under a running server.

use crate::support::{DataDir, Launch, buy, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_database_is_started_again_and_answered_503_meanwhile() {
    let data = DataDir::new();
    let server = Launch::on(&data).start().await;
    let user = server.sign_in("acme", "demo@example.com").await;

    for round in 0..3 {
        let id = user.order(&buy("AAPL", "1")).await["order"]["id"]
            .as_str()
            .unwrap()
            .to_owned();

        let killed = data.kill_postgres();

        let first = user.get("/api/v1/account").await;
        assert_eq!(first.verdict(), (503, "unavailable".to_owned()), "round {round}");
        assert!(first.headers.contains_key("retry-after"));
        assert_eq!(user.get("/livez").await.status, 200);
        // What needs no database goes on, and anonymous callers notice nothing.
        server.api().get("/api/v1/quotes").await.expect(200);
        eventually("the database to come back", || async {
            let answer = user.get(&format!("/api/v1/orders/{id}")).await;
            if answer.status != 200 {
                assert_eq!(answer.verdict(), (503, "unavailable".to_owned()));
            }
            (answer.status == 200).then_some(())
        })
        .await;
        assert!(data.postmaster().is_some_and(|running| running != killed));
        user.order(&buy("AAPL", "1")).await;
        eventually("the server to be ready", || async {
            (user.get("/readyz").await.status == 200).then_some(())
        })
        .await;
    }

    server
        .stop()
        .await
        .expect(0, &["the embedded PostgreSQL is gone; it is started again"]);
    assert!(data.postmaster().is_none(), "PostgreSQL outlived the server");
}
