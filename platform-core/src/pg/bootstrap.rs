//! Roles and database-wide settings: what only an administrator of the server can do, once.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::migrate::{LOCK_KEY, lock};
use super::{MigrateError, Migrations, roles};

/// The group role every transaction of the application works under.
pub const APP_ROLE: &str = "platform_app";

/// The group role of reads over a tenant and the tenants below it.
pub const SUBTREE_ROLE: &str = "platform_subtree";

/// How long the owner or an administrator waits for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The advisory lock of whoever sets up a server: "platboot" in ASCII.
const TURN: i64 = 0x706c_6174_626f_6f74;

/// What [`bootstrap`] sets up.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// URL of a superuser, for a database that exists.
    pub superuser_url: SecretString,
    /// The database of the platform; created when it does not exist.
    pub database: String,
    /// The login that owns the schemas and runs the migrations.
    pub owner: String,
    /// The login of the application.
    pub application: String,
    /// The crates whose migrations will run: their [group roles](Migrations::roles) are made too, which the owner may not do.
    pub crates: Vec<&'static Migrations>,
}

/// Creates the roles, the logins and the database of a platform on a server that this process administrates. Idempotent: run it at
/// every start, so that a new release's group roles are there before its migrations run.
///
/// The logins have no password: this is for a server that lets in by its socket alone, such as the embedded one. On a shared
/// server an administrator makes the two logins, and [`migrate`](crate::pg::migrate) does the rest.
///
/// Several processes may do this at the same time: they take turns, for at most a minute.
///
/// # Errors
/// [`MigrateError`] when the server cannot be reached or refuses a statement.
pub async fn bootstrap(plan: &Bootstrap) -> Result<(), MigrateError> {
    let mut conn = connect(superuser_options(plan)?).await?;
    // A process that was killed goes on in the database until its statement has ended. What it is about to create would otherwise be
    // missing when it is looked for, and there when it is made.
    lock(&mut conn, TURN).await?;
    for login in [&plan.owner, &plan.application] {
        if !roles::exists(&mut conn, login).await? {
            let login = quote(login);
            run(
                &mut conn,
                format!(
                    "create role {login} login nosuperuser nobypassrls nocreatedb nocreaterole noinherit"
                ),
            )
            .await?;
        }
    }
    roles::ensure(
        &mut conn,
        &roles::of_crates(&plan.crates),
        Some(&plan.application),
    )
    .await?;
    let owner = quote(&plan.owner);
    let exists: bool =
        sqlx::query_scalar("select exists (select from pg_catalog.pg_database where datname = $1)")
            .bind(&plan.database)
            .fetch_one(&mut conn)
            .await?;
    if !exists {
        run(
            &mut conn,
            format!("create database {} owner {owner}", quote(&plan.database)),
        )
        .await?;
    }
    harden(plan).await?;
    // Only now may the next one begin.
    conn.close().await?;
    Ok(())
}

/// Settings inside the platform's database that need a superuser.
async fn harden(plan: &Bootstrap) -> Result<(), MigrateError> {
    let mut conn = connect(superuser_options(plan)?.database(&plan.database)).await?;
    // Migrating locks the database down too.
    lock(&mut conn, LOCK_KEY).await?;
    lock_down(&mut conn, &plan.owner).await?;
    conn.close().await?;
    Ok(())
}

fn superuser_options(plan: &Bootstrap) -> Result<PgConnectOptions, MigrateError> {
    let options = plan.superuser_url.expose_secret().parse();
    options.map_err(MigrateError::Connect)
}

/// A connection outside the pool, within the limit: a server that takes the connection and never answers is not waited for.
pub(super) async fn connect(options: PgConnectOptions) -> Result<PgConnection, MigrateError> {
    let connecting = PgConnection::connect_with(&options);
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(connected) => connected.map_err(MigrateError::Connect),
        Err(_) => Err(MigrateError::Connect(
            std::io::Error::from(std::io::ErrorKind::TimedOut).into(),
        )),
    }
}

/// Takes from PUBLIC what lets a role act outside its tables.
///
/// `set_config` inside an expression would switch the tenant in the middle of a query; `SET LOCAL` is not affected.
pub(super) async fn lock_down(conn: &mut PgConnection, owner: &str) -> Result<(), MigrateError> {
    let database: String = sqlx::query_scalar("select pg_catalog.current_database()")
        .fetch_one(&mut *conn)
        .await?;
    let (database, owner) = (quote(&database), quote(owner));
    let statements = [
        "revoke all on schema public from public".to_owned(),
        format!("revoke temporary on database {database} from public"),
        "revoke execute on function pg_catalog.set_config(text, text, boolean) from public".to_owned(),
        format!("grant execute on function pg_catalog.set_config(text, text, boolean) to {owner}"),
    ];
    for statement in statements {
        run(conn, statement).await?;
    }
    Ok(())
}

/// Runs a statement made of constants and quoted identifiers.
pub(super) async fn run(conn: &mut PgConnection, statement: String) -> Result<(), MigrateError> {
    conn.execute(AssertSqlSafe(statement)).await?;
    Ok(())
}

/// An identifier for a statement that cannot be prepared.
pub(super) fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}
