//! A password that changes while requests are served.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use platform_core::pg::{
    ConnectError, Db, DbConfig, DbError, Login, LoginSource, LoginSourceError, Logins, TenantTx,
};
use platform_core::secrecy::SecretString;
use platform_core::testing::{APP_LOGIN, TestCluster};
use platform_core::{Sources, sqlx};
use sqlx::Connection as _;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::support::{SHOP, as_superuser, context, count, id, items, stock, tenant};

const CONNECTIONS: u32 = 24;

/// A server that asks the application for its password.
async fn server() -> TestCluster {
    let cluster = Box::pin(TestCluster::on_disk(&[&SHOP])).await;
    let database = cluster.database();
    let mut superuser = sqlx::PgConnection::connect(&database.superuser_url())
        .await
        .unwrap();
    let rules: String = sqlx::query_scalar("select pg_catalog.current_setting('hba_file')")
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    let trusting = std::fs::read_to_string(&rules).unwrap();
    let asking = format!("local all {APP_LOGIN} scram-sha-256\n{trusting}");
    std::fs::write(&rules, asking).unwrap();
    superuser.close().await.unwrap();
    set_password(&cluster, "one").await;
    as_superuser(database, "select pg_catalog.pg_reload_conf()").await;
    cluster
}

async fn set_password(cluster: &TestCluster, password: &str) {
    as_superuser(
        cluster.database(),
        &format!("alter role {APP_LOGIN} password '{password}'"),
    )
    .await;
}

/// The application's connections that the server has let in.
async fn connections(cluster: &TestCluster) -> i64 {
    let query = format!("select count(*) from pg_catalog.pg_stat_activity where usename = '{APP_LOGIN}'");
    count(cluster.database(), &query).await
}

fn login(password: &str) -> Login {
    Login::Password(SecretString::from(password))
}

/// A store of secrets that is told what to say.
#[derive(Debug)]
struct Store {
    logins: Mutex<Logins>,
    asked: AtomicUsize,
}

impl Store {
    fn holding(password: &str) -> Arc<Self> {
        Arc::new(Self {
            logins: Mutex::new(Logins::new(login(password))),
            asked: AtomicUsize::new(0),
        })
    }

    fn rotate(&self, password: &str) -> Logins {
        let mut logins = self.logins.lock().unwrap();
        *logins = Logins::new(login(password)).with_previous(logins.current.clone());
        logins.clone()
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl LoginSource for Store {
    async fn logins(&self) -> Result<Logins, LoginSourceError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(self.logins.lock().unwrap().clone())
    }
}

fn config(cluster: &TestCluster) -> DbConfig {
    DbConfig::new(cluster.database().app_url()).with_max_connections(CONNECTIONS)
}

async fn connect(cluster: &TestCluster, store: &Arc<Store>) -> Db {
    let store = Arc::clone(store) as Arc<dyn LoginSource>;
    Db::connect_as(&config(cluster), store, Sources::system())
        .await
        .unwrap()
}

/// Requests without a pause, each of which has to succeed.
struct Load {
    tasks: JoinSet<()>,
    served: watch::Sender<usize>,
    stop: watch::Sender<bool>,
}

impl Load {
    fn new() -> Self {
        Self {
            tasks: JoinSet::new(),
            served: watch::Sender::new(0),
            stop: watch::Sender::new(false),
        }
    }

    /// Adds clients.
    fn grow(&mut self, db: &Db, clients: usize) {
        for _ in 0..clients {
            let (db, served, stop) = (db.clone(), self.served.clone(), self.stop.subscribe());
            self.tasks.spawn(async move {
                let ours = tenant();
                while !*stop.borrow() {
                    stock(&db, ours, &id().to_string()).await;
                    served.send_modify(|served| *served += 1);
                }
            });
        }
    }

    /// Waits until so many more requests have been served.
    async fn go_on(&mut self, more: usize) {
        let mut served = self.served.subscribe();
        let goal = *served.borrow() + more;
        tokio::select! {
            reached = served.wait_for(|served| *served >= goal) => drop(reached.unwrap()),
            failed = self.tasks.join_next() => failed.unwrap().unwrap(),
        }
    }

    /// Serves requests until the store has been asked so many times more.
    async fn go_on_until_asked(&mut self, store: &Store, times: usize) {
        let goal = store.asked() + times;
        while store.asked() < goal {
            self.go_on(10).await;
        }
    }

    /// Adds clients until a connection more is open than now, and says how many are.
    async fn grow_until_connected(&mut self, db: &Db, cluster: &TestCluster) -> i64 {
        let before = connections(cluster).await;
        loop {
            self.grow(db, 1);
            self.go_on(20).await;
            let now = connections(cluster).await;
            if now > before {
                return now;
            }
        }
    }

