//! Nothing that identifies or lets in a person leaves the server by another way than to that person.

use serde_json::json;

use crate::support::{DataDir, Launch, PASSWORD, buy, limit_buy};

#[tokio::test(flavor = "multi_thread")]
async fn no_log_line_holds_a_token_a_password_or_an_address() {
    for format in ["json", "pretty"] {
        let data = DataDir::new();
        let server = Launch::on(&data)
            .env("PLATFORM_LOG_FILTER", "trace")
            .env("PLATFORM_LOG_FORMAT", format)
            .env("PLATFORM_METRICS_ACCESS", "open")
            .start()
            .await;
        let mut secrets = vec![
            PASSWORD.to_owned(),
            "demo@example.com".to_owned(),
            "admin@example.com".to_owned(),
        ];

        let user = server.sign_in("acme", "demo@example.com").await;
        let admin = server.sign_in("acme", "admin@example.com").await;
        let ada = server.api().register("globex", "ada.lovelace@example.com").await;
        for api in [&user, &admin, &ada] {
            secrets.push(api.token().to_owned());
            // Parts of it are as bad.
            secrets.extend(
                api.token()
                    .split('_')
                    .filter(|part| part.len() > 10)
                    .map(str::to_owned),
            );
        }
        secrets.push("ada.lovelace".to_owned());
        let guess = json!({ "email": "nobody.here@example.com", "password": "guessed-pass-1" });
        server
            .api()
            .tenant("acme")
            .post("/api/v1/auth/login", &guess)
            .await
            .expect(401);
        let malformed = json!({ "email": "nobody.here@example.com", "password": ["guessed-pass-1"] });
        server
            .api()
            .tenant("acme")
            .post("/api/v1/auth/login", &malformed)
            .await
            .expect(422);
        let short = json!({ "email": "nobody.here@example.com", "password": "pass-1x" });
        server
            .api()
            .tenant("acme")
            .post("/api/v1/auth/register", &short)
            .await
            .expect(422);
        secrets.extend(["guessed-pass-1", "nobody.here", "pass-1x"].map(str::to_owned));
        // A client that puts things where they do not belong.
        let in_query = format!(
            "/api/v1/orders?token={}&email=lost.soul@example.com",
            user.token()
        );
        user.get(&in_query).await;
        server
            .api()
            .get(&format!("/api/v1/{}", user.token()))
            .await
            .expect(404);
        server
            .api()
            .with("x-request-id", user.token())
            .get("/api/v1/quotes")
            .await;
        server
            .api()
            .with("user-agent", "lost.soul@example.com")
            .get("/api/v1/quotes")
            .await;
        server
            .api()
            .with("authorization", "Bearer not-a-token-of-ours-123456")
            .get("/api/v1/orders")
            .await
            .expect(401);
        secrets.extend(["lost.soul", "not-a-token-of-ours-123456"].map(str::to_owned));
        let mut named = buy("AAPL", "1");
        named["client_order_id"] = json!("order-of-ada");
        user.order(&named).await;
        let resting = user.order(&limit_buy("AAPL", "1", "1.00")).await;
        user.delete(&format!(
            "/api/v1/orders/{}",
            resting["order"]["id"].as_str().unwrap()
        ))
        .await
        .expect(200);
        admin.all("/admin/v1/users").await;
        let metrics = server.api().get("/metrics").await.expect(200).text.clone();
        // Statements that carry them are cut off in the middle.
        data.kill_postgres();
        let answer = ada.get("/api/v1/auth/me").await;
        assert!([200, 503].contains(&answer.status), "{answer:?}");
        user.call(reqwest::Method::POST, "/api/v1/auth/logout", None)
            .await;

        let ended = server.stop().await;

        let of_database = std::fs::read_to_string(data.path().join("pg.log")).unwrap();
        assert!(ended.stderr.lines().count() > 50, "the log is silent");
        let places = [
            ("log", &ended.stderr),
            ("metrics", &metrics),
            ("log of PostgreSQL", &of_database),
        ];
        for (place, text) in places {
            for line in text.lines() {
                for secret in &secrets {
                    assert!(
                        !line.contains(secret.as_str()),
                        "{secret:?} in the {place} ({format}): {line}"
                    );
                }
            }
        }
        // The one place: how to sign in, said once.
        let said: Vec<&str> = ended
            .stdout
            .lines()
            .filter(|line| line.contains(PASSWORD))
            .collect();
        assert_eq!(said.len(), 4, "{}", ended.stdout);
        assert!(said.iter().all(|line| line.starts_with("  tenant ")), "{said:?}");
        for token in [&user, &admin, &ada] {
            assert!(!ended.stdout.contains(token.token()));
        }
    }
}
