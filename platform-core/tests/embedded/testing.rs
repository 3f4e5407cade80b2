//! Databases for tests.

use platform_core::pg::{Slug, Tenants};
use platform_core::sqlx::{self, Connection as _, PgConnection};
use platform_core::testing::{APP_LOGIN, OWNER_LOGIN, TestCluster, TestDb};
use platform_core::{Sources, TenantId};

async fn text(url: &str, query: &'static str) -> String {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let answer = sqlx::query_scalar(query)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    answer
}

#[tokio::test]
async fn tests_of_the_same_migrations_share_a_database_and_have_tenants_of_their_own() {
    let (one, other) = tokio::join!(TestDb::shared(&[]), TestDb::shared(&[]));

    let (first, second) = (one.tenant().await, other.tenant().await);

    assert_eq!(one.database().name(), other.database().name());
    assert_ne!(first, second);
    let tenants = Tenants::new(&one.db());
    assert!(tenants.by_id(second).await.unwrap().is_some());
}

#[tokio::test]
async fn a_database_of_its_own_starts_without_tenants_and_nobody_else_sees_it() {
    let shared = TestDb::shared(&[]).await;
    shared.tenant().await;
    let own = TestDb::own(&[]).await;
    let another = TestDb::own(&[]).await;

    assert_eq!(Tenants::new(&own.db()).list(None, 1).await.unwrap(), []);
    let tenant = own.tenant().await;

    assert!(Tenants::new(&own.db()).by_id(tenant).await.unwrap().is_some());
    assert!(Tenants::new(&another.db()).by_id(tenant).await.unwrap().is_none());
}

#[tokio::test]
async fn a_clone_is_locked_down_like_the_database_that_was_migrated() {
    let own = TestDb::own(&[]).await;

    let privileges = "select pg_catalog.concat_ws(' ',
        pg_catalog.has_database_privilege('platform_app_login', current_database(), 'temporary'),
        pg_catalog.has_schema_privilege('platform_app_login', 'public', 'usage'),
        pg_catalog.has_function_privilege('platform_app_login',
            'pg_catalog.set_config(text, text, boolean)', 'execute'))";

    assert_eq!(text(&own.superuser_url(), privileges).await, "f f f");
}

#[tokio::test]
async fn the_urls_are_of_the_logins_they_are_named_after() {
    let own = TestDb::own(&[]).await;
    let who = "select session_user::text";

    assert_eq!(text(&own.owner_url(), who).await, OWNER_LOGIN);
    assert_eq!(text(&own.app_url(), who).await, APP_LOGIN);
    let power =
        "select (rolsuper or rolcreaterole or rolbypassrls)::text from pg_roles where rolname = session_user";
    assert_eq!(text(&own.owner_url(), power).await, "false");
    assert_eq!(text(&own.app_url(), power).await, "false");
    assert_eq!(text(&own.superuser_url(), power).await, "true");
}

#[tokio::test]
async fn an_empty_database_has_no_schema_of_ours() {
    let empty = TestDb::empty().await;

    let schemas = "select count(*)::text from pg_namespace where nspname like 'platform%'";

    assert_eq!(text(&empty.owner_url(), schemas).await, "0");
}

#[tokio::test]
async fn a_handle_can_have_another_pool_and_other_sources() {
    let test = TestDb::shared(&[]).await;
    let tenant = test.tenant().await;
    let small = test.connect_with(1).await;
    let seeded = test.connect_with_sources(Sources::system()).await;

    for db in [small, seeded] {
        let tx = db.begin(&test.context(tenant)).await.unwrap();
        assert_eq!(tx.tenant(), tenant);
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn what_was_committed_survives_the_death_of_every_process_of_the_server() {
    let mut cluster = TestCluster::on_disk(&[]).await;
    let before = cluster.open().await;
    let tenant: TenantId = before.tenant().await;

    cluster.kill_postmaster();
    let lost = PgConnection::connect(&before.app_url()).await;
    cluster.restart().await;

    assert!(lost.is_err());
    let after = cluster.open().await;
    let slug: Slug = format!("t-{}", tenant.as_uuid().simple()).parse().unwrap();
    let found = Tenants::new(&after.db()).by_slug(&slug).await.unwrap().unwrap();
    assert_eq!(found.id, tenant);
}
