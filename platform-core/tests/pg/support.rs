//! What the tests of this binary share.

use platform_core::pg::{Db, DbConfig, DbError, GroupRole, Migrations, TenantTx};
use platform_core::sqlx::{self, AssertSqlSafe, Connection, Executor, PgConnection};
use platform_core::testing::{APP_LOGIN, TestDatabase, TestDb};
use platform_core::{RequestContext, Sources, TenantId};
use uuid::Uuid;

/// A schema with tenant tables of every kind.
pub(crate) static SHOP: Migrations = Migrations {
    schema: "shop",
    migrator: &sqlx::migrate!("tests/pg/migrations"),
    roles: &[],
};

pub(crate) const TENANT_TABLES: [&str; 5] = [
    "shop.entry",
    "shop.entry_even",
    "shop.entry_odd",
    "shop.item",
    "shop.part",
];

/// The shared database with the shop in it.
pub(crate) async fn shop() -> TestDb {
    Box::pin(TestDb::shared(&[&SHOP])).await
}

/// A database of the test's own with the shop in it.
pub(crate) async fn own_shop() -> TestDb {
    Box::pin(TestDb::own(&[&SHOP])).await
}

/// Runs statements as the superuser.
pub(crate) async fn as_superuser(database: &TestDatabase, statements: &str) {
    let mut conn = PgConnection::connect(&database.superuser_url()).await.unwrap();
    conn.execute(AssertSqlSafe(statements.to_owned())).await.unwrap();
    conn.close().await.unwrap();
}

/// A number that the superuser counts.
pub(crate) async fn count(database: &TestDatabase, query: &str) -> i64 {
    let mut conn = PgConnection::connect(&database.superuser_url()).await.unwrap();
    let count = sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
        .fetch_one(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
    count
}

/// Makes a login of the test's own, because roles are shared by all databases of a server; a member of both group roles
/// unless told otherwise. Answers its name and its URL.
pub(crate) async fn login(database: &TestDatabase, options: &str, enrolled: bool) -> (String, String) {
    let name = format!("login_{}", id().simple());
    let app_url = database.app_url();
    let (user_info, _) = app_url["postgres://".len()..].split_once('@').unwrap();
    let password = user_info.split_once(':').map_or("x", |(_, password)| password);
    as_superuser(
        database,
        &format!("create role {name} login noinherit {options} password '{password}'"),
    )
    .await;
    if enrolled {
        as_superuser(
            database,
            &format!("grant platform_app, platform_subtree to {name}"),
        )
        .await;
    }
    let url = app_url.replacen(APP_LOGIN, &name, 1);
    (name, url)
}

/// A group role of the test's own, because roles are shared by all databases of a server. Nobody has made it yet.
pub(crate) fn group_role() -> GroupRole {
    let letter = |digit: char| char::from(b'a' + u8::try_from(digit.to_digit(16).unwrap()).unwrap());
    let letters: String = id().simple().to_string().chars().map(letter).collect();
    // Names are constants everywhere else.
    GroupRole::new(format!("platform_{letters}").leak())
}

/// Connects with settings other than the test support's.
pub(crate) async fn connect(url: String, change: impl FnOnce(&mut DbConfig)) -> Db {
    let mut config = DbConfig::new(url);
    change(&mut config);
    Db::connect(&config, Sources::system()).await.unwrap()
}

pub(crate) fn context(tenant: TenantId) -> RequestContext {
    RequestContext::system(tenant, "test", &Sources::system())
}

pub(crate) fn tenant() -> TenantId {
    TenantId::generate(&Sources::system())
}

pub(crate) fn id() -> Uuid {
    Sources::system().uuid_v7()
}

/// Puts an item into the shop of the transaction's tenant.
pub(crate) async fn put_item(tx: &mut TenantTx, id: Uuid, name: &str) -> Result<(), DbError> {
    sqlx::query("insert into shop.item (id, name) values ($1, $2)")
        .bind(id)
        .bind(name)
        .execute(tx)
        .await?;
    Ok(())
}

/// Puts an item into a tenant's shop and commits.
pub(crate) async fn stock(db: &Db, tenant: TenantId, name: &str) -> Uuid {
    let id = id();
    let mut tx = db.begin(&context(tenant)).await.unwrap();
    put_item(&mut tx, id, name).await.unwrap();
    tx.commit().await.unwrap();
    id
}

/// The names of the items that a tenant sees, in order.
pub(crate) async fn items(db: &Db, tenant: TenantId) -> Vec<String> {
    let mut read = db.read(&context(tenant)).await.unwrap();
    let names = sqlx::query_scalar("select name from shop.item order by name")
        .fetch_all(&mut read)
        .await
        .unwrap();
    read.finish().await.unwrap();
    names
}

/// The SQLSTATE of a statement's failure.
pub(crate) fn sqlstate(error: &DbError) -> Option<String> {
    let source = std::error::Error::source(error)?.downcast_ref::<sqlx::Error>()?;
    let code = source.as_database_error()?.code()?;
    Some(code.into_owned())
}
