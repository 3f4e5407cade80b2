//! Migrations: a schema and a history for each crate, all under one lock.

use secrecy::{ExposeSecret, SecretString};
use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection};

use super::bootstrap::{connect, lock_down, quote, run};
use super::{APP_ROLE, GroupRole, SUBTREE_ROLE, roles};

/// The migrations of one crate and the schema they own.
///
/// ```no_run
/// use platform_core::pg::Migrations;
///
/// static MIGRATIONS: Migrations = Migrations {
///     schema: "parcels",
///     migrator: &platform_core::sqlx::migrate::Migrator::DEFAULT, // sqlx::migrate!("../migrations/parcels")
///     roles: &[],
/// };
/// ```
#[derive(Debug)]
pub struct Migrations {
    /// The schema, created before the first file runs. Lower-case letters, digits and underscores.
    pub schema: &'static str,
    /// The files, embedded at compile time.
    pub migrator: &'static Migrator,
    /// The roles that these migrations grant to, beside the two that every tenant table is granted to; made before the first file
    /// runs, and the application's login becomes a member of them. They may use the schema.
    pub roles: &'static [GroupRole],
}

/// This crate's own tables: tenants, their host names and hierarchy, the canary.
pub static CORE_MIGRATIONS: Migrations = Migrations {
    schema: "platform_core",
    migrator: &sqlx::migrate!("../migrations/platform-core"),
    roles: &[],
};

/// Why the migrations did not run to their end. What ran before stays: each file is a transaction of its own.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// The server cannot be reached with the owner's login.
    #[error("cannot connect as the owner of the schemas")]
    Connect(#[source] sqlx::Error),
    /// Group roles are missing, or the application's login is no member of them, and this login may not mend that.
    #[error(
        "roles or memberships are missing and this login may not make them; run as an administrator: {remediation}"
    )]
    RolesMissing {
        /// The statements an administrator runs once: all that is missing, in order.
        remediation: String,
    },
    /// Another process holds the lock of the migrations, or of setting up the server, for too long.
    #[error("another process has been setting up the database for longer than a minute")]
    Locked,
    /// A file failed, or one that had run before was changed or is missing.
    #[error("the migrations of {schema} did not run")]
    Failed {
        /// Whose migrations.
        schema: &'static str,
        /// What happened.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// A statement around the migrations failed.
    #[error("a statement around the migrations failed")]
    Statement(#[from] sqlx::Error),
}

/// What a migration run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Migrated {
    /// Files that ran now.
    pub applied: usize,
    /// Files known in all.
    pub known: usize,
}

/// Keeps two processes from migrating one database at the same time. ("pltfmigr" in ASCII.)
pub(super) const LOCK_KEY: i64 = 0x706c_7466_6d69_6772;

/// How long the lock is waited for. Notices of what was not there to be dropped are noise.
const SESSION: [&str; 2] = ["set lock_timeout = '60s'", "set client_min_messages = warning"];

