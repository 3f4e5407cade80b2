//! What an admin takes out of the trail is proof against whoever owns the database.

use serde_json::Value;

use platform_audit::{KeyName, VerifierKey, Verifiers, verify_event};

use super::support::{audit, file, launch, log_of, one, stranger, tamper, trail, verified};
use crate::support::{Api, DataDir, buy, eventually, limit_buy};

/// The trail of one order, as soon as a checkpoint covers it.
async fn exported(admin: &Api, order: &str) -> String {
    let path = format!("/admin/v1/audit/export?target_kind=order&target_id={order}");
    eventually("the order's event to be signed", || async {
        let answer = admin.get(&path).await;
        let has_event = answer.status == 200 && answer.text.contains("\"kind\":\"event\"");
        has_event.then_some(answer.text)
    })
    .await
}

/// Position and id of the one event of an export.
fn the_event(export: &str) -> (u64, String) {
    let events: Vec<Value> = export
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["kind"] == "event")
        .collect();
    let [event] = &events[..] else {
        panic!("one event: {export}");
    };
    let entry: Value = serde_json::from_str(event["entry"].as_str().unwrap()).unwrap();
    (
        event["seq"].as_u64().unwrap(),
        entry["id"].as_str().unwrap().to_owned(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_superuser_deletes_is_named_and_was_proven_to_a_stranger_before() {
    let data = DataDir::new();
    let server = launch(&data).start().await;
    let admin = server.sign_in("acme", "admin@example.com").await;
    let placed = admin.order(&buy("AAPL", "1")).await;
    let order = placed["order"]["id"].as_str().unwrap();

    let export = exported(&admin, order).await;
    let (seq, id) = the_event(&export);
    let (origin, vkey) = log_of(&data, "acme").await;
    let (_folder, path) = file("order.jsonl", &export);
    let judge = || stranger(&path, &vkey, &origin);
    if let Some(judged) = judge() {
        assert!(judged.status.success(), "{judged:?}");
        let proven: Value = serde_json::from_slice(&judged.stdout).unwrap();
        assert_eq!(proven["actions"], serde_json::json!(["order.place"]));
    }
    let clean = audit(&data, &["verify", "--json"]).run().await;
    assert_eq!(verified(&clean, 0)["clean"], true);

    let month = one::<String>(
        &data,
        "select tableoid::regclass::text from platform_audit.event limit 1",
    )
    .await;
    let deleted = format!("delete from platform_audit.event where id = '{id}'");
    tamper(&data, &["platform_audit.event", &month], &[deleted]).await;

    let found = audit(&data, &["verify", "--json"]).run().await;
    let found = verified(&found, 1);
    let findings = &trail(&found, "acme")["findings"];
    assert_eq!(findings.as_array().unwrap().len(), 1, "{findings:#}");
    assert_eq!(findings[0]["finding"], "missing");
    assert_eq!(
        (findings[0]["first"].as_u64(), findings[0]["last"].as_u64()),
        (Some(seq), Some(seq))
    );
    assert_eq!(findings[0]["event_id"], id);
    assert_eq!(trail(&found, "globex")["clean"], true);
    let told = audit(&data, &["verify"]).run().await;
    told.expect(1, &[&format!("position {seq}: the event is gone (event {id})")]);
    // What was proven stays so.
    if let Some(judged) = judge() {
        assert!(judged.status.success(), "{judged:?}");
    }
    server.stop().await.expect(0, &[]);
    // Nobody needs the server for it.
    let found = audit(&data, &["verify", "--tenant", "acme"]).run().await;
    found.expect(1, &[&id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_verifies_offline_and_not_when_anything_in_it_was_changed() {
    let data = DataDir::new();
    let server = launch(&data).start().await;
    let admin = server.sign_in("acme", "admin@example.com").await;
    let placed = admin.order(&buy("AAPL", "1")).await;
    let export = exported(&admin, placed["order"]["id"].as_str().unwrap()).await;
    let (origin, vkey) = log_of(&data, "acme").await;
    let (other_origin, other_vkey) = log_of(&data, "globex").await;
    server.stop().await.expect(0, &[]);
    let verify = async |text: &str, vkey: &str, origin: &str| {
        let (_folder, path) = file("export.jsonl", text);
        // Nothing of the data folder, no database, no configuration.
        let mut words = vec!["audit", "verify", "--from", path.to_str().unwrap()];
        words.extend(["--vkey", vkey, "--origin", origin]);
        let ended = words
            .iter()
            .fold(crate::support::Launch::bare(), |launch, word| launch.arg(*word))
            .run()
            .await;
        let stranger = stranger(&path, vkey, origin).map(|judged| judged.status.success());
        (ended.code(), stranger.unwrap_or(ended.code() == Some(0)))
    };

    assert_eq!(verify(&export, &vkey, &origin).await, (Some(0), true));
    let altered = export.replace("order.place", "order.plaze");
    assert_eq!(verify(&altered, &vkey, &origin).await, (Some(1), false));
    let cut_off: String = export.lines().take(2).map(|line| format!("{line}\n")).collect();
    assert_eq!(verify(&cut_off, &vkey, &origin).await, (Some(1), false));
    // Of another log, or by another key, nothing in it is to be believed.
    assert_eq!(verify(&export, &other_vkey, &origin).await, (Some(2), false));
    assert_eq!(verify(&export, &vkey, &other_origin).await, (Some(2), false));
    assert_eq!(verify("", &vkey, &origin).await, (Some(2), false));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_trail_verifies_for_everybody_and_a_user_gets_nothing_of_it() {
    let data = DataDir::new();
    let server = launch(&data).start().await;
    let user = server.sign_in("acme", "demo@example.com").await;
    user.order(&buy("AAPL", "1")).await;
    for path in [
        "/admin/v1/audit/events",
        "/admin/v1/audit/export",
        "/admin/v1/audit/checkpoint",
    ] {
        let refused = user.get(path).await;
        assert_eq!(refused.verdict(), (403, "forbidden".to_owned()), "{path}");
    }
    let admin = server.sign_in("acme", "admin@example.com").await;
    // The refusals are in the trail before they are answered.
    let denied = admin
        .get("/admin/v1/audit/events?action=access.deny")
        .await
        .expect(200)
        .json();
    assert_eq!(denied["data"].as_array().unwrap().len(), 3, "{denied:#}");

    let (origin, vkey) = log_of(&data, "acme").await;
    let folder = tempfile::TempDir::new().unwrap();
    let whole = folder.path().join("acme.jsonl.gz");
    let manifest = folder.path().join("acme.manifest");
    let (whole, manifest) = (whole.to_str().unwrap(), manifest.to_str().unwrap());
    let words = [
        "export",
        "--tenant",
        "acme",
        "--out",
        whole,
        "--manifest",
        manifest,
    ];
    audit(&data, &words).run().await.expect(0, &["bytes in"]);
    if let Some(judged) = stranger(whole.as_ref(), &vkey, &origin) {
        assert!(judged.status.success(), "{judged:?}");
    }
    let against = ["--vkey", &vkey, "--origin", &origin, "--json"];
    let words = [&["verify", "--from", whole, "--manifest", manifest][..], &against].concat();
    let report = verified(&audit(&data, &words).run().await, 0);
    let report = &report["trails"][0];
    assert_eq!(report["proven"]["size"], report["size"]);
    // An export that is there is not overwritten.
    let again = ["export", "--tenant", "acme", "--out", whole];
    audit(&data, &again).run().await.expect(66, &["cannot be made"]);
    let table = folder.path().join("acme.csv");
    let table = table.to_str().unwrap();
    let words = [
        "export", "--tenant", "acme", "--out", table, "--form", "csv", "--action", "order.",
    ];
    audit(&data, &words).run().await.expect(0, &[]);
    let rows = std::fs::read_to_string(table).unwrap();
    assert!(
        rows.contains("order.place") && !rows.contains("auth.sign_in"),
        "{rows}"
    );
    server.stop().await.expect(0, &[]);
}

/// The events of an order that a customer has proofs of, oldest first, as soon as there are so many.
async fn proven(customer: &Api, order: &str, count: usize) -> Vec<Value> {
    let path = format!("/api/v1/orders/{order}/proof");
    eventually("the order's events to be proven", || async {
        let mut events = customer.all(&path).await;
        events.reverse();
        let all = events.len() == count && events.iter().all(|event| event["proof"].is_string());
        all.then_some(events)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_takes_away_proofs_of_an_order_that_anybody_can_check() {
    let data = DataDir::new();
    let server = launch(&data).start().await;
    let customer = server.sign_in("acme", "demo@example.com").await;
    let placed = customer.order(&limit_buy("AAPL", "1", "1")).await;
    let order = placed["order"]["id"].as_str().unwrap();
    customer
        .delete(&format!("/api/v1/orders/{order}"))
        .await
        .expect(200);

    let events = proven(&customer, order, 2).await;
    let (origin, vkey) = log_of(&data, "acme").await;

    let origin: KeyName = origin.parse().unwrap();
    let trusted = Verifiers::from(vkey.parse::<VerifierKey>().unwrap());
    for (event, action) in events.iter().zip(["order.place", "order.cancel"]) {
        let (entry, proof) = (event["entry"].as_str().unwrap(), event["proof"].as_str().unwrap());
        verify_event(entry.as_bytes(), proof, &origin, &trusted).unwrap();
        let altered = entry.replace(order, "00000000-0000-7000-8000-000000000000");
        assert!(verify_event(altered.as_bytes(), proof, &origin, &trusted).is_err());
        let said: Value = serde_json::from_str(entry).unwrap();
        assert_eq!(
            (&said["action"], &event["action"]),
            (&action.into(), &action.into())
        );
    }
    // Nobody else has it, neither beside them nor in another tenant.
    let path = format!("/api/v1/orders/{order}/proof");
    for (tenant, email) in [("acme", "admin@example.com"), ("globex", "demo@example.com")] {
        let other = server.sign_in(tenant, email).await;
        assert_eq!(other.get(&path).await.status, 404, "{tenant}");
    }
    server.stop().await.expect(0, &[]);
}
