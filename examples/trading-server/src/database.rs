//! Where the server's data is: a PostgreSQL of its own, or the one it was told of.

use std::ffi::OsString;

use anyhow::anyhow;
use platform_core::Sources;
use platform_core::embedded::{
    Binaries, CameUp, Cluster, ClusterConfig, Endpoint, SUPERUSER, SearchPath, StartError,
};
use platform_core::pg::{
    AllowList, Bootstrap, Db, DbConfig, Migrated, Migrations, Report, bootstrap, migrate,
};
use platform_core::runtime::Worker;
use platform_core::secrecy::{ExposeSecret, SecretString};

use crate::config::Settings;
use crate::exit::Exit;
use crate::keeper::Keeper;
use crate::refusal::{OrRefuse, Refusal};

/// The database of the embedded cluster, its owner and its application login.
const DATABASE: &str = "platform";
const OWNER: &str = "platform_owner";
const APPLICATION: &str = "platform_server";

/// Connections the embedded cluster takes at least: room for an operator's tools beside the server's pool.
const CONNECTIONS: u32 = 100;

/// The tables of every crate in the server, in the order in which they refer to each other, and last what the server itself does
/// to them.
pub const MIGRATIONS: [&Migrations; 5] = [
    &platform_crypto::MIGRATIONS,
    &platform_audit::MIGRATIONS,
    &platform_auth::MIGRATIONS,
    &trading::MIGRATIONS,
    &OWN_MIGRATIONS,
];

/// No tables: puts those of crates that do not know the audit trail under its protection.
static OWN_MIGRATIONS: Migrations = Migrations {
    schema: "trading_server",
    migrator: &MIGRATOR,
    roles: &[],
};

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/trading-server");

/// The database as it was found or started.
#[derive(Debug)]
pub struct Database {
    application_url: SecretString,
    owner_url: Option<SecretString>,
    application: Option<String>,
    superuser_url: Option<SecretString>,
    keeper: Option<Keeper>,
    /// What to tell the operator about it.
    pub description: String,
}

impl Database {
    /// Finds the database for a server that will keep it for itself, starting the embedded one where no URL is given.
    ///
    /// # Errors
    /// [`Refusal`] says how to get one.
    pub async fn for_serving(settings: &Settings, path: Option<OsString>) -> Result<Self, Refusal> {
        match Self::by_url(settings) {
            Some(database) => Ok(database),
            None => Self::started(settings, path).await,
        }
    }

    /// Finds the database for a command of the operator, which also works beside a running server.
    ///
    /// # Errors
    /// As [`Database::for_serving`].
    pub async fn for_operating(settings: &Settings, path: Option<OsString>) -> Result<Self, Refusal> {
        if let Some(database) = Self::by_url(settings) {
            return Ok(database);
        }
        let running = Cluster::attach(&settings.data_dir)
            .await
            .or_refuse(Exit::Unavailable)?;
        match running {
            Some(endpoint) => Ok(Self::embedded(
                &endpoint,
                None,
                "the embedded database of a running server".to_owned(),
            )),
            None => Self::started(settings, path).await,
        }
    }

    /// Finds the database for a command that looks and makes nothing: not a new database in an empty folder either.
    ///
    /// # Errors
    /// As [`Database::for_serving`], and where there is none yet.
    pub async fn for_looking(settings: &Settings, path: Option<OsString>) -> Result<Self, Refusal> {
        let is_embedded = settings.database.url.is_none() && settings.database.owner_url.is_none();
        if is_embedded && !holds_a_cluster(&settings.data_dir) {
            let error = anyhow!(
                "there is no database in {} yet: the server makes it at its first start, and so does the command migrate",
                settings.data_dir.display()
            );
            return Err(Refusal::new(Exit::Unavailable, error));
        }
        Self::for_operating(settings, path).await
    }

    fn by_url(settings: &Settings) -> Option<Self> {
        let database = &settings.database;
        let url = database.url.clone().or_else(|| database.owner_url.clone())?;
        let user = |url: &SecretString| user_of(url.expose_secret());
        Some(Self {
            application: database.url.as_ref().and_then(user),
            application_url: url,
            owner_url: database.owner_url.clone(),
            superuser_url: None,
            keeper: None,
            description: "the PostgreSQL server of DATABASE_URL".to_owned(),
        })
    }

    async fn started(settings: &Settings, path: Option<OsString>) -> Result<Self, Refusal> {
        let search = SearchPath::new(settings.pg_bin_dir.clone(), path);
        let binaries = Binaries::find_for(&search, &settings.data_dir)
            .await
            .or_refuse(Exit::Unavailable)?;
        let version = binaries.version().to_string();
        let folder = binaries.folder().display().to_string();
        let config = ClusterConfig::new(binaries, &settings.data_dir).max_connections(
            u16::try_from(
                settings
                    .database
                    .max_connections
                    .saturating_add(10)
                    .max(CONNECTIONS),
            )
            .unwrap_or(u16::MAX),
        );
        let cluster = Cluster::start(config.clone())
            .await
            .map_err(|error| Refusal::new(exit_of(&error), error))?;
        let how = match cluster.report().came_up {
            CameUp::Initialised => "made",
            CameUp::Started => "started",
            CameUp::Adopted => "found running",
        };
        let description = format!(
            "an embedded PostgreSQL {version} ({folder}), {how}; data in {} (--data-dir); DATABASE_URL replaces it",
            settings.data_dir.display()
        );
        let endpoint = cluster.endpoint().clone();
        let keeper = Keeper::new(cluster, config);
        Ok(Self::embedded(&endpoint, Some(keeper), description))
    }