/// Runs the migrations of the given crates, this crate's first, as the owner of the schemas.
///
/// Also, as far as the login's rights reach: creates the group roles, those of the crates among them, makes `application` (the
/// login of the application, when it is known) a member of all of them, and takes `set_config` and temporary tables from PUBLIC. What could not be done is found by the
/// self-check.
///
/// # Errors
/// [`MigrateError`], by what the operator has to do.
pub async fn migrate(
    owner_url: &SecretString,
    application: Option<&str>,
    crates: &[&'static Migrations],
) -> Result<Migrated, MigrateError> {
    let options = owner_url.expose_secret().parse().map_err(MigrateError::Connect)?;
    let mut conn = connect(options).await?;
    lock(&mut conn, LOCK_KEY).await?;
    let migrated = migrate_locked(&mut conn, application, crates).await;
    // Closing the session gives the lock back, also after an error.
    let closed = conn.close().await;
    let migrated = migrated?;
    closed?;
    Ok(migrated)
}

/// Waits for its turn, which lasts until the connection is closed.
pub(super) async fn lock(conn: &mut PgConnection, key: i64) -> Result<(), MigrateError> {
    for setting in SESSION {
        sqlx::query(setting).execute(&mut *conn).await?;
    }
    let locked = sqlx::query("select pg_catalog.pg_advisory_lock($1)")
        .bind(key)
        .execute(conn)
        .await;
    match locked.map_err(|error| (is_lock_timeout(&error), error)) {
        Ok(_) => Ok(()),
        Err((true, _)) => Err(MigrateError::Locked),
        Err((false, error)) => Err(error.into()),
    }
}

async fn migrate_locked(
    conn: &mut PgConnection,
    application: Option<&str>,
    crates: &[&'static Migrations],
) -> Result<Migrated, MigrateError> {
    prepare(conn, application, crates).await?;
    let mut total = Migrated::default();
    let core_first = std::iter::once(&CORE_MIGRATIONS);
    let others = crates
        .iter()
        .copied()
        .filter(|one| one.schema != CORE_MIGRATIONS.schema);
    for migrations in core_first.chain(others) {
        let one = migrate_schema(conn, migrations).await?;
        total.applied += one.applied;
        total.known += one.known;
    }
    Ok(total)
}

async fn prepare(
    conn: &mut PgConnection,
    application: Option<&str>,
    crates: &[&'static Migrations],
) -> Result<(), MigrateError> {
    let (owner, superuser): (String, bool) = sqlx::query_as(
        "select rolname::text, rolsuper from pg_catalog.pg_roles where rolname = current_user",
    )
    .fetch_one(&mut *conn)
    .await?;
    roles::ensure(conn, &roles::of_crates(crates), application).await?;
    if superuser {
        lock_down(conn, &owner).await?;
    }
    Ok(())
}

async fn migrate_schema(
    conn: &mut PgConnection,
    migrations: &'static Migrations,
) -> Result<Migrated, MigrateError> {
    let schema = migrations.schema;
    let exists: bool =
        sqlx::query_scalar("select exists (select from pg_catalog.pg_namespace where nspname = $1)")
            .bind(schema)
            .fetch_one(&mut *conn)
            .await?;
    if !exists {
        run(conn, format!("create schema {}", quote(schema))).await?;
        run(
            conn,
            format!(
                "grant usage on schema {} to {APP_ROLE}, {SUBTREE_ROLE}",
                quote(schema)
            ),
        )
        .await?;
    }
    roles::open_schema(conn, schema, migrations.roles).await?;
    let mut migrator = Migrator {
        migrations: migrations.migrator.migrations.clone(),
        ..Migrator::DEFAULT
    };
    migrator.set_locking(false);
    migrator.dangerous_set_table_name(format!("{}._migrations", quote(schema)));
    let before = applied(conn, schema).await?;
    migrator
        .run_direct(None, conn, false)
        .await
        .map_err(|source| MigrateError::Failed { schema, source })?;
    publish_state(conn, migrations).await?;
    let after = applied(conn, schema).await?;
    Ok(Migrated {
        applied: after - before,
        known: after,
    })
}

/// Lets the application know how far a schema is. Another release may have been further.
async fn publish_state(conn: &mut PgConnection, migrations: &'static Migrations) -> Result<(), MigrateError> {
    let Some(newest) = migrations.migrator.iter().map(|one| one.version).max() else {
        return Ok(());
    };
    sqlx::query(
        "insert into platform_core.schema_state as known (schema, version) values ($1, $2)
         on conflict (schema) do update set version = greatest(known.version, excluded.version)",
    )
    .bind(migrations.schema)
    .bind(newest)
    .execute(conn)
    .await?;
    Ok(())
}

/// How many files of a schema have run; zero when it has no history yet.
async fn applied(conn: &mut PgConnection, schema: &str) -> Result<usize, MigrateError> {
    let history = format!("{}._migrations", quote(schema));
    let present: bool = sqlx::query_scalar("select pg_catalog.to_regclass($1) is not null")
        .bind(&history)
        .fetch_one(&mut *conn)
        .await?;
    if !present {
        return Ok(0);
    }
    let count = sqlx::AssertSqlSafe(format!("select count(*) from {history}"));
    let count: i64 = sqlx::query_scalar(count).fetch_one(conn).await?;
    Ok(usize::try_from(count).unwrap_or(0))
}

fn is_lock_timeout(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(|cause| cause.code())
        .as_deref()
        == Some("55P03")
}
