//! An administrator verifies what is stored, through the route.

use super::app::{Answer, App, order};

const PATH: &str = "/admin/v1/trading/verification";

async fn verify(app: &App, who: &str, query: &str) -> Answer {
    app.post(who, &format!("{PATH}{query}"), "").await
}

/// Two customers of the one tenant and one of the other, who have traded.
async fn traded() -> App {
    let app = App::new().await;
    app.world.quote("10.00", "10.01", "1000");
    for who in ["alice", "bob", "carol"] {
        app.order(who, "", &order("buy", "10", None)).await.ok();
        app.order(who, "", &order("sell", "5", Some("12.00"))).await.ok();
    }
    app
}

#[tokio::test]
async fn what_is_stored_is_verified_page_by_page() {
    let app = traded().await;

    let first = verify(&app, "viewer", "?limit=1").await.ok();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = verify(&app, "admin", &format!("?limit=1&cursor={cursor}"))
        .await
        .ok();

    assert_eq!(
        (&first["clean"], &first["sums_verified"]),
        (&true.into(), &true.into())
    );
    assert_eq!((&first["accounts"], &second["accounts"]), (&1.into(), &1.into()));
    assert!(first["events"].as_u64() >= Some(4), "{first}");
    assert_eq!(
        (&second["sums_verified"], &second["next_cursor"]),
        (&false.into(), &serde_json::Value::Null)
    );
    assert_eq!(
        (&second["findings_total"], &second["not_verified"]),
        (&0.into(), &serde_json::Value::Null)
    );
}

#[tokio::test]
async fn what_somebody_altered_is_found_and_is_nobody_elses() {
    let app = traded().await;
    let tenant = app.world.tenant;
    let altered = format!(
        "update trading.account set available_cents = available_cents + 1 where tenant_id = '{tenant}'"
    );
    assert_eq!(app.world.by_hand(altered).await, 2);

    let found = verify(&app, "viewer", "").await.ok();

    let rules: Vec<_> = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["rule"].as_str().unwrap())
        .collect();
    assert!(
        rules.contains(&"cash") && rules.contains(&"available cash is the ledger's"),
        "{found}"
    );
    assert_eq!(found["clean"], false);
    assert_eq!(found["findings_total"], rules.len());
    let abroad = verify(&app, "abroad", "").await.ok();
    assert_eq!((&abroad["clean"], &abroad["accounts"]), (&true.into(), &1.into()));
    let told: Vec<(String, String)> = app
        .world
        .rows("select actor_id::text, detail::text from platform_audit.event where action = 'books.verify'")
        .await;
    assert!(
        told.len() == 1 && told[0].1.contains(&format!(r#""findings": {}"#, rules.len())),
        "{told:?}"
    );
}

#[tokio::test]
async fn whoever_may_not_see_all_accounts_is_refused() {
    let app = traded().await;

    for who in ["alice", "bob", "reader"] {
        assert_eq!(
            verify(&app, who, "").await.problem(),
            (403, "forbidden".to_owned()),
            "{who}"
        );
    }
    assert_eq!(verify(&app, "", "").await.problem().0, 401);
    let wrong = verify(&app, "viewer", "?limit=1000").await;
    assert_eq!(wrong.problem(), (422, "invalid_limit".to_owned()));
    let wrong = verify(&app, "viewer", "?cursor=nonsense").await;
    assert_eq!(wrong.problem(), (400, "invalid_cursor".to_owned()));
}