    fn embedded(endpoint: &Endpoint, keeper: Option<Keeper>, description: String) -> Self {
        let url = |user: &str, database: &str| SecretString::from(endpoint.url(user, database));
        Self {
            application_url: url(APPLICATION, DATABASE),
            owner_url: Some(url(OWNER, DATABASE)),
            application: Some(APPLICATION.to_owned()),
            superuser_url: Some(url(SUPERUSER, "postgres")),
            keeper,
            description,
        }
    }

    /// Is it the server's own?
    pub fn is_embedded(&self) -> bool {
        self.superuser_url.is_some()
    }

    /// Brings the schemas up to date where the owner's login is known; `None` where it is not.
    ///
    /// # Errors
    /// [`Refusal`] when the owner cannot connect or a file fails.
    pub async fn migrate(&self) -> Result<Option<Migrated>, Refusal> {
        if let Some(superuser_url) = &self.superuser_url {
            let plan = Bootstrap {
                superuser_url: superuser_url.clone(),
                database: DATABASE.to_owned(),
                owner: OWNER.to_owned(),
                application: APPLICATION.to_owned(),
                crates: MIGRATIONS.to_vec(),
            };
            bootstrap(&plan).await.or_refuse(Exit::Unavailable)?;
        }
        let Some(owner_url) = &self.owner_url else {
            return Ok(None);
        };
        let migrated = migrate(owner_url, self.application.as_deref(), &MIGRATIONS)
            .await
            .map_err(|error| {
                let exit = match &error {
                    platform_core::pg::MigrateError::Connect(_) | platform_core::pg::MigrateError::Locked => {
                        Exit::Unavailable
                    }
                    _ => Exit::Configuration,
                };
                Refusal::new(exit, error)
            })?;
        Ok(Some(migrated))
    }

    /// Connects as the application.
    ///
    /// # Errors
    /// [`Refusal`] when the database cannot be reached or the login is not the application's.
    pub async fn connect(&self, settings: &Settings, sources: Sources) -> Result<Db, Refusal> {
        let config = DbConfig {
            url: self.application_url.clone(),
            max_connections: settings.database.max_connections,
            // Orders are placed and filled however many requests wait for a connection.
            reserved_connections: 1,
            acquire_timeout: settings.database.acquire_timeout,
            statement_timeout: settings.database.statement_timeout,
            application_name: "trading-server".to_owned(),
            ..DbConfig::new("")
        };
        Db::connect(&config, sources).await.map_err(|error| {
            let exit = match &error {
                platform_core::pg::ConnectError::Unreachable(_) => Exit::Unavailable,
                _ => Exit::Configuration,
            };
            Refusal::new(exit, error)
        })
    }

    /// The worker that starts the embedded cluster again when it was killed. `None` where this process has no cluster.
    pub fn keeper(&self) -> Option<Worker> {
        self.keeper.as_ref().map(Keeper::worker)
    }

    /// Stops the embedded cluster, when this process started it.
    pub async fn stop(self) {
        if let Some(keeper) = self.keeper {
            keeper.stop().await;
        }
    }
}

/// Are the tables of this version there, and does the database isolate tenants as the types promise?
///
/// # Errors
/// [`Refusal`] with the remediation for every finding, exit code 78.
pub async fn self_check(db: &Db) -> Result<Report, Refusal> {
    let pending = db.pending(&MIGRATIONS).await.or_refuse(Exit::Unavailable)?;
    if !pending.is_empty() {
        let behind: Vec<String> = pending.iter().map(|one| format!("\n  {one}")).collect();
        let error = anyhow!(
            "the database is behind this version; the command migrate mends that, and so does serve where DATABASE_OWNER_URL is \
             set{}",
            behind.concat()
        );
        return Err(Refusal::new(Exit::Configuration, error));
    }
    let report = db.self_check(&allowed()).await.or_refuse(Exit::Unavailable)?;
    if report.passes() {
        return Ok(report);
    }
    let error = anyhow!("the database does not keep tenants apart, so the server does not start\n{report}");
    Err(Refusal::new(Exit::Configuration, error))
}

/// What the self-check may find, each with its reason.
fn allowed() -> AllowList {
    AllowList::core()
        .with(platform_crypto::ROOT_KEY_TABLE)
        .with_all(platform_audit::AUDIT_TABLES)
        .with_all(trading::TRADING_TABLES)
}

/// Where the embedded PostgreSQL keeps its data, below the data folder.
fn holds_a_cluster(data_dir: &std::path::Path) -> bool {
    data_dir.join("pg").join("PG_VERSION").exists()
}

fn exit_of(error: &StartError) -> Exit {
    match error {
        StartError::WrongVersion { .. } | StartError::NotACluster { .. } | StartError::WrongOwner { .. } => {
            Exit::Configuration
        }
        _ => Exit::Unavailable,
    }
}

/// The user a URL names.
fn user_of(url: &str) -> Option<String> {
    let options: platform_core::sqlx::postgres::PgConnectOptions = url.parse().ok()?;
    Some(options.get_username().to_owned())
}
