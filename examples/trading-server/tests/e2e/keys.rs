//! The keys of sealed fields, in the hands of an operator and of an admin.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use platform_core::pg::Tenants;
use platform_core::{RequestContext, sqlx};
use reqwest::Method;
use serde_json::json;

use crate::support::{Api, DataDir, Launch, PASSWORD, Server, eventually};

/// A launch whose keys take effect within a second.
fn launch(data: &DataDir) -> Launch {
    Launch::on(data)
        .env("PLATFORM_KEYS_TTL_MS", "300")
        .env("PLATFORM_KEYS_GRACE_MS", "300")
}

fn keys(data: &DataDir, words: &[&str]) -> Launch {
    words
        .iter()
        .fold(launch(data).arg("keys"), |launch, word| launch.arg(word))
}

async fn user_id(api: &Api) -> String {
    let me = api.get("/api/v1/auth/me").await.expect(200).json();
    me["id"].as_str().unwrap().to_owned()
}

/// Everything that the embedded database holds, as PostgreSQL writes it out.
async fn dump(data: &DataDir) -> String {
    let endpoint = platform_core::embedded::Cluster::attach(data.path())
        .await
        .unwrap()
        .unwrap();
    let path = |name| std::env::var_os(name);
    let search = platform_core::embedded::SearchPath::new(path("PG_BIN_DIR").map(Into::into), path("PATH"));
    let binaries = platform_core::embedded::Binaries::find_for(&search, data.path())
        .await
        .unwrap();
    let dumped = std::process::Command::new(binaries.folder().join("pg_dump"))
        .arg(format!(
            "--dbname={}",
            endpoint.url("platform_superuser", "platform")
        ))
        .output()
        .unwrap();
    assert!(dumped.status.success(), "{dumped:?}");
    String::from_utf8(dumped.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_makes_a_root_key_that_nobody_else_can_read_and_nothing_personal_is_in_the_database()
{
    let data = DataDir::new();
    let server = launch(&data).start().await;
    let body = json!({
        "email": "Ada.Lovelace@Example.com", "password": PASSWORD, "first_name": "Ada", "last_name": "Lovelace",
    });
    server
        .api()
        .tenant("acme")
        .post("/api/v1/auth/register", &body)
        .await
        .expect(201);

    let root = data.path().join("keys/root.key");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&root), 0o600);
    assert_eq!(mode(root.parent().unwrap()), 0o700);
    let dumped = dump(&data).await.to_lowercase();
    for personal in ["lovelace", "@example.com", "'ada'", "\tada\t"] {
        assert!(!dumped.contains(personal), "{personal}");
    }
    let text = std::fs::read_to_string(&root).unwrap();
    let key = text.lines().find(|line| line.starts_with("pcroot1_")).unwrap();
    assert!(!dumped.contains(&key[8..40]), "the root key is in the database");
    let ended = server.stop().await;
    assert!(!ended.output().contains(&key[8..40]), "{ended:?}");
    // The next start finds everything.
    let server = launch(&data).start().await;
    let ada = server
        .api()
        .sign_in("acme", "ada.lovelace@example.com", PASSWORD)
        .await;
    let me = ada.get("/api/v1/auth/me").await.expect(200).json();
    assert_eq!(
        (&me["email"], &me["last_name"]),
        (&json!("Ada.Lovelace@Example.com"), &json!("Lovelace"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_or_exchanged_root_key_stops_the_server_with_its_name() {
    let data = DataDir::new();
    launch(&data).start().await.stop().await.expect(0, &[]);
    let root = data.path().join("keys/root.key");
    let kept = data.path().join("root.key.kept");
    std::fs::rename(&root, &kept).unwrap();

    launch(&data)
        .run()
        .await
        .expect(78, &["root.key is missing", "restore the file"]);
    assert!(!root.exists(), "a new key was made in place of the lost one");
    let made = Launch::bare()
        .arg("keys")
        .arg("new-root")
        .arg("--file")
        .arg(&root)
        .run()
        .await;
    made.expect(0, &["made"]);
    launch(&data)
        .run()
        .await
        .expect(78, &["the database has keys under the root key key:"]);
    std::fs::rename(&kept, &root).unwrap();

    let server = launch(&data).start().await;
    server.sign_in("acme", "demo@example.com").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_store_that_is_not_there_stops_the_server_before_it_serves() {
    let data = DataDir::new();
    launch(&data).start().await.stop().await.expect(0, &[]);
    let store = data.path().join("keys/erasure");
    let kept = data.path().join("erasure.kept");
    std::fs::rename(&store, &kept).unwrap();

    launch(&data).run().await.expect(78, &["erasure"]);
    launch(&data).arg("check").run().await.expect(78, &["erasure"]);
    std::fs::remove_dir_all(&store).unwrap();
    std::fs::rename(&kept, &store).unwrap();

    let server = launch(&data).start().await;
    server.sign_in("acme", "demo@example.com").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passphrase_is_exchanged_for_another_and_the_old_one_is_forgotten() {
    let data = DataDir::new();
    let old = "eleven grey herons leave at dawn";
    let new = "nine lanterns over a quiet harbour";
    let under = |current: &str| launch(&data).env("PLATFORM_KEYS_PASSPHRASE", current);
    let server = under(old).start().await;
    server.sign_in("acme", "demo@example.com").await;
    server.stop().await.expect(0, &[]);

    under(new).run().await.expect(78, &["root key"]);
    let both = under(new).env("PLATFORM_KEYS_PREVIOUS_PASSPHRASE", old);
    let server = both.start().await;
    server.sign_in("acme", "demo@example.com").await;
    server.stop().await.expect(0, &[]);
    let both = under(new).env("PLATFORM_KEYS_PREVIOUS_PASSPHRASE", old);
    both.arg("keys")
        .arg("rewrap")
        .run()
        .await
        .expect(0, &["take it out of the configuration"]);

    let server = under(new).start().await;
    server.sign_in("acme", "demo@example.com").await;
    server.stop().await.expect(0, &[]);
    under(old).run().await.expect(78, &["root key"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_rotates_reseals_and_destroys_a_key_beside_a_running_server() {
    let data = DataDir::new();
    let server = launch(&data).start().await;
    let user = server.sign_in("acme", "demo@example.com").await;

    keys(&data, &["list", "--tenant", "acme"])
        .run()
        .await
        .expect(0, &["data          1  active", "index         1  active"]);
    keys(&data, &["rotate", "--tenant", "acme"])
        .run()
        .await
        .expect(0, &["version 2: published"]);
    let refused = keys(&data, &["destroy", "--tenant", "acme", "--version", "1"])
        .run()
        .await;
    refused.expect(2, &["--yes"]);
    eventually(
        "the key to be replaced and everything to be under the new one",
        || async {
            let resealed = keys(&data, &["reseal", "--tenant", "acme"]).run().await;
            resealed.expect(0, &["sealed anew"]);
            let listed = keys(&data, &["list", "--tenant", "acme"]).run().await;
            listed
                .stdout
                .contains("data          1  decrypt_only")
                .then_some(())
        },
    )
    .await;
    eventually("the old key to be destroyed", || async {
        let destroy = ["destroy", "--tenant", "acme", "--version", "1", "--yes"];
        let destroyed = keys(&data, &destroy).run().await;
        (destroyed.code() == Some(0)).then_some(())
    })
    .await;

    user.get("/api/v1/auth/me").await.expect(200);
    server.sign_in("acme", "admin@example.com").await;
    server.sign_in("globex", "demo@example.com").await;
    keys(&data, &["destroy", "--tenant", "acme", "--version", "9", "--yes"])
        .run()
        .await
        .expect(2, &["there is no version 9"]);
    keys(&data, &["list", "--tenant", "umbrella"])
        .run()
        .await
        .expect(2, &["no tenant umbrella"]);
    server.stop().await.expect(0, &[]);
}

/// Under how many keys the people of a tenant are, as soon as its database runs.
async fn keys_of_people(data: &DataDir) -> Option<i64> {
    platform_core::embedded::Cluster::attach(data.path())
        .await
        .ok()
        .flatten()?;
    let db = data.connect().await;
    let acme = Tenants::new(&db).by_slug(&"acme".parse().unwrap()).await.ok()??;
    let ctx = RequestContext::system(acme.id, "test", db.sources());
    let mut read = db.read(&ctx).await.ok()?;
    let count = sqlx::query_scalar(
        "select count(distinct wrapped_by) from platform_crypto.subject_key where tenant_id = $1",
    )
    .bind(acme.id)
    .fetch_one(&mut read)
    .await;
    read.finish().await.ok()?;
    db.close().await;
    count.ok()
}

/// Twelve people, one at a time, and the process is killed in the middle.
#[tokio::test(flavor = "multi_thread")]
async fn a_reseal_that_is_killed_goes_on_where_it_was() {
    let data = DataDir::new();
    let server = launch(&data).start().await;
    for number in 0..12 {
        server
            .api()
            .register("acme", &format!("user{number}@example.com"))
            .await;
    }
    server.stop().await.expect(0, &[]);
    keys(&data, &["rotate", "--tenant", "acme"])
        .run()
        .await
        .expect(0, &[]);
    tokio::time::sleep(Duration::from_millis(400)).await;
    let slowly = ["reseal", "--tenant", "acme", "--rows", "1", "--pause-ms", "400"];

    let running = keys(&data, &slowly).start_for(Duration::ZERO).await;
    eventually(
        "some people to be under the new key and some under the old",
        || async { (keys_of_people(&data).await? == 2).then_some(()) },
    )
    .await;
    // Dropping the process is SIGKILL.
    drop(running);

    let again = keys(&data, &["reseal", "--tenant", "acme"]).run().await;
    again.expect(0, &["sealed anew"]);
    let (_, rest) = again.stdout.split_once("the keys of ").unwrap();
    let left: u32 = rest.split(' ').next().unwrap().parse().unwrap();
    assert!(
        (1..14).contains(&left),
        "the process was not killed in the middle: {}",
        again.stdout
    );
    let destroyed = eventually("the old key to be destroyed", || async {
        let destroy = ["destroy", "--tenant", "acme", "--version", "1", "--yes"];
        let ended = keys(&data, &destroy).run().await;
        (ended.code() == Some(0)).then_some(ended)
    })
    .await;
    destroyed.expect(0, &["version 1: destroyed"]);
    let server = launch(&data).start().await;
    for number in 0..12 {
        let api = server
            .api()
            .sign_in("acme", &format!("user{number}@example.com"), PASSWORD)
            .await;
        api.get("/api/v1/auth/me").await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_key_is_replaced_without_sealing_anything_anew() {
    let data = DataDir::new();
    launch(&data).start().await.stop().await.expect(0, &[]);
    let root = data.path().join("keys/root.key");

    let made = Launch::bare()
        .arg("keys")
        .arg("new-root")
        .arg("--file")
        .arg(&root)
        .run()
        .await;
    made.expect(0, &["stands in front of"]);
    let rewrapped = keys(&data, &["rewrap"]).run().await;
    rewrapped.expect(
        0,
        &[
            "4 keys are under the current root key now",
            "take it out of the configuration",
        ],
    );
    let text = std::fs::read_to_string(&root).unwrap();
    let newest = text.lines().find(|line| line.starts_with("pcroot1_")).unwrap();
    std::fs::write(&root, format!("{newest}\n")).unwrap();

    let server = launch(&data).start().await;
    server.sign_in("globex", "admin@example.com").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_erases_a_user_unless_a_hold_forbids_it() {
    let data = DataDir::new();
    let server = launch(&data).start().await;
    let ada = server.api().register("acme", "ada@example.com").await;
    let id = user_id(&ada).await;
    let of_ada = |words: &[&str]| {
        let all: Vec<&str> = words
            .iter()
            .copied()
            .chain(["--tenant", "acme", "--user", &id])
            .collect();
        keys(&data, &all)
    };

    of_ada(&["hold", "place", "--reason", "case 2026-118"])
        .run()
        .await
        .expect(0, &["case 2026-118"]);
    of_ada(&["erase"]).run().await.expect(2, &["--yes"]);
    of_ada(&["erase", "--yes"])
        .run()
        .await
        .expect(1, &["legal hold", "case 2026-118"]);
    ada.get("/api/v1/auth/me").await.expect(200);
    let listed = of_ada(&["hold", "list"]).run().await;
    let hold = listed.stdout.split(' ').next().unwrap().to_owned();
    of_ada(&["hold", "release", "--hold", &hold])
        .run()
        .await
        .expect(0, &["released"]);
    of_ada(&["erase", "--yes"]).run().await.expect(0, &["is erased"]);

    // The command is another process: the server hears of it from the database.
    let refused = (401, "invalid_token".to_owned());
    eventually("the end of the session", || async {
        (ada.get("/api/v1/auth/me").await.verdict() == refused).then_some(())
    })
    .await;
    assert!(
        !server
            .api()
            .tenant("acme")
            .post(
                "/api/v1/auth/login",
                &json!({
                    "email": "ada@example.com", "password": PASSWORD,
                })
            )
            .await
            .text
            .contains("token\"")
    );
    of_ada(&["erase", "--yes"]).run().await.expect(0, &["is erased"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_sees_rotates_and_erases_by_route_and_a_user_does_not() {
    let data = DataDir::new();
    let server = launch(&data).start().await;
    let admin = server.sign_in("acme", "admin@example.com").await;
    let ada = server.api().register("acme", "ada@example.com").await;
    let id = user_id(&ada).await;

    let listed = admin.get("/admin/v1/keys").await.expect(200).json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2, "{listed}");
    let rotated = admin
        .post("/admin/v1/keys/rotations", &json!({ "purpose": "data" }))
        .await;
    let rotated = rotated.expect(201).json();
    assert_eq!(
        (&rotated["version"], &rotated["state"]),
        (&json!(2), &json!("pre_active"))
    );
    let destroy = |version: u32| format!("/admin/v1/keys/data/{version}");
    let refused = admin.delete(&destroy(2)).await;
    assert_eq!(refused.verdict(), (409, "key_not_destroyable".to_owned()));
    assert_eq!(
        admin.delete(&destroy(9)).await.verdict(),
        (404, "not_found".to_owned())
    );
    let erased = admin
        .post(&format!("/admin/v1/users/{id}/erasure"), &json!({}))
        .await;
    assert_eq!(erased.expect(200).json()["state"], "erased");
    assert_eq!(
        ada.get("/api/v1/auth/me").await.verdict(),
        (401, "invalid_token".to_owned())
    );

    let user = server.sign_in("acme", "demo@example.com").await;
    for (method, path, body) in [
        (Method::GET, "/admin/v1/keys".to_owned(), None),
        (
            Method::POST,
            "/admin/v1/keys/rotations".to_owned(),
            Some(json!({ "purpose": "data" })),
        ),
        (Method::DELETE, destroy(1), None),
        (Method::POST, format!("/admin/v1/users/{id}/erasure"), None),
        (Method::GET, format!("/admin/v1/users/{id}/holds"), None),
    ] {
        let answer = user.call(method, &path, body.as_ref()).await;
        assert_eq!(answer.verdict(), (403, "forbidden".to_owned()), "{path}");
    }
}

/// Somebody on another instance still has the key in memory: the message between instances, or the time-to-live, ends that.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_is_erased_beside_a_server_is_gone_there_too() {
    let data = DataDir::new();
    let server: Server = Launch::on(&data).start().await;
    let admin = server.sign_in("acme", "admin@example.com").await;
    let ada = server.api().register("acme", "ada@example.com").await;
    let id = user_id(&ada).await;
    assert!(
        admin
            .get("/admin/v1/users")
            .await
            .text
            .contains("ada@example.com")
    );

    let erase = ["keys", "erase", "--tenant", "acme", "--user", &id, "--yes"];
    erase
        .iter()
        .fold(Launch::on(&data), |launch, word| launch.arg(word))
        .run()
        .await
        .expect(0, &["is erased"]);

    assert!(
        !admin
            .get("/admin/v1/users")
            .await
            .expect(200)
            .text
            .contains("ada@example.com")
    );
}