    /// Every request that was begun is served in the end, or this panics.
    async fn end(mut self) {
        self.stop.send_replace(true);
        while let Some(client) = self.tasks.join_next().await {
            client.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_when_the_store_learns_of_a_new_password_before_the_database() {
    let cluster = server().await;
    let store = Store::holding("one");
    let db = connect(&cluster, &store).await;
    let mut load = Load::new();
    load.grow(&db, 2);
    load.go_on(10).await;

    db.replace_login(&store.rotate("two")).unwrap();
    let with_one = load.grow_until_connected(&db, &cluster).await;
    set_password(&cluster, "two").await;
    let with_two = load.grow_until_connected(&db, &cluster).await;

    load.end().await;
    assert!(with_two > with_one);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_when_the_database_learns_of_a_new_password_before_the_store() {
    let cluster = server().await;
    let store = Store::holding("one");
    let db = connect(&cluster, &store).await;
    let mut load = Load::new();
    load.grow(&db, 2);
    load.go_on(10).await;

    set_password(&cluster, "two").await;
    load.grow(&db, 6);
    // The first question comes after a refusal: whoever was let in with the old password before is counted.
    load.go_on_until_asked(&store, 1).await;
    let before = connections(&cluster).await;
    load.go_on_until_asked(&store, 2).await;
    let meanwhile = connections(&cluster).await;
    store.rotate("two");
    load.grow_until_connected(&db, &cluster).await;

    load.end().await;
    assert_eq!(meanwhile, before, "somebody came in with the old password");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_changes_again_and_again_is_followed() {
    let cluster = server().await;
    let store = Store::holding("one");

    for (round, password) in ["two", "three", "four"].into_iter().enumerate() {
        let db = connect(&cluster, &store).await;
        let ours = tenant();
        store.rotate(password);
        if round % 2 == 0 {
            db.replace_login(&store.logins.lock().unwrap().clone()).unwrap();
        }
        set_password(&cluster, password).await;
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(db.begin(&context(ours)).await.unwrap());
        }
        drop(held);
        stock(&db, ours, password).await;
        assert_eq!(items(&db, ours).await, [password]);
        db.close().await;
    }
}

#[tokio::test]
async fn a_login_that_nobody_takes_is_refused_within_the_limit_and_tried_seldom() {
    let limit = Duration::from_secs(3);
    let cluster = server().await;
    let store = Store::holding("one");
    let mut config = config(&cluster);
    config.acquire_timeout = limit;
    let db = Db::connect_as(
        &config,
        Arc::clone(&store) as Arc<dyn LoginSource>,
        Sources::system(),
    )
    .await
    .unwrap();
    let held = hold_every_connection(&db).await;
    set_password(&cluster, "other").await;
    let asked = store.asked();
    let started = Instant::now();

    let attempts = (0..8).map(|_| {
        let db = db.clone();
        tokio::spawn(async move { db.begin(&context(tenant())).await.err() })
    });
    let refusals = futures::future::join_all(attempts).await;

    let waited = started.elapsed();
    assert!(waited < limit * 10, "{waited:?}");
    for refusal in &refusals {
        let refusal = refusal.as_ref().unwrap().as_ref().unwrap();
        assert!(
            matches!(refusal, DbError::Timeout(_) | DbError::Unavailable(_)),
            "{refusal:?}"
        );
    }
    let asked_times = store.asked() - asked;
    assert!(asked_times <= 14, "asked {asked_times} times");
    // On a busy machine even the first refusal may take longer than the limit.
    while store.asked() == asked {
        assert!(db.begin(&context(tenant())).await.is_err());
    }
    drop(held);
}

/// Leaves none of the open connections to others.
async fn hold_every_connection(db: &Db) -> Vec<TenantTx> {
    let mut held = vec![db.begin(&context(tenant())).await.unwrap()];
    while usize::try_from(db.pool_use().open).unwrap() > held.len() {
        match db.pool_use().idle {
            0 => tokio::task::yield_now().await,
            _ => held.push(db.begin(&context(tenant())).await.unwrap()),
        }
    }
    held
}

#[tokio::test]
async fn without_anybody_who_rotates_it_a_refused_login_is_an_error_at_once() {
    let cluster = server().await;
    let url = cluster.database().app_url();
    let with = |password: &str| {
        let url = url.replacen(APP_LOGIN, &format!("{APP_LOGIN}:{password}"), 1);
        DbConfig::new(url).with_max_connections(4)
    };

    let wrong = Db::connect(&with("wrong"), Sources::system()).await.unwrap_err();
    let db = Db::connect(&with("one"), Sources::system()).await.unwrap();
    let held = hold_every_connection(&db).await;
    set_password(&cluster, "two").await;
    let started = Instant::now();
    let refused = db.begin(&context(tenant())).await;

    assert!(matches!(wrong, ConnectError::Unreachable(_)), "{wrong:?}");
    assert!(matches!(refused, Err(DbError::Unavailable(_))), "{refused:?}");
    assert!(started.elapsed() < Duration::from_secs(4));
    drop(held);
}
