//! What else an operator does with the trail, beside a running server.

use super::support::{audit, launch, log_of};
use crate::support::{DataDir, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn holds_are_placed_listed_and_released_and_each_of_it_is_an_event() {
    let data = DataDir::new();
    let server = launch(&data).start().await;
    let admin = server.sign_in("acme", "admin@example.com").await;

    let words = [
        "hold",
        "place",
        "--tenant",
        "acme",
        "--reason",
        "case 2026-118",
        "--target",
        "order:7",
        "--from",
        "2026-01-31T00:00:00Z",
    ];
    let placed = audit(&data, &words).run().await;
    placed.expect(
        0,
        &["target order:7", "from 2026-01-31T00:00:00Z", "case 2026-118"],
    );
    let id = placed.stdout.split(' ').next().unwrap().to_owned();
    let list = ["hold", "list", "--tenant", "acme"];
    audit(&data, &list).run().await.expect(0, &[&id]);
    let release = ["hold", "release", "--tenant", "acme", "--hold", &id];
    audit(&data, &release).run().await.expect(0, &["released"]);
    audit(&data, &release).run().await.expect(2, &["no hold"]);
    assert_eq!(audit(&data, &list).run().await.stdout, "");

    for action in ["audit.hold_place", "audit.hold_release"] {
        let path = format!("/admin/v1/audit/events?action={action}");
        let events = admin.get(&path).await.expect(200).json();
        assert_eq!(
            events["data"].as_array().unwrap().len(),
            1,
            "{action}: {events:#}"
        );
    }
    for wrong in [
        vec!["hold", "place", "--tenant", "acme", "--reason", " "],
        vec![
            "hold",
            "place",
            "--tenant",
            "acme",
            "--reason",
            "x",
            "--from",
            "yesterday",
        ],
        vec!["hold", "list", "--tenant", "nobody"],
    ] {
        assert_eq!(audit(&data, &wrong).run().await.code(), Some(2), "{wrong:?}");
    }
    server.stop().await.expect(0, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pruning_asks_for_a_yes_and_deletes_nothing_whose_time_is_not_over() {
    let data = DataDir::new();
    let server = launch(&data).start().await;

    let asked = audit(&data, &["prune"]).run().await;
    asked.expect(2, &[]);
    assert!(
        asked.stderr.contains("--yes") && asked.stderr.contains("not archived"),
        "{asked:?}"
    );
    audit(&data, &["prune", "--yes"])
        .run()
        .await
        .expect(0, &["deleted 0 events"]);
    let folder = tempfile::TempDir::new().unwrap();
    let archive = folder.path().to_str().unwrap();
    let with = |words: &[&str]| audit(&data, words).env("PLATFORM_AUDIT_ARCHIVE_DIR", archive);
    let asked = with(&["prune"]).run().await;
    assert!(asked.stderr.contains(archive), "{asked:?}");
    with(&["prune", "--yes"])
        .run()
        .await
        .expect(0, &["archived 0 months", "deleted 0 events"]);
    server.stop().await.expect(0, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_each_log_is_printed_without_its_secret() {
    let data = DataDir::new();
    let server = launch(&data).start().await;

    let (origin, vkey) = log_of(&data, "acme").await;

    assert!(origin.starts_with("localhost/audit/"), "{origin}");
    assert!(vkey.starts_with(&format!("{origin}+")), "{vkey}");
    let printed = audit(&data, &["key"]).run().await;
    printed.expect(0, &["acme", "globex", &vkey]);
    let secret = std::fs::read_to_string(data.path().join("audit/log.key")).unwrap();
    // PRIVATE+KEY+name+id+base64, and a plus is a character of base64 too.
    let secret = secret.trim().splitn(5, '+').nth(4).unwrap();
    assert_eq!(secret.len(), 44);
    assert!(!printed.output().contains(secret));
    let ended = server.stop().await;
    assert!(!ended.output().contains(secret));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_that_cannot_be_run_ends_with_its_own_code() {
    let data = DataDir::new();

    // There is no trail yet, and nobody to ask.
    let words: [&[&str]; 4] = [
        &[
            "verify",
            "--from",
            "/nowhere/export.jsonl",
            "--vkey",
            "x",
            "--origin",
            "y",
        ],
        &["verify", "--from", "/nowhere/export.jsonl"],
        &["verify", "--tenant", "nobody"],
        &["verify", "--vkey", "not a key"],
    ];

    for words in words {
        let ended = audit(&data, words).run().await;
        assert_eq!(ended.code(), Some(2), "{words:?}: {ended:?}");
    }
    let unconfigured = crate::support::Launch::bare()
        .env("DATABASE_URL", "postgres://app@127.0.0.1:1/trading")
        .arg("audit")
        .arg("verify");
    assert_eq!(unconfigured.run().await.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_replaced_still_vouches_for_what_it_has_signed() {
    let data = DataDir::new();
    let server = launch(&data).start().await;
    let admin = server.sign_in("acme", "admin@example.com").await;
    let signed = async |admin: &crate::support::Api| {
        eventually("a signed checkpoint", || async {
            let answer = admin.get("/admin/v1/audit/checkpoint").await;
            (answer.status == 200).then_some(answer.text)
        })
        .await
    };
    let before = signed(&admin).await;
    server.stop().await.expect(0, &[]);
    let (_, old) = log_of(&data, "acme").await;

    let (key, new) = (data.path().join("audit/log.key"), data.path().join("new.key"));
    let words = ["new-key", "--host", "localhost", "--file", new.to_str().unwrap()];
    audit(&data, &words).run().await.expect(0, &["made"]);
    let both = [std::fs::read(&new).unwrap(), std::fs::read(&key).unwrap()].concat();
    std::fs::write(&key, both).unwrap();
    let server = launch(&data).start().await;
    let admin = server.sign_in("acme", "admin@example.com").await;
    eventually("a checkpoint under the new key", || async {
        (signed(&admin).await != before).then_some(())
    })
    .await;

    audit(&data, &["verify"])
        .run()
        .await
        .expect(0, &["nothing is wrong"]);
    let (origin, vkey) = log_of(&data, "acme").await;
    assert_ne!(vkey, old);
    let printed = audit(&data, &["key", "--tenant", "acme"]).run().await;
    printed.expect(0, &[&format!("vkey   {vkey}"), &format!("also   {old}")]);
    let folder = tempfile::TempDir::new().unwrap();
    let whole = folder.path().join("acme.jsonl");
    let whole = whole.to_str().unwrap();
    audit(&data, &["export", "--tenant", "acme", "--out", whole])
        .run()
        .await
        .expect(0, &[]);
    let against = ["verify", "--from", whole, "--origin", &origin, "--vkey", &vkey];
    let both = [&against[..], &["--vkey", &old]].concat();
    audit(&data, &both).run().await.expect(0, &["nothing is wrong"]);
    audit(&data, &against)
        .run()
        .await
        .expect(1, &["was not signed by this log"]);
    server.stop().await.expect(0, &[]);
}
