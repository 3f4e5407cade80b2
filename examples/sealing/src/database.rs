//! A PostgreSQL of the service's own, its databases, and a backup as an operator makes it.

use std::env::var_os;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use platform_core::embedded::{Binaries, Cluster, ClusterConfig, SUPERUSER, SearchPath, StopMode};
use platform_core::pg::{
    AllowList, Bootstrap, Db, DbConfig, Migrations, NewTenant, Tenants, bootstrap, migrate,
};
use platform_core::{RequestContext, Sources, TenantId};
use platform_crypto::ROOT_KEY_TABLE;
use tokio::process::Command;

const OWNER: &str = "shop_owner";
const APPLICATION: &str = "shop_server";

/// Every crate's tables, in the order in which they refer to each other.
pub const ALL_MIGRATIONS: [&Migrations; 2] = [&platform_crypto::MIGRATIONS, &crate::shop::MIGRATIONS];

/// A PostgreSQL that this process has started.
#[derive(Debug)]
pub struct Server {
    cluster: Cluster,
    programs: PathBuf,
}

impl Server {
    /// Starts one with its data in a folder.
    ///
    /// # Errors
    /// When there is no PostgreSQL on this machine, or it does not start.
    pub async fn start(data_dir: &Path) -> anyhow::Result<Self> {
        let search = SearchPath::new(var_os("PG_BIN_DIR").map(PathBuf::from), var_os("PATH"));
        let binaries = Binaries::find_for(&search, data_dir).await?;
        let programs = binaries.folder().to_owned();
        let cluster = Cluster::start(ClusterConfig::new(binaries, data_dir)).await?;
        Ok(Self { cluster, programs })
    }

    /// Makes a database, empty but for its roles.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn create(&self, database: &str) -> anyhow::Result<()> {
        let plan = Bootstrap {
            superuser_url: self.cluster.url(SUPERUSER, "postgres").into(),
            database: database.to_owned(),
            owner: OWNER.to_owned(),
            application: APPLICATION.to_owned(),
            crates: ALL_MIGRATIONS.to_vec(),
        };
        Ok(bootstrap(&plan).await?)
    }

    /// Brings its tables up to date.
    ///
    /// # Errors
    /// When a migration fails.
    pub async fn migrate(&self, database: &str) -> anyhow::Result<()> {
        migrate(&self.cluster.url(OWNER, database).into(), None, &ALL_MIGRATIONS).await?;
        Ok(())
    }

    /// Connects as the application, and refuses a database that does not keep tenants apart.
    ///
    /// # Errors
    /// When the database cannot be reached or the self-check finds a hazard.
    pub async fn connect(&self, database: &str, sources: Sources) -> anyhow::Result<Db> {
        let config = DbConfig::new(self.cluster.url(APPLICATION, database));
        let db = Db::connect(&config, sources).await?;
        let report = db.self_check(&AllowList::core().with(ROOT_KEY_TABLE)).await?;
        ensure!(report.passes(), "{report}");
        Ok(db)
    }

    /// Writes a backup of a database to a file.
    ///
    /// # Errors
    /// When `pg_dump` fails.
    pub async fn back_up(&self, database: &str, file: &Path) -> anyhow::Result<()> {
        let url = self.cluster.url(SUPERUSER, database);
        let mut dump = self.program("pg_dump");
        dump.arg("--format=custom").arg("--file").arg(file).arg(url);
        run(dump).await
    }

    /// Restores a backup into a new database.
    ///
    /// # Errors
    /// When `pg_restore` fails.
    pub async fn restore(&self, file: &Path, database: &str) -> anyhow::Result<()> {
        self.create(database).await?;
        let mut restore = self.program("pg_restore");
        restore.arg("--dbname").arg(self.cluster.url(SUPERUSER, database));
        restore.arg("--exit-on-error").arg(file);
        run(restore).await
    }

    /// Stops it.
    ///
    /// # Errors
    /// When it does not stop.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.cluster.stop(StopMode::Fast).await?;
        Ok(())
    }

    /// One of the programs that came with the server, so that their versions agree.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}

async fn run(mut command: Command) -> anyhow::Result<()> {
    let output = command.output().await.context("the program does not run")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{errors}");
    Ok(())
}

/// Makes a tenant.
///
/// # Errors
/// When the database fails.
pub async fn make_tenant(db: &Db, slug: &str, name: &str) -> anyhow::Result<TenantId> {
    let id = TenantId::generate(db.sources());
    let ctx = RequestContext::system(id, "make the first tenant", db.sources());
    let mut tx = db.begin(&ctx).await?;
    let new = NewTenant {
        slug: slug.parse()?,
        name: name.to_owned(),
        parent: None,
    };
    Tenants::new(db).create_in(&mut tx, &new).await?;
    tx.commit().await?;
    Ok(id)
}
