//! The operator's commands, beside a running server and without one.

use std::path::{Path, PathBuf};

use crate::support::{DataDir, Launch, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn commands_work_on_a_folder_whether_a_server_runs_or_not() {
    let data = DataDir::new();

    // On an empty folder: the first one makes the database, and neither leaves it running.
    let migrated = Launch::on(&data).arg("migrate").run().await;
    migrated.expect(0, &["migrations were applied now"]);
    assert!(!migrated.stdout.starts_with("0 of"), "{migrated:?}");
    assert!(data.postmaster().is_none(), "migrate left PostgreSQL running");
    let checked = Launch::on(&data).arg("check").run().await;
    checked.expect(
        0,
        &[
            "configuration: sound",
            "isolation: proven by the self-check and the canary",
        ],
    );
    assert!(data.postmaster().is_none(), "check left PostgreSQL running");

    // Beside a server: they use its database and leave it alone.
    let server = Launch::on(&data).start().await;
    let postmaster = data.postmaster();
    let beside = Launch::on(&data).arg("check").run().await;
    beside.expect(
        0,
        &["the embedded database of a running server", "isolation: proven"],
    );
    let beside = Launch::on(&data).arg("migrate").run().await;
    beside.expect(0, &["0 of"]);
    assert!(postmaster.is_some() && data.postmaster() == postmaster);
    server.api().get("/readyz").await.expect(200);

    let beside = Launch::on(&data).arg("verify").run().await;
    beside.expect(0, &["acme: ", " accounts, ", " 0 findings"]);

    // A second server is another matter.
    let second = Launch::on(&data).run().await;
    second.expect(69, &["is in use by process", &server.pid().to_string()]);
    assert!(!second.stdout.contains("Listening"), "{second:?}");
    server.api().get("/readyz").await.expect(200);

    server.stop().await.expect(0, &[]);
    assert!(data.postmaster().is_none(), "the server left PostgreSQL running");
}

/// Every file and folder below a folder, but for what PostgreSQL writes by itself.
fn below(folder: &Path) -> Vec<PathBuf> {
    let own = ["pg", "run", "pg.log", "lock"].map(|name| folder.join(name));
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if own.contains(&path) {
                continue;
            }
            if path.is_dir() {
                folders.push(path.clone());
            }
            found.push(path);
        }
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_looks_makes_neither_a_database_nor_a_key_nor_a_folder() {
    let looks: [&[&str]; 4] = [&["check"], &["audit", "key"], &["audit", "verify"], &["verify"]];
    let look = |data: &DataDir, words: &[&str]| {
        let launch = Launch::on(data);
        words.iter().fold(launch, |launch, word| launch.arg(*word)).run()
    };

    // Where there is nothing.
    let data = DataDir::new();
    for words in looks {
        let ended = look(&data, words).await;
        assert!(
            ended.stderr.contains("there is no database in"),
            "{words:?}: {ended:?}"
        );
        assert_ne!(ended.code(), Some(0), "{words:?}");
    }
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0);

    // Where there is a database, and no key yet that anything was signed with.
    Launch::on(&data).arg("migrate").run().await.expect(0, &[]);
    std::fs::remove_dir_all(data.path().join("audit")).unwrap();
    let before = below(data.path());
    look(&data, &["check"])
        .await
        .expect(0, &["audit: the server makes the key at its first start"]);
    look(&data, &["audit", "key"]).await.expect(66, &[]);
    look(&data, &["audit", "verify"]).await.expect(2, &[]);
    look(&data, &["verify"]).await.expect(2, &[]);
    assert_eq!(below(data.path()), before);

    // Where there is everything.
    let server = Launch::on(&data).start().await;
    let admin = server.sign_in("acme", "admin@example.com").await;
    eventually("a signed checkpoint", || async {
        let answer = admin.get("/admin/v1/audit/checkpoint").await;
        (answer.status == 200).then_some(())
    })
    .await;
    server.stop().await.expect(0, &[]);
    let before = below(data.path());
    for words in looks {
        look(&data, words).await.expect(0, &[]);
    }
    assert_eq!(below(data.path()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_beside_a_server_survives_the_servers_end_and_a_check_adopts_an_orphan() {
    let data = DataDir::new();
    let server = Launch::on(&data).start().await;
    // Killed, the server leaves its PostgreSQL behind.
    drop(server);
    assert!(data.postmaster().is_some());

    let checked = Launch::on(&data).arg("check").run().await;

    checked.expect(0, &["isolation: proven"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_makes_a_tenant_whose_admin_signs_in() {
    let data = DataDir::new();
    let server = Launch::on(&data).start().await;
    let make = |slug: &str, admin: &str| {
        let command = [
            "create-tenant",
            "--name",
            "Initech Trading",
            "--slug",
            slug,
            "--admin",
            admin,
        ];
        command
            .iter()
            .fold(Launch::on(&data), |launch, word| launch.arg(word))
            .run()
    };

    let made = make("initech", "boss@example.com").await;

    made.expect(0, &["tenant initech", "admin boss@example.com password "]);
    let (_, rest) = made.stdout.split_once("password ").unwrap();
    let (password, _) = rest.split_once(',').unwrap();
    let admin = server
        .api()
        .sign_in("initech", "boss@example.com", password)
        .await;
    admin.get("/admin/v1/users").await.expect(200);

    make("initech", "boss@example.com")
        .await
        .expect(1, &["exist already"]);
    make("Initech!", "boss@example.com")
        .await
        .expect(2, &["a slug is"]);
    make("hooli", "nobody").await.expect(2, &["e-mail"]);
    server
        .api()
        .sign_in("initech", "boss@example.com", password)
        .await;
    server.stop().await.expect(0, &[]);
}
