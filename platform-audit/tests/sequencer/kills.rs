//! The process is killed between any two steps of committing and sequencing.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use platform_audit::{
    Action, AuditLog, Event, LogKey, Marks, Outcome, Outlet, RoundStep, Sequencer, SequencerConfig,
};
use platform_core::pg::{Db, DbConfig};
use platform_core::uuid::Uuid;
use platform_core::{RequestContext, Sources, TenantId, sqlx};
use rustix::process::{Signal, getpid, kill_process};
use tokio::process::Command;

use crate::support::{HOST, Trail, settle};

const KILLS: usize = 50;

/// What the other process is told: the database, the folder, the point at which it is killed, and the tenants.
const URL: &str = "PLATFORM_TEST_URL";
const FOLDER: &str = "PLATFORM_TEST_FOLDER";
const POINT: &str = "PLATFORM_TEST_KILL_AT";
const TENANTS: &str = "PLATFORM_TEST_TENANTS";

const ADDED: Action = Action::new("shop.item_add");

const PATIENCE: Duration = Duration::from_secs(60);

/// Where a process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    BeforeCommit,
    AfterCommit,
    Step(RoundStep),
}

impl Point {
    fn all() -> Vec<Self> {
        let steps = RoundStep::ALL.into_iter().map(Self::Step);
        [Self::BeforeCommit, Self::AfterCommit]
            .into_iter()
            .chain(steps)
            .collect()
    }
}

/// Kills this process when it comes to its point for the given time.
#[derive(Clone)]
struct Death {
    point: Point,
    times_left: Arc<AtomicU32>,
}

impl Death {
    /// `<index of the point> <times>`
    fn parse(text: &str) -> Self {
        let (point, times) = text.split_once(' ').unwrap();
        Self {
            point: Point::all()[point.parse::<usize>().unwrap()],
            times_left: Arc::new(AtomicU32::new(times.parse().unwrap())),
        }
    }

    fn at(&self, point: Point) {
        if self.point == point && self.times_left.fetch_sub(1, Ordering::Relaxed) == 1 {
            kill_process(getpid(), Signal::KILL).unwrap();
            // Nothing happens any more until the signal has come.
            loop {
                std::thread::park();
            }
        }
    }
}

/// Not a test of its own: the process that the test below kills, which sets the variables.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_and_sequences_until_it_is_killed() {
    let Ok(point) = std::env::var(POINT) else {
        return;
    };
    let (url, folder) = (std::env::var(URL).unwrap(), std::env::var(FOLDER).unwrap());
    let folder = std::path::Path::new(&folder);
    let death = Death::parse(&point);
    let sources = Sources::system();
    let db = Db::connect(&DbConfig::new(url), sources.clone()).await.unwrap();
    let key = LogKey::read_or_create(&folder.join("key"), HOST, &sources).unwrap();
    let audit = AuditLog::new(sources).sealed_by(&key);
    for tenant in std::env::var(TENANTS).unwrap().split(' ') {
        let ctx = RequestContext::system(tenant.parse().unwrap(), "test", db.sources());
        tokio::spawn(add_items(db.clone(), audit.clone(), ctx, death.clone()));
    }
    let marks = Marks::open_or_begin(folder.join("marks"), &key).unwrap();
    let sequencer = Sequencer::new(&db, &key, marks, SequencerConfig::default())
        .publish_to(Outlet::directory(folder.join("outlet")))
        .observed_by(move |step| death.at(Point::Step(step)));
    loop {
        sequencer.round().await.unwrap();
    }
}

