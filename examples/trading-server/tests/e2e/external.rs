//! A database of somebody else's, by URL.

use platform_core::Sources;
use platform_core::testing::TestDb;
use serde_json::json;
use trading_server::database::MIGRATIONS;

use crate::support::{DataDir, Launch, PASSWORD, Server, buy};

/// The root key of databases that are made by nobody but these tests.
const ROOT_KEY: &str = "pcroot1_e5afb48871abefc50c4fe3dbb3e0c7118c3c3127cb550344b0e1ee2663df5b92bc8c6864";

/// A production setting: nothing on a data folder, no demo password.
pub(crate) fn by_url(application: &str) -> Launch {
    let erasures = std::env::temp_dir().join(format!("trading-e2e-erasures-{}", std::process::id()));
    // The databases are many and each one's trail is its own, as are its marks.
    let database = application.rsplit('/').next().unwrap_or_default();
    let database = database.split('?').next().unwrap_or_default();
    let trail = std::env::temp_dir().join(format!("trading-e2e-trail-{}", std::process::id()));
    std::fs::create_dir_all(&trail).unwrap();
    let key = trail.join("log.key");
    let _ = platform_audit::LogKey::read_or_create(&key, "audit.example.com", &Sources::system());
    let below = |name: &str| {
        let folder = trail.join(database).join(name);
        folder.to_str().unwrap().to_owned()
    };
    Launch::bare()
        .env("PLATFORM_AUDIT_HOST", "audit.example.com")
        .env("PLATFORM_AUDIT_KEY_FILE", key.to_str().unwrap())
        .env("PLATFORM_AUDIT_MARKS_DIR", below("marks"))
        .env("PLATFORM_AUDIT_SPOOL_DIR", below("spool"))
        .env("DATABASE_URL", application)
        .env("PLATFORM_KEYS_ROOT", ROOT_KEY)
        .env("PLATFORM_KEYS_ERASURE_DIR", erasures.to_str().unwrap())
        .env("PLATFORM_MARKET_TICK_MS", "200")
        .env("PLATFORM_SHUTDOWN_NOTICE_MS", "0")
}

async fn has_tenants(server: &Server) -> bool {
    let body = json!({ "email": "demo@example.com", "password": PASSWORD });
    let answer = server
        .api()
        .tenant("acme")
        .post("/api/v1/auth/login", &body)
        .await;
    answer.verdict().1 != "tenant_unknown"
}

#[tokio::test(flavor = "multi_thread")]
async fn with_both_urls_the_server_migrates_and_has_no_default_credentials() {
    let database = TestDb::empty_for(&MIGRATIONS).await;

    let server = by_url(&database.app_url())
        .env("DATABASE_OWNER_URL", database.owner_url())
        .start()
        .await;

    let said = server.stdout();
    assert!(
        said.contains("Database: the PostgreSQL server of DATABASE_URL"),
        "{said}"
    );
    assert!(!said.contains("Demo") && !said.contains("password"), "{said}");
    assert!(!has_tenants(&server).await);
    server.api().get("/readyz").await.expect(200);
    server.stop().await.expect(0, &[]);

    // The next start needs the owner no more.
    let server = by_url(&database.app_url()).start().await;
    assert!(!has_tenants(&server).await);
    server.stop().await.expect(0, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn demo_tenants_on_a_database_by_url_are_made_when_somebody_asks_for_them() {
    let database = TestDb::empty_for(&MIGRATIONS).await;

    let server = by_url(&database.app_url())
        .env("DATABASE_OWNER_URL", database.owner_url())
        .arg("--demo")
        .arg("on")
        .start()
        .await;

    // Without a password of the operator's each user has another one.
    let said = server.stdout();
    let passwords: Vec<&str> = said
        .lines()
        .filter_map(|line| Some(line.split_once(" password ")?.1))
        .collect();
    let distinct: std::collections::BTreeSet<&&str> = passwords.iter().collect();
    assert_eq!((passwords.len(), distinct.len()), (4, 4), "{said}");
    assert!(passwords.iter().all(|password| password.len() >= 20));
    let user = server
        .api()
        .sign_in("acme", "demo@example.com", passwords[0])
        .await;
    user.order(&buy("AAPL", "1")).await;
    server.stop().await.expect(0, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_an_empty_database_without_the_owner_says_what_is_missing() {
    let database = TestDb::empty_for(&MIGRATIONS).await;

    let ended = by_url(&database.app_url()).run().await;

    ended.expect(
        78,
        &["the tables of platform_core are missing", "DATABASE_OWNER_URL"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_can_bypass_isolation_is_refused_with_what_to_do() {
    let database = TestDb::own(&MIGRATIONS).await;

    for command in ["serve", "check"] {
        let refused = by_url(&database.superuser_url()).arg(command).run().await;
        refused.expect(
            78,
            &["ROLE_SUPERUSER", "the database does not keep tenants apart"],
        );
        let findings = refused.stderr.matches("  error: ").count();
        let remedies = refused.stderr.matches("    to mend it: ").count();
        assert!(findings > 0 && findings == remedies, "{refused:?}");
        assert!(!refused.stdout.contains("Listening"), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_reached_is_named_without_its_password() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let url = format!("postgres://app:hunter2secret@127.0.0.1:{port}/trading");

    for command in ["serve", "check"] {
        let ended = by_url(&url)
            .env("PLATFORM_LOG_FILTER", "debug")
            .arg(command)
            .run()
            .await;
        ended.expect(69, &["cannot connect to the database"]);
        assert!(!ended.output().contains("hunter2secret"), "{ended:?}");
    }
    let owner = by_url(&url)
        .env("DATABASE_OWNER_URL", url.replace("app:", "owner:"))
        .arg("migrate")
        .run()
        .await;
    assert_eq!(owner.code(), Some(69), "{owner:?}");
    assert!(!owner.output().contains("hunter2secret"), "{owner:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn demo_tenants_are_not_put_beside_tenants_in_earnest() {
    let test = TestDb::own(&MIGRATIONS).await;
    let words = [
        "create-tenant",
        "--slug=earnest",
        "--name=Earnest",
        "--admin=boss@example.com",
    ];
    let made = words
        .iter()
        .fold(by_url(&test.app_url()), |launch, word| launch.arg(word));
    made.run().await.expect(0, &["tenant earnest"]);

    let server = by_url(&test.app_url()).arg("--demo").arg("on").start().await;

    assert!(!server.stdout().contains("Demo users"));
    assert!(!has_tenants(&server).await);
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn demo_off_on_the_embedded_database_makes_nobody() {
    let data = DataDir::new();

    let server = Launch::on(&data).arg("--demo=off").start().await;

    assert!(!server.stdout().contains("Demo users"));
    assert!(!has_tenants(&server).await);
}
