//! Where the data is: the server of `DATABASE_URL`, or a PostgreSQL of the service's own.

use std::env::{var, var_os};
use std::path::Path;

use anyhow::ensure;
use platform_audit::AUDIT_TABLES;
use platform_core::embedded::{Binaries, Cluster, ClusterConfig, SUPERUSER, SearchPath, StopMode};
use platform_core::pg::{AllowList, Bootstrap, Db, DbConfig, NewTenant, Slug, Tenants, bootstrap, migrate};
use platform_core::secrecy::{ExposeSecret, SecretString};
use platform_core::{RequestContext, Sources, TenantId};
use platform_crypto::ROOT_KEY_TABLE;

use crate::ALL_MIGRATIONS;

const DATABASE: &str = "parcels";
const OWNER: &str = "parcels_owner";
const APPLICATION: &str = "parcels_server";

/// A migrated database.
#[derive(Debug)]
pub struct Database {
    url: SecretString,
    cluster: Option<Cluster>,
}

impl Database {
    /// Takes the server of `DATABASE_URL`, or starts one with its data in `data_dir`, and brings the schemas up to date.
    ///
    /// # Errors
    /// When there is no database, or its migrations fail.
    pub async fn open(data_dir: &Path) -> anyhow::Result<Self> {
        if let Ok(url) = var("DATABASE_URL") {
            // Only the owner of the tables may change them; without its login somebody else runs the migrations.
            if let Ok(owner_url) = var("DATABASE_OWNER_URL") {
                migrate(&owner_url.into(), None, &ALL_MIGRATIONS).await?;
            }
            return Ok(Self {
                url: url.into(),
                cluster: None,
            });
        }
        let search = SearchPath::new(None, var_os("PATH"));
        let binaries = Binaries::find_for(&search, data_dir).await?;
        let cluster = Cluster::start(ClusterConfig::new(binaries, data_dir)).await?;
        let plan = Bootstrap {
            superuser_url: cluster.url(SUPERUSER, "postgres").into(),
            database: DATABASE.to_owned(),
            owner: OWNER.to_owned(),
            application: APPLICATION.to_owned(),
            crates: ALL_MIGRATIONS.to_vec(),
        };
        bootstrap(&plan).await?;
        migrate(&cluster.url(OWNER, DATABASE).into(), None, &ALL_MIGRATIONS).await?;
        Ok(Self {
            url: cluster.url(APPLICATION, DATABASE).into(),
            cluster: Some(cluster),
        })
    }

    /// Connects as the application, and refuses a database that does not keep tenants apart.
    ///
    /// # Errors
    /// When the database cannot be reached or the self-check finds a hazard.
    pub async fn connect(&self) -> anyhow::Result<Db> {
        let config = DbConfig::new(self.url.expose_secret());
        let db = Db::connect(&config, Sources::system()).await?;
        let report = db
            .self_check(&AllowList::core().with(ROOT_KEY_TABLE).with_all(AUDIT_TABLES))
            .await?;
        ensure!(report.passes(), "{report}");
        Ok(db)
    }

    /// Makes the tenant unless there is one with this slug.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ensure_tenant(&self, db: &Db, slug: &str, name: &str) -> anyhow::Result<TenantId> {
        let tenants = Tenants::new(db);
        let slug: Slug = slug.parse()?;
        if let Some(tenant) = tenants.by_slug(&slug).await? {
            return Ok(tenant.id);
        }
        let id = TenantId::generate(db.sources());
        let ctx = RequestContext::system(id, "make the first tenant", db.sources());
        let mut tx = db.begin(&ctx).await?;
        let new = NewTenant {
            slug,
            name: name.to_owned(),
            parent: None,
        };
        tenants.create_in(&mut tx, &new).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Stops the server, when it is the service's own.
    ///
    /// # Errors
    /// When it does not stop.
    pub async fn stop(self) -> anyhow::Result<()> {
        if let Some(cluster) = self.cluster {
            cluster.stop(StopMode::Fast).await?;
        }
        Ok(())
    }
}