/// Adds one item after the other, and says so once each is committed.
async fn add_items(db: Db, audit: AuditLog, ctx: RequestContext, death: Death) {
    loop {
        let item = db.sources().uuid_v7();
        let mut tx = db.begin(&ctx).await.unwrap();
        sqlx::query("insert into shop.item (id) values ($1)")
            .bind(item)
            .execute(&mut tx)
            .await
            .unwrap();
        let event = Event::new(ADDED, Outcome::Success).target("item", item.to_string());
        audit.record(&mut tx, &ctx, event).await.unwrap();
        death.at(Point::BeforeCommit);
        tx.commit().await.unwrap();
        death.at(Point::AfterCommit);
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nadded {item}").unwrap();
    }
}

/// Lets a process work until it kills itself, and tells what it had said by then.
async fn killed(trail: &Trail, tenants: &[TenantId], kill: usize) -> BTreeSet<Uuid> {
    let points = Point::all().len();
    let point = format!("{} {}", kill % points, 1 + kill / points);
    let tenants: Vec<_> = tenants.iter().map(TenantId::to_string).collect();
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "kills::changes_and_sequences_until_it_is_killed",
            "--nocapture",
        ])
        .env(URL, trail.test.app_url())
        .env(FOLDER, trail.folder.path())
        .env(POINT, &point)
        .env(TENANTS, tenants.join(" "))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let ended = tokio::time::timeout(PATIENCE, child.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    use std::os::unix::process::ExitStatusExt as _;
    assert_eq!(ended.status.signal(), Some(Signal::KILL.as_raw()), "{point}");
    let said = String::from_utf8(ended.stdout).unwrap();
    said.lines()
        .filter_map(|line| line.strip_prefix("added "))
        .filter_map(|item| item.parse().ok())
        .collect()
}

#[tokio::test]
async fn fifty_kills_lose_no_committed_change_double_none_and_fork_no_log() {
    let sources = Sources::system();
    let folder = tempfile::tempdir().unwrap();
    let key = LogKey::read_or_create(&folder.path().join("key"), HOST, &sources).unwrap();
    let mut trail = Trail::with_key(key).await;
    trail.folder = folder;
    trail
        .sql(
            "create schema shop;
             grant usage on schema shop to platform_app;
             create table shop.item (
               tenant_id uuid not null default current_setting('platform.tenant_id')::uuid, id uuid not null, primary key (tenant_id, id)
             );
             select platform_core.tenant_table('shop.item', 'select, insert');
             select platform_audit.protect('shop.item')",
        )
        .await;
    let tenants: Vec<TenantId> = (0..2).map(|_| TenantId::generate(&sources)).collect();
    let mut said = BTreeSet::new();

    for kill in 0..KILLS {
        said.extend(killed(&trail, &tenants, kill).await);
        // What is there is sound at any time; it need not be whole.
        trail.prove(tenants[kill % tenants.len()]).await;
        trail
            .sql("update platform_audit.lease set until = clock_timestamp()")
            .await;
    }

    let sequencer = trail.sequencer();
    settle(&sequencer).await;
    assert_eq!(sequencer.health().complaint(), None);
    assert_eq!(trail.count("platform_audit.rejected").await, 0);
    let mut added = BTreeSet::new();
    for tenant in &tenants {
        let proven = trail.prove_whole(*tenant).await;
        let items: Vec<(Uuid, i64)> = sqlx::query_as(
            "select i.id, count(l.seq) from shop.item i
             left join platform_audit.event e on e.tenant_id = i.tenant_id and e.target_id = i.id::text
             left join platform_audit.leaf l on l.tenant_id = e.tenant_id and l.id = e.id
             where i.tenant_id = $1 group by i.id",
        )
        .bind(*tenant)
        .fetch_all(&mut trail.superuser().await)
        .await
        .unwrap();
        assert!(items.iter().all(|(_, places)| *places == 1), "{items:?}");
        assert_eq!(
            proven.size,
            u64::try_from(items.len()).unwrap(),
            "an event without its change"
        );
        added.extend(items.into_iter().map(|(item, _)| item));
    }
    assert!(said.is_subset(&added), "what was acknowledged is gone");
    assert!(added.len() > KILLS, "{} changes are hardly a load", added.len());
}
