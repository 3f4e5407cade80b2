//! A database for a test.

use crate::pg::{Db, DbConfig, Migrations, NewTenant, Tenants};
use crate::{RequestContext, Sources, TenantId};

use super::server::Server;
use super::{must, template};

/// Connections of the pool that a [`TestDb`] brings.
const POOL: u32 = 8;

/// A migrated database and a handle to it, under the application's login.
///
/// The handle belongs to the runtime it was made on: make one in every test.
#[derive(Debug, Clone)]
pub struct TestDb {
    database: TestDatabase,
    db: Db,
    sources: Sources,
}

/// A database on the tests' server, and the logins it can be reached with.
#[derive(Debug, Clone)]
pub struct TestDatabase {
    server: Server,
    name: String,
}

impl TestDb {
    /// The database that all tests of these migrations share, in this process and in others. Work under a [fresh
    /// tenant](TestDb::tenant), and expect other tenants beside it.
    ///
    /// `platform_core`'s own migrations always run first and need not be named.
    ///
    /// # Panics
    /// When there is no database; the message says why.
    pub async fn shared(migrations: &[&'static Migrations]) -> Self {
        let server = must("no server for tests", Server::get().await);
        let name = must(
            "the shared test database was not made",
            template::shared(server, migrations).await,
        );
        Self::open(TestDatabase::new(server, name)).await
    }

    /// A database of the test's own, for what is not a tenant's: roles, tables, settings, counts over everything. Slower to
    /// get than a tenant.
    ///
    /// # Panics
    /// When there is no database; the message says why.
    pub async fn own(migrations: &[&'static Migrations]) -> Self {
        let server = must("no server for tests", Server::get().await);
        let name = must(
            "a test's own database was not made",
            template::own(server, migrations).await,
        );
        Self::open(TestDatabase::new(server, name)).await
    }

    /// A database of the test's own in which nothing has run, for tests of migrations. The two group roles of every transaction
    /// and the database-wide settings are there.
    ///
    /// # Panics
    /// When there is no database; the message says why.
    pub async fn empty() -> TestDatabase {
        Self::empty_for(&[]).await
    }

    /// The same for tests that run these migrations: their [group roles](Migrations::roles) are there too, as an administrator
    /// would have made them.
    ///
    /// # Panics
    /// When there is no database; the message says why.
    pub async fn empty_for(migrations: &[&'static Migrations]) -> TestDatabase {
        let server = must("no server for tests", Server::get().await);
        let name = must(
            "an empty test database was not made",
            template::empty(server, migrations).await,
        );
        TestDatabase::new(server, name)
    }

    pub(super) async fn open(database: TestDatabase) -> Self {
        let sources = Sources::system();
        let db = connect(&database, POOL, sources.clone()).await;
        Self {
            database,
            db,
            sources,
        }
    }

    /// The handle, with a pool of 8 connections on the runtime that made it.
    pub fn db(&self) -> Db {
        self.db.clone()
    }

    /// Another handle with a pool of another size.
    ///
    /// # Panics
    /// When the database cannot be reached.
    pub async fn connect_with(&self, max_connections: u32) -> Db {
        connect(&self.database, max_connections, self.sources.clone()).await
    }

    /// Another handle with a clock and a generator of the test's own.
    ///
    /// # Panics
    /// When the database cannot be reached.
    pub async fn connect_with_sources(&self, sources: Sources) -> Db {
        connect(&self.database, POOL, sources).await
    }

    /// A tenant that nobody else has.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn tenant(&self) -> TenantId {
        let tenant = TenantId::generate(&self.sources);
        let slug = format!("t-{}", tenant.as_uuid().simple());
        let new = NewTenant {
            slug: must("a tenant's slug", slug.parse()),
            name: "Test".to_owned(),
            parent: None,
        };
        let ctx = self.context(tenant);
        let mut tx = must("a tenant's transaction", self.db.begin(&ctx).await);
        let created = Tenants::new(&self.db).create_in(&mut tx, &new).await;
        must("a fresh tenant", created);
        must("a tenant's commit", tx.commit().await);
        tenant
    }

    /// The context of a system job for a tenant.
    pub fn context(&self, tenant: TenantId) -> RequestContext {
        RequestContext::system(tenant, "test", &self.sources)
    }

    /// The clock and the generator the handle was made with: the system's.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The database behind the handle.
    pub fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// A URL of the login that owns the schemas.
    pub fn owner_url(&self) -> String {
        self.database.owner_url()
    }

    /// A URL of the application's login.
    pub fn app_url(&self) -> String {
        self.database.app_url()
    }

    /// A URL of the server's superuser.
    pub fn superuser_url(&self) -> String {
        self.database.superuser_url()
    }
}

impl TestDatabase {
    pub(super) fn new(server: &Server, name: String) -> Self {
        Self {
            server: server.clone(),
            name,
        }
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A URL of the login that owns the schemas.
    pub fn owner_url(&self) -> String {
        self.server.owner_url(&self.name)
    }

    /// A URL of the application's login.
    pub fn app_url(&self) -> String {
        self.server.app_url(&self.name)
    }

    /// A URL of the server's superuser.
    pub fn superuser_url(&self) -> String {
        self.server.superuser_url(&self.name)
    }
}

async fn connect(database: &TestDatabase, max_connections: u32, sources: Sources) -> Db {
    let config = DbConfig::new(database.app_url()).with_max_connections(max_connections);
    must(
        "the test database cannot be reached",
        Db::connect(&config, sources).await,
    )
}
