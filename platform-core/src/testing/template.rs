//! Databases that are migrated once and cloned.

use std::collections::BTreeMap;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use sqlx::{Connection as _, PgConnection};
use tokio::sync::OnceCell;

use crate::Sources;
use crate::pg::{CORE_MIGRATIONS, Migrations, migrate};

use super::server::{Server, exists, hex, run};
use super::{APP_LOGIN, BoxError, OWNER_LOGIN};

/// Raise it when what is in a template changes without a migration.
const FORMAT: &str = "1";

/// Databases whose name starts so belong to one test; the name goes on with seconds since 1970, process id and a number.
pub(super) const OWN_PREFIX: &str = "test_own_";

/// How a database that many tests use is made.
enum Recipe<'a> {
    Migrate(&'a [&'static Migrations]),
    /// From the template of this name.
    Clone(&'a str),
}

/// The templates and shared databases that this process has seen, by name.
static READY: Mutex<BTreeMap<String, Arc<OnceCell<()>>>> = Mutex::new(BTreeMap::new());

/// The name of the database that all tests of these migrations share.
pub(super) async fn shared(server: &Server, migrations: &[&'static Migrations]) -> Result<String, BoxError> {
    let hash = hash(migrations);
    let name = format!("test_shared_{hash}");
    let cloning = Box::pin(async {
        let template = template(server, migrations, &hash).await?;
        publish(server, &name, Recipe::Clone(&template)).await
    });
    once(&name, cloning).await?;
    Ok(name)
}

/// The name of a fresh database for one test.
pub(super) async fn own(server: &Server, migrations: &[&'static Migrations]) -> Result<String, BoxError> {
    let template = template(server, migrations, &hash(migrations)).await?;
    let name = own_name();
    let mut connection = server.connect().await?;
    clone(&mut connection, &template, &name).await?;
    connection.close().await?;
    Ok(name)
}

/// The name of a fresh database without any schema, on a server with the roles of these migrations.
pub(super) async fn empty(server: &Server, migrations: &[&'static Migrations]) -> Result<String, BoxError> {
    let name = own_name();
    let mut alone = server.connect_alone().await?;
    server.bootstrap(&mut alone, &name, migrations).await?;
    alone.close().await?;
    Ok(name)
}

/// Makes a database and runs the migrations in it. The caller is alone.
pub(super) async fn make(
    server: &Server,
    alone: &mut PgConnection,
    migrations: &[&'static Migrations],
    name: &str,
) -> Result<(), BoxError> {
    server.bootstrap(alone, name, migrations).await?;
    let owner_url = SecretString::from(server.owner_url(name));
    migrate(&owner_url, Some(APP_LOGIN), migrations).await?;
    Ok(())
}

async fn template(
    server: &Server,
    migrations: &[&'static Migrations],
    hash: &str,
) -> Result<String, BoxError> {
    let name = format!("test_template_{hash}");
    let migrating = Box::pin(publish(server, &name, Recipe::Migrate(migrations)));
    once(&name, migrating).await?;
    Ok(name)
}

/// Runs `make` once in this process, however many tests ask; again when it failed.
async fn once(name: &str, make: impl Future<Output = Result<(), BoxError>>) -> Result<(), BoxError> {
    let cell = {
        let mut ready = READY.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(ready.entry(name.to_owned()).or_default())
    };
    cell.get_or_try_init(|| make).await?;
    Ok(())
}

/// Makes a database that other processes may be waiting for. It appears under its name when it is whole.
async fn publish(server: &Server, name: &str, recipe: Recipe<'_>) -> Result<(), BoxError> {
    let mut alone = server.connect_alone().await?;
    if !exists(&mut alone, name).await? {
        let unfinished = format!("{name}_new");
        run(&mut alone, format!("drop database if exists {unfinished}")).await?;
        match recipe {
            Recipe::Migrate(migrations) => make(server, &mut alone, migrations, &unfinished).await?,
            Recipe::Clone(template) => clone(&mut alone, template, &unfinished).await?,
        }
        run(
            &mut alone,
            format!("alter database {unfinished} rename to {name}"),
        )
        .await?;
    }
    alone.close().await?;
    Ok(())
}

async fn clone(connection: &mut PgConnection, template: &str, name: &str) -> Result<(), BoxError> {
    // Copying files is twice as fast as logging every page, the default, where nothing waits for a disk.
    let create = format!("create database {name} template {template} owner {OWNER_LOGIN} strategy file_copy");
    run(connection, create).await?;
    // A clone has its template's schemas and their privileges, and a new database's own.
    let revoke = format!("revoke temporary on database {name} from public");
    run(connection, revoke).await?;
    Ok(())
}

fn own_name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let seconds = Sources::system().now().unix_timestamp();
    format!("{OWN_PREFIX}{seconds}_{}_{number}", process::id())
}

/// Names what a database holds after these migrations.
fn hash(migrations: &[&'static Migrations]) -> String {
    let mut digest = Sha256::new();
    digest.update(format!("{FORMAT}\n{}\n", env!("CARGO_PKG_VERSION")));
    for migrations in std::iter::once(&&CORE_MIGRATIONS).chain(migrations) {
        digest.update(format!("{}\n", migrations.schema));
        for migration in migrations.migrator.iter() {
            digest.update(format!("{} {}\n", migration.version, hex(&migration.checksum)));
        }
        for role in migrations.roles {
            digest.update(format!("{}\n", role.name()));
        }
    }
    hex(&digest.finalize()[..8])
}
