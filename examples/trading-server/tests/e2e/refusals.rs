//! What the process is given is wrong: a clear message, a proper exit code, nothing changed.

use std::net::TcpListener;

use crate::support::{DataDir, Launch};

fn is_empty(data: &DataDir) -> bool {
    std::fs::read_dir(data.path()).unwrap().next().is_none()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_said_before_anything_is_started() {
    let data = DataDir::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();

    let ended = Launch::on(&data).arg("--listen").arg(&address).run().await;

    ended.expect(69, &["cannot listen on", &address, "--listen"]);
    assert!(is_empty(&data));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_file_with_a_broken_line_is_named_with_line_and_expectation() {
    let data = DataDir::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broken.csv");
    let rows = "Ticker,Date,Open,High,Low,Close,Volume\nAAPL,2000-03-01,118.56,132.06,118.50,130.31,38478000\n\
                AAPL,2000-03-02,127.00,abc,120.69,122.00,11136800\n";
    std::fs::write(&file, rows).unwrap();

    let ended = Launch::on(&data).arg("--replay").arg(&file).run().await;

    ended.expect(
        65,
        &[
            &file.display().to_string(),
            "line 3",
            "column High",
            "\"abc\"",
            "expected",
        ],
    );
    assert!(is_empty(&data));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_replay_or_configuration_file_is_named() {
    let data = DataDir::new();

    for flag in ["--replay", "--config"] {
        let ended = Launch::on(&data).arg(flag).arg("/nowhere/at-all.csv").run().await;
        ended.expect(66, &["/nowhere/at-all.csv"]);
    }

    assert!(is_empty(&data));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_mistakes_in_the_configuration_are_listed_at_once() {
    let data = DataDir::new();
    let file = data.path().join("server.toml");
    std::fs::write(&file, "[http]\ndeadline_ms = -5\ndeadlin = 1\n").unwrap();

    let ended = Launch::on(&data)
        .arg("--config")
        .arg(&file)
        .env("PLATFORM_LISTEN", "nonsense")
        .env("PLATFORM_HTTP_CORS", "x")
        .env("DATABASE_URL", "mysql://app:hunter2secret@db/x")
        .env("PLATFORM_DEMO", "maybe")
        .run()
        .await;

    ended.expect(
        78,
        &[
            "http.deadline_ms",
            "deadlin",
            "listen (",
            "PLATFORM_HTTP_CORS",
            "database.url (",
            "demo.mode (",
        ],
    );
    assert!(!ended.output().contains("hunter2secret"), "{ended:?}");
    let entries = std::fs::read_dir(data.path()).unwrap().count();
    assert_eq!(entries, 1, "only the file is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_another_version_is_refused_and_left_as_it_was() {
    let data = DataDir::new();
    Launch::on(&data).arg("migrate").run().await.expect(0, &[]);
    let version = data.path().join("pg/PG_VERSION");
    std::fs::write(&version, "11\n").unwrap();

    for command in ["serve", "migrate", "check"] {
        let ended = Launch::on(&data).arg(command).run().await;
        ended.expect(78, &["was made by PostgreSQL 11", "PG_BIN_DIR"]);
    }

    assert_eq!(std::fs::read_to_string(&version).unwrap(), "11\n");
    assert!(data.postmaster().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_holds_something_else_is_refused() {
    let data = DataDir::new();
    std::fs::create_dir(data.path().join("pg")).unwrap();
    std::fs::write(data.path().join("pg/holiday.jpg"), "a photograph").unwrap();

    let ended = Launch::on(&data).run().await;

    assert_eq!(ended.code(), Some(78), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains(&data.path().join("pg").display().to_string()),
        "{ended:?}"
    );
    assert!(data.path().join("pg/holiday.jpg").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_of_postgresql_that_are_not_there_are_a_mistake_of_the_configuration() {
    let data = DataDir::new();

    let ended = Launch::on(&data).env("PG_BIN_DIR", "/nowhere/bin").run().await;

    ended.expect(78, &["/nowhere/bin", "initdb and postgres"]);
    assert!(is_empty(&data));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_command_line_is_answered_with_the_usage() {
    let ended = Launch::bare().arg("--prot=80").run().await;

    ended.expect(2, &["--prot", "--help"]);
}
