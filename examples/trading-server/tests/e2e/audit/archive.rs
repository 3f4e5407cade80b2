//! Months of a trail that are written into an archive.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::support::{audit, launch, log_of, one, tamper, verified};
use crate::support::{DataDir, Server, buy, eventually};

/// A server whose first events lie back by so many months, for all that the archive can tell.
async fn aged(data: &DataDir, months: u32) -> (Server, String) {
    let server = launch(data).start().await;
    let admin = server.sign_in("acme", "admin@example.com").await;
    admin.order(&buy("AAPL", "1")).await;
    eventually("everything to be signed", || async {
        let waits: bool = one(data, "select exists (select from platform_audit.pending)").await;
        (!waits).then_some(())
    })
    .await;
    let aged =
        format!("update platform_audit.leaf set sequenced_at = sequenced_at - interval '{months} months'");
    tamper(data, &["platform_audit.leaf"], &[aged]).await;
    let month = one(
        data,
        "select to_char(min(sequenced_at) at time zone 'utc', 'YYYY-MM') from platform_audit.leaf",
    )
    .await;
    (server, month)
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.to_str().unwrap().ends_with(ending) => found.push(path),
                false => {}
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_that_is_over_is_archived_once_and_its_file_proves_itself() {
    let data = DataDir::new();
    let (server, month) = aged(&data, 2).await;
    let folder = TempDir::new().unwrap();
    let to = folder.path().to_str().unwrap();
    let words = ["archive", "--tenant", "acme", "--month", &month, "--to", to];

    let first = audit(&data, &words).run().await;
    let second = audit(&data, &words).run().await;

    first.expect(0, &["archived 1 months with "]);
    second.expect(0, &["archived 0 months", "1 months were in the archive already"]);
    let [file] = &files(folder.path(), ".jsonl.gz")[..] else {
        panic!("one file in {to}");
    };
    let (origin, vkey) = log_of(&data, "acme").await;
    let words = [
        "verify",
        "--from",
        file.to_str().unwrap(),
        "--vkey",
        &vkey,
        "--origin",
        &origin,
        "--json",
    ];
    let report = verified(&audit(&data, &words).run().await, 0);
    assert!(report["trails"][0]["events"].as_u64().unwrap() > 0, "{report:#}");
    let told: i64 = one(
        &data,
        "select count(*) from platform_audit.event where action = 'audit.archive'",
    )
    .await;
    assert_eq!(told, 1, "written once, told once");
    // Without a tenant and a month: everything of everybody that is over.
    let all = audit(&data, &["archive", "--to", to]).run().await;
    assert_eq!(all.code(), Some(0), "{all:?}");
    assert_eq!(files(folder.path(), ".jsonl.gz").len(), 2, "that of globex too");
    server.stop().await.expect(0, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_that_is_not_over_waits_and_a_damaged_trail_keeps_no_other_out_of_the_archive() {
    let data = DataDir::new();
    let (server, month) = aged(&data, 2).await;
    let folder = TempDir::new().unwrap();
    let to = folder.path().to_str().unwrap();
    let this: String = one(&data, "select to_char(now() at time zone 'utc', 'YYYY-MM')").await;

    let early = audit(&data, &["archive", "--month", &this, "--to", to])
        .run()
        .await;
    early.expect(1, &["months wait"]);
    audit(&data, &["archive"]).run().await.expect(2, &["--to"]);
    for wrong in [
        ["archive", "--month", "2026-13", "--to", to],
        ["archive", "--tenant", "nobody", "--to", to],
    ] {
        assert_eq!(audit(&data, &wrong).run().await.code(), Some(2), "{wrong:?}");
    }
    assert_eq!(files(folder.path(), ".gz"), [""; 0].map(PathBuf::from));

    let table: String = one(
        &data,
        "select tableoid::regclass::text from platform_audit.entry limit 1",
    )
    .await;
    let gone = "delete from platform_audit.entry where tenant_id = (select id from platform_core.tenant where slug = 'acme')";
    let event = "delete from platform_audit.event where tenant_id = (select id from platform_core.tenant where slug = 'acme')";
    let events: String = one(
        &data,
        "select tableoid::regclass::text from platform_audit.event limit 1",
    )
    .await;
    let tables = ["platform_audit.entry", "platform_audit.event", &table, &events];
    tamper(&data, &tables, &[gone.to_owned(), event.to_owned()]).await;

    let damaged = audit(&data, &["archive", "--month", &month, "--to", to])
        .run()
        .await;

    damaged.expect(
        1,
        &["archived 1 months", "FINDING acme", "audit verify --tenant acme"],
    );
    let [file] = &files(folder.path(), ".jsonl.gz")[..] else {
        panic!("that of globex alone");
    };
    let globex: String = one(
        &data,
        "select id::text from platform_core.tenant where slug = 'globex'",
    )
    .await;
    assert!(file.to_str().unwrap().contains(&globex), "{}", file.display());
    server.stop().await.expect(0, &[]);
}
