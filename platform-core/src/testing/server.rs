//! The server that a test process uses.

use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tokio::sync::OnceCell;

use crate::embedded::SUPERUSER;
use crate::pg::{Bootstrap, Migrations, bootstrap};

use super::url::ServerUrl;
use super::{APP_LOGIN, BoxError, OWNER_LOGIN, shared_cluster, sweep};

/// Keeps test processes from preparing roles and templates at the same time. ("pltftest" in ASCII.)
const LOCK_KEY: i64 = 0x706c_7466_7465_7374;

static SERVER: OnceCell<Server> = OnceCell::const_new();

/// A server on which this process may do everything.
#[derive(Debug, Clone)]
pub(super) struct Server {
    superuser: ServerUrl,
    /// The logins' password, on a server that is not let into by its socket alone.
    password: Option<String>,
}

impl Server {
    /// The server of this process; found or started by the first caller.
    pub(super) async fn get() -> Result<&'static Self, BoxError> {
        SERVER
            .get_or_try_init(|| async {
                let given = std::env::var("TEST_DATABASE_URL").ok();
                let server = match given.filter(|url| !url.is_empty()) {
                    Some(url) => Self::given(&url)?,
                    None => Self::embedded(&shared_cluster::start().await?)?,
                };
                sweep::in_background(server.clone());
                Ok(server)
            })
            .await
    }

    /// An embedded cluster.
    pub(super) fn embedded(endpoint: &crate::embedded::Endpoint) -> Result<Self, BoxError> {
        Ok(Self {
            superuser: ServerUrl::parse(&endpoint.url(SUPERUSER, "postgres"))?,
            password: None,
        })
    }

    /// The server of a superuser's URL. Its logins get a password, the same in every process.
    fn given(url: &str) -> Result<Self, BoxError> {
        let digest = Sha256::digest(format!("platform test logins of {url}"));
        Ok(Self {
            superuser: ServerUrl::parse(url)?,
            password: Some(hex(&digest)),
        })
    }

    /// Does this server run on this machine, for its tests alone?
    pub(super) fn is_embedded(&self) -> bool {
        self.password.is_none()
    }

    pub(super) fn superuser_url(&self, database: &str) -> String {
        self.superuser.in_database(database)
    }

    pub(super) fn owner_url(&self, database: &str) -> String {
        self.superuser
            .for_login(OWNER_LOGIN, self.password.as_deref(), database)
    }

    pub(super) fn app_url(&self, database: &str) -> String {
        self.superuser
            .for_login(APP_LOGIN, self.password.as_deref(), database)
    }

    /// A superuser's connection, for statements outside any test database.
    pub(super) async fn connect(&self) -> Result<PgConnection, BoxError> {
        Ok(PgConnection::connect(&self.superuser.as_given()).await?)
    }

    /// The same, and the only one of its kind until it is closed.
    pub(super) async fn connect_alone(&self) -> Result<PgConnection, BoxError> {
        let mut connection = self.connect().await?;
        connection.execute("set lock_timeout = '120s'").await?;
        sqlx::query("select pg_catalog.pg_advisory_lock($1)")
            .bind(LOCK_KEY)
            .execute(&mut connection)
            .await?;
        Ok(connection)
    }

    /// Makes the roles, those of the migrations too, and an empty database. The caller is alone.
    pub(super) async fn bootstrap(
        &self,
        alone: &mut PgConnection,
        database: &str,
        migrations: &[&'static Migrations],
    ) -> Result<(), BoxError> {
        bootstrap(&Bootstrap {
            superuser_url: SecretString::from(self.superuser.as_given()),
            database: database.to_owned(),
            owner: OWNER_LOGIN.to_owned(),
            application: APP_LOGIN.to_owned(),
            crates: migrations.to_vec(),
        })
        .await?;
        if let Some(password) = &self.password {
            for login in [OWNER_LOGIN, APP_LOGIN] {
                run(alone, format!("alter role {login} password '{password}'")).await?;
            }
        }
        Ok(())
    }
}

/// Runs a statement made of this module's own names.
pub(super) async fn run(connection: &mut PgConnection, statement: String) -> Result<(), sqlx::Error> {
    connection.execute(AssertSqlSafe(statement)).await?;
    Ok(())
}

pub(super) async fn exists(connection: &mut PgConnection, database: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists (select from pg_catalog.pg_database where datname = $1)")
        .bind(database)
        .fetch_one(connection)
        .await
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
