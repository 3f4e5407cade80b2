//! A database password in a mounted volume, rotated while requests are served.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use platform_core::pg::{Db, DbConfig};
use platform_core::sqlx::{self, AssertSqlSafe, Connection as _, Executor as _};
use platform_core::testing::{APP_LOGIN, TestCluster};
use platform_core::{RequestContext, Sources, TenantId};
use platform_crypto::{FileSecrets, SecretLogin, Secrets, SecretsConfig};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::support::name;

async fn as_superuser(cluster: &TestCluster, statements: String) {
    let mut superuser = sqlx::PgConnection::connect(&cluster.database().superuser_url())
        .await
        .unwrap();
    superuser.execute(AssertSqlSafe(statements)).await.unwrap();
    superuser.close().await.unwrap();
}

async fn ask<T>(cluster: &TestCluster, query: &'static str) -> T
where
    T: Send + Unpin + sqlx::Type<sqlx::Postgres> + for<'r> sqlx::Decode<'r, sqlx::Postgres>,
{
    let mut superuser = sqlx::PgConnection::connect(&cluster.database().superuser_url())
        .await
        .unwrap();
    let answer = sqlx::query_scalar(query).fetch_one(&mut superuser).await.unwrap();
    superuser.close().await.unwrap();
    answer
}

/// A server that asks the application for its password.
async fn server() -> TestCluster {
    let cluster = Box::pin(TestCluster::on_disk(&[])).await;
    let rules: String = ask(&cluster, "select pg_catalog.current_setting('hba_file')").await;
    let trusting = fs::read_to_string(&rules).unwrap();
    fs::write(&rules, format!("local all {APP_LOGIN} scram-sha-256\n{trusting}")).unwrap();
    set_password(&cluster, "one").await;
    as_superuser(&cluster, "select pg_catalog.pg_reload_conf()".to_owned()).await;
    cluster
}

async fn set_password(cluster: &TestCluster, password: &str) {
    as_superuser(cluster, format!("alter role {APP_LOGIN} password '{password}'")).await;
}

/// The application's connections that the server has let in.
async fn connections(cluster: &TestCluster) -> i64 {
    let query = "select count(*) from pg_catalog.pg_stat_activity where usename = 'platform_app_login'";
    ask(cluster, query).await
}

/// Puts a password into the folder at once, as a whole.
fn store(folder: &Path, password: &str) {
    let new = folder.join("new");
    fs::write(&new, format!("{password}\n")).unwrap();
    fs::set_permissions(&new, Permissions::from_mode(0o400)).unwrap();
    fs::rename(new, folder.join("database-password")).unwrap();
}

/// Requests without a pause, each of which has to succeed, by clients that can be added.
struct Load {
    db: Db,
    served: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    clients: JoinSet<()>,
}

impl Load {
    fn on(db: &Db) -> Self {
        Self {
            db: db.clone(),
            served: Arc::default(),
            stop: Arc::default(),
            clients: JoinSet::new(),
        }
    }

    fn add_client(&mut self) {
        let (db, served, stop) = (self.db.clone(), Arc::clone(&self.served), Arc::clone(&self.stop));
        self.clients.spawn(async move {
            let sources = Sources::system();
            let ctx = RequestContext::system(TenantId::generate(&sources), "load", &sources);
            while !stop.load(Ordering::Relaxed) {
                let mut read = db.read(&ctx).await.unwrap();
                let _: i32 = sqlx::query_scalar("select 1").fetch_one(&mut read).await.unwrap();
                read.finish().await.unwrap();
                served.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    async fn go_on(&mut self, requests: usize) {
        let goal = self.served.load(Ordering::Relaxed) + requests;
        while self.served.load(Ordering::Relaxed) < goal {
            if let Some(failed) = self.clients.try_join_next() {
                failed.unwrap();
            }
            tokio::task::yield_now().await;
        }
    }

    /// Adds clients until the server has let in a connection more.
    async fn grow(&mut self, cluster: &TestCluster) {
        let before = connections(cluster).await;
        while connections(cluster).await <= before {
            self.add_client();
            self.go_on(20).await;
        }
    }

    async fn end(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(client) = self.clients.join_next().await {
            client.unwrap();
        }
    }
}

/// The application: secrets from a folder, their worker, a database handle, and what joins the two.
struct App {
    secrets: Secrets,
    db: Db,
    stop: CancellationToken,
    workers: JoinSet<()>,
}

impl App {
    async fn start(cluster: &TestCluster, folder: &Path) -> Self {
        let config = SecretsConfig {
            fresh_for: Duration::from_millis(200),
            ..SecretsConfig::default()
        };
        let secrets = Secrets::with_config(FileSecrets::new(folder), Sources::system(), config);
        let secret = secrets.open(&name("database-password")).await.unwrap();
        let login = SecretLogin::password(secret);
        let config = DbConfig::new(cluster.database().app_url()).with_max_connections(24);
        let db = Db::connect_as(&config, Arc::new(login.clone()), Sources::system())
            .await
            .unwrap();
        let stop = CancellationToken::new();
        let mut workers = JoinSet::new();
        let (following, followed) = (stop.clone(), db.clone());
        workers.spawn(async move { login.follow(&followed, following).await });
        Self {
            secrets,
            db,
            stop,
            workers,
        }
    }

    fn start_refreshing(&mut self) {
        let (worker, stop) = (self.secrets.worker(), self.stop.clone());
        self.workers.spawn(async move { worker.run(stop).await });
    }

    async fn stop(mut self) {
        self.stop.cancel();
        while self.workers.join_next().await.is_some() {}
        self.db.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_the_password_is_rotated_in_either_order() {
    let cluster = server().await;
    let folder = tempfile::tempdir().unwrap();
    store(folder.path(), "one");
    let mut app = App::start(&cluster, folder.path()).await;
    app.start_refreshing();
    let mut load = Load::on(&app.db);
    load.grow(&cluster).await;

    // The store first …
    store(folder.path(), "two");
    load.grow(&cluster).await;
    set_password(&cluster, "two").await;
    load.grow(&cluster).await;
    // … and the database first.
    set_password(&cluster, "three").await;
    load.add_client();
    load.go_on(200).await;
    store(folder.path(), "three");
    load.grow(&cluster).await;

    load.end().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_worker_a_refusal_alone_finds_the_new_password() {
    let cluster = server().await;
    let folder = tempfile::tempdir().unwrap();
    store(folder.path(), "one");
    let app = App::start(&cluster, folder.path()).await;
    let mut load = Load::on(&app.db);
    load.add_client();
    load.go_on(20).await;

    set_password(&cluster, "two").await;
    store(folder.path(), "two");
    load.grow(&cluster).await;

    load.end().await;
    app.stop().await;
}
