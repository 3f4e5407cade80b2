//! A database that was put back to an earlier state, and a key or marks that are not the trail's.

use std::path::Path;

use serde_json::{Value, json};

use super::support::{audit, copy, launch, trail, verified};
use crate::support::{DataDir, Server, buy, eventually};

/// What the health tells everybody: a word.
async fn health(server: &Server) -> String {
    let answer = server.api().get("/health").await.expect(200).json();
    answer["status"].as_str().unwrap_or_default().to_owned()
}

/// Waits until everything that was recorded is proven and published.
async fn settled(data: &DataDir) -> Value {
    eventually("the trail to be settled", || async {
        let ended = audit(data, &["verify", "--json"]).run().await;
        let verified = verified(&ended, 0);
        let acme = trail(&verified, "acme").clone();
        (acme["pending"] == 0 && acme["proven"]["size"] == acme["size"]).then_some(acme)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_database_is_not_signed_until_an_operator_adopts_it_and_serves_meanwhile() {
    let data = DataDir::new();
    let server = launch(&data).start().await;
    server.sign_in("acme", "demo@example.com").await;
    settled(&data).await;
    server.stop().await.expect(0, &[]);
    let kept = tempfile::TempDir::new().unwrap();
    // As root, PostgreSQL works under another account, which has to get there.
    std::fs::set_permissions(kept.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let backup = kept.path().join("pg");
    copy(&data.path().join("pg"), &backup);
    let server = launch(&data).start().await;
    let user = server.sign_in("acme", "demo@example.com").await;
    user.order(&buy("AAPL", "1")).await;
    settled(&data).await;
    server.stop().await.expect(0, &[]);
    // In leaving, the server says what it has recorded: a few events more, which the last round has signed or not.
    let left = verified(&audit(&data, &["verify", "--json"]).run().await, 0);
    let signed = trail(&left, "acme")["proven"]["size"].clone();

    // The database of before beside the marks of today.
    std::fs::remove_dir_all(data.path().join("pg")).unwrap();
    copy(&backup, &data.path().join("pg"));
    let found = verified(&audit(&data, &["verify", "--json"]).run().await, 1);
    let findings = trail(&found, "acme")["findings"].as_array().unwrap().clone();
    let truncated = findings.iter().find(|finding| finding["finding"] == "truncated");
    let truncated = truncated.unwrap_or_else(|| panic!("{found:#}"));
    assert_eq!(truncated["to"], signed);
    let server = launch(&data).start().await;
    let user = server.sign_in("acme", "demo@example.com").await;
    eventually("the sequencer to refuse", || async {
        (health(&server).await == "degraded").then_some(())
    })
    .await;
    // Recording goes on, and so does the business.
    user.get("/api/v1/portfolio").await.expect(200);
    user.order(&buy("AAPL", "1")).await;
    server.api().get("/readyz").await.expect(200);
    let admin = server.sign_in("acme", "admin@example.com").await;
    admin.get("/admin/v1/audit/events").await.expect(200);
    let told = audit(&data, &["verify", "--tenant", "acme"]).run().await;
    told.expect(1, &["the sequencer refuses to sign this trail: tree_shrunk"]);
    let words = [
        "adopt",
        "--tenant",
        "acme",
        "--reason",
        "restored the backup of Monday",
        "--yes",
    ];
    audit(&data, &words).run().await.expect(1, &["stop the server"]);
    assert!(
        server
            .stop()
            .await
            .stderr
            .contains("is not signed until an operator has looked")
    );

    audit(&data, &words[..5]).run().await.expect(2, &["--yes"]);
    let adopted = audit(&data, &words).run().await;
    adopted.expect(0, &["goes on from"]);
    let words = [
        "adopt",
        "--tenant",
        "globex",
        "--reason",
        "restored the backup of Monday",
        "--yes",
    ];
    audit(&data, &words).run().await.expect(0, &["goes on from"]);
    let server = launch(&data).start().await;
    eventually("the trail to be signed again", || async {
        (health(&server).await == "ok").then_some(())
    })
    .await;
    // Whoever kept a checkpoint of before can prove that the log was begun anew.
    let sound = settled(&data).await;
    assert_eq!(sound["clean"], true);
    server.stop().await.expect(0, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_file_that_is_torn_or_cannot_be_read_hides_nothing_of_other_tenants() {
    let data = DataDir::new();
    let server = launch(&data).start().await;
    server.sign_in("acme", "demo@example.com").await;
    settled(&data).await;
    server.stop().await.expect(0, &[]);
    let found = verified(&audit(&data, &["verify", "--json"]).run().await, 0);
    let origin = trail(&found, "acme")["origin"].as_str().unwrap();
    let tenant = origin.rsplit('/').next().unwrap();
    let published = data
        .path()
        .join("audit/published")
        .join(tenant)
        .join("checkpoints");
    let names = std::fs::read_dir(&published).unwrap();
    let sizes = names.filter_map(|file| file.unwrap().file_name().to_str()?.parse::<u64>().ok());
    let size = sizes.max().unwrap();
    let file = published.join(size.to_string());

    // As a crash of the machine leaves it.
    std::fs::write(&file, "").unwrap();
    let found = verified(&audit(&data, &["verify", "--json"]).run().await, 1);
    assert_eq!(trail(&found, "acme")["published_invalid"], json!([size]));
    assert_eq!(trail(&found, "acme")["findings"], json!([]));
    assert_eq!(trail(&found, "globex")["clean"], true);
    let told = audit(&data, &["verify"]).run().await;
    told.expect(1, &["is none of this log", "nothing is wrong"]);

    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let ended = audit(&data, &["verify", "--json"]).run().await;
    let found = verified(&ended, 2);
    assert_eq!(found["clean"], false);
    assert_eq!(found["not_verified"][0]["name"], "acme");
    assert_eq!(trail(&found, "globex")["clean"], true);
    let told = audit(&data, &["verify"]).run().await;
    told.expect(2, &["NOT VERIFIED", "nothing is wrong"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_or_exchanged_key_of_the_trail_stops_the_server_with_what_to_do() {
    let data = DataDir::new();
    let server = launch(&data).start().await;
    settled(&data).await;
    server.stop().await.expect(0, &[]);
    let key = data.path().join("audit/log.key");
    let kept = data.path().join("log.key.kept");
    assert_eq!(mode(&key), 0o600);
    std::fs::rename(&key, &kept).unwrap();

    for command in ["serve", "check"] {
        let refused = launch(&data).arg(command).run().await;
        refused.expect(78, &["log.key is missing", "restore the file"]);
    }
    assert!(!key.exists(), "a new key was made in place of the lost one");
    let verify = audit(&data, &["verify"]).run().await;
    verify.expect(2, &["log.key is missing"]);
    let words = ["new-key", "--file", key.to_str().unwrap(), "--host", "localhost"];
    audit(&data, &words).run().await.expect(0, &["made"]);
    launch(&data)
        .run()
        .await
        .expect(78, &["is not the one that the trail of tenant"]);
    std::fs::remove_file(&key).unwrap();
    let words = [
        "new-key",
        "--file",
        key.to_str().unwrap(),
        "--host",
        "elsewhere.example",
    ];
    audit(&data, &words).run().await.expect(0, &["made"]);
    launch(&data)
        .run()
        .await
        .expect(78, &["elsewhere.example", "the name of a log never changes"]);
    std::fs::rename(&kept, &key).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    launch(&data).run().await.expect(78, &["others than its owner"]);
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();

    let server = launch(&data).start().await;
    server.sign_in("acme", "demo@example.com").await;
    server.stop().await.expect(0, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_marks_stop_the_server_until_they_are_restored_or_begun_anew_with_a_reason() {
    let data = DataDir::new();
    let server = launch(&data).start().await;
    settled(&data).await;
    server.stop().await.expect(0, &[]);
    let marks = data.path().join("audit/marks");
    let kept = data.path().join("marks.kept");
    std::fs::rename(&marks, &kept).unwrap();

    let refused = launch(&data).run().await;
    refused.expect(78, &["there is no mark for the trail", "restore the folder"]);
    launch(&data)
        .arg("check")
        .run()
        .await
        .expect(78, &["audit new-marks"]);
    assert!(!marks.exists(), "looking for marks made some");
    std::fs::rename(&kept, &marks).unwrap();
    let server = launch(&data).start().await;
    server.stop().await.expect(0, &[]);

    std::fs::remove_dir_all(&marks).unwrap();
    let words = ["new-marks", "--reason", "the disk of the marks was lost", "--yes"];
    audit(&data, &words[..3]).run().await.expect(2, &["--yes"]);
    audit(&data, &words)
        .run()
        .await
        .expect(0, &["2 tenants are marked anew"]);
    let server = launch(&data).start().await;
    let admin = server.sign_in("acme", "admin@example.com").await;
    let path = "/admin/v1/audit/events?action=audit.new_marks";
    let events = admin.get(path).await.expect(200).json();
    assert_eq!(
        events["data"][0]["detail"]["reason"], "the disk of the marks was lost",
        "{events:#}"
    );
    settled(&data).await;
    server.stop().await.expect(0, &[]);
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
