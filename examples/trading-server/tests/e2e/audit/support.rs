//! What these tests do over and over.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use platform_core::embedded::Cluster;
use platform_core::sqlx::{AssertSqlSafe, Connection, PgConnection, query};
use platform_core::testing::python_with;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{DataDir, Ended, Launch};

/// The launch of most of these tests.
pub(super) fn launch(data: &DataDir) -> Launch {
    Launch::on(data).env("PLATFORM_LOG_FILTER", "warn")
}

/// `trading-server audit …` on a data folder, whether or not a server runs there.
pub(super) fn audit(data: &DataDir, words: &[&str]) -> Launch {
    words
        .iter()
        .fold(launch(data).arg("audit"), |launch, word| launch.arg(*word))
}

/// What `audit verify --json` says of one tenant.
pub(super) fn trail<'a>(verified: &'a Value, tenant: &str) -> &'a Value {
    let trails = verified["trails"].as_array().unwrap();
    let found = trails.iter().find(|trail| trail["name"] == tenant);
    found.unwrap_or_else(|| panic!("nothing of {tenant}: {verified}"))
}

/// Verifies as JSON; the exit code has to be this one.
#[track_caller]
pub(super) fn verified(ended: &Ended, code: i32) -> Value {
    assert_eq!(ended.code(), Some(code), "{ended:?}");
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// Name and public key of a tenant's log, as an operator gives them to others.
pub(super) async fn log_of(data: &DataDir, tenant: &str) -> (String, String) {
    let ended = audit(data, &["key", "--json", "--tenant", tenant]).run().await;
    ended.expect(0, &[]);
    let keys: Value = serde_json::from_str(&ended.stdout).unwrap();
    let text = |name: &str| keys[0][name].as_str().unwrap().to_owned();
    (text("origin"), text("vkey"))
}

/// Does something to the database that no program of the platform would do: as a superuser, with every trigger off.
pub(super) async fn tamper(data: &DataDir, tables: &[&str], sql: &[String]) {
    let endpoint = Cluster::attach(data.path()).await.unwrap().unwrap();
    let url = endpoint.url("platform_superuser", "platform");
    let mut superuser = PgConnection::connect(&url).await.unwrap();
    let off = tables
        .iter()
        .map(|table| format!("alter table {table} disable trigger all"));
    let on = tables
        .iter()
        .map(|table| format!("alter table {table} enable always trigger is_insert_only"));
    for statement in off.chain(sql.iter().cloned()).chain(on) {
        let done = query(AssertSqlSafe(statement.clone()))
            .execute(&mut superuser)
            .await;
        done.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    superuser.close().await.unwrap();
}

/// The answer of a query that looks past every policy.
pub(super) async fn one<T>(data: &DataDir, sql: &str) -> T
where
    T: Send + Unpin + for<'r> platform_core::sqlx::Decode<'r, platform_core::sqlx::Postgres>,
    T: platform_core::sqlx::Type<platform_core::sqlx::Postgres>,
{
    let endpoint = Cluster::attach(data.path()).await.unwrap().unwrap();
    let url = endpoint.url("platform_superuser", "platform");
    let mut superuser = PgConnection::connect(&url).await.unwrap();
    let value = platform_core::sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    superuser.close().await.unwrap();
    value
}

/// A file in a folder that goes away with the test.
pub(super) fn file(name: &str, text: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

/// Judges an export with a program that knows the public formats and nothing of this repository. Without Python it says that this part
/// of the test was skipped, and is `None`.
pub(super) fn stranger(export: &Path, vkey: &str, origin: &str) -> Option<Output> {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a stranger judges an export");
    let python = python_with(test, "cryptography")?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/audit/stranger.py");
    let mut judge = Command::new(&python);
    judge.arg(script).arg(export).arg(vkey).arg(origin);
    Some(judge.output().unwrap())
}

/// Copies a folder as an administrator would; owners stay, because PostgreSQL looks at them.
pub(super) fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(done.success(), "{} was not copied", from.display());
}
