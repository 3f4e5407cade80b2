//! The sequencer as a background task, and waiting for it.

use std::time::Duration;

use platform_audit::{AwaitError, EventId, EventState, Sequencer, SequencerConfig};
use platform_core::pg::{Db, DbConfig};
use platform_core::sqlx;
use platform_core::testing::TestCluster;
use platform_core::{RequestContext, Sources};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{Trail, event};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    fn start(sequencer: &Sequencer) -> Self {
        let stop = CancellationToken::new();
        let (sequencer, token) = (sequencer.clone(), stop.clone());
        let task = tokio::spawn(async move { sequencer.run(token).await });
        Self { stop, task }
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.unwrap().unwrap();
    }
}

async fn published(trail: &Trail, ctx: &RequestContext, event: EventId) {
    let db = trail.test.db();
    let waited = trail
        .audit
        .await_state(&db, ctx, event, EventState::Published, PATIENCE)
        .await;
    assert_eq!(waited.unwrap(), EventState::Published);
}

#[tokio::test]
async fn an_event_can_be_waited_for_until_it_is_published() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    let running = Running::start(&sequencer);

    for _ in 0..5 {
        let event = trail.record(&ctx).await;
        published(&trail, &ctx, event).await;
    }

    running.stop().await;
    trail.prove_whole(ctx.tenant()).await;
}

#[tokio::test]
async fn whoever_waits_is_told_how_far_the_event_has_come_when_the_time_is_over() {
    let trail = Trail::new().await;
    let (ctx, other) = (trail.tenant(), trail.tenant());
    let event = trail.record(&ctx).await;
    let db = trail.test.db();
    let wait = |ctx, wanted| {
        let (audit, db) = (&trail.audit, &db);
        async move {
            audit
                .await_state(db, ctx, event, wanted, Duration::from_millis(50))
                .await
        }
    };

    assert_eq!(
        wait(&ctx, EventState::Recorded).await.unwrap(),
        EventState::Recorded
    );
    assert!(matches!(
        wait(&ctx, EventState::Published).await,
        Err(AwaitError::NotInTime {
            state: EventState::Recorded
        })
    ));
    assert!(matches!(
        wait(&other, EventState::Recorded).await,
        Err(AwaitError::NoSuchEvent)
    ));
    trail.sequencer().round().await.unwrap();
    assert_eq!(
        wait(&ctx, EventState::Sequenced).await.unwrap(),
        EventState::Published
    );
}

#[tokio::test]
async fn enough_events_begin_a_round_before_its_time() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer_with(SequencerConfig {
        interval: Duration::from_secs(3_600),
        wake_at: 5,
        ..SequencerConfig::default()
    });
    let running = Running::start(&sequencer);
    // The first round, before anything is recorded.
    while sequencer.health().last_round.is_none() {
        tokio::task::yield_now().await;
    }

    let events = trail.record_many(&ctx, 5).await;

    published(&trail, &ctx, events[4]).await;
    let one = trail.record(&ctx).await;
    let waited = trail
        .audit
        .await_state(
            &trail.test.db(),
            &ctx,
            one,
            EventState::Sequenced,
            Duration::from_millis(300),
        )
        .await;
    assert!(
        matches!(waited, Err(AwaitError::NotInTime { .. })),
        "one is not enough: {waited:?}"
    );
    // What is rolled back does not count.
    let mut tx = trail.test.db().begin(&ctx).await.unwrap();
    for _ in 0..10 {
        trail.audit.record(&mut tx, &ctx, event()).await.unwrap();
    }
    tx.rollback().await.unwrap();
    let waited = trail
        .audit
        .await_state(
            &trail.test.db(),
            &ctx,
            one,
            EventState::Sequenced,
            Duration::from_millis(300),
        )
        .await;
    assert!(waited.is_err(), "{waited:?}");
    running.stop().await;
}

#[tokio::test]
async fn a_process_that_is_stopped_gives_its_lease_back() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    let running = Running::start(&sequencer);
    let event = trail.record(&ctx).await;
    published(&trail, &ctx, event).await;
    let next = trail.sequencer();
    assert_eq!(next.round().await.unwrap().shards, 0);

    running.stop().await;

    assert_eq!(next.round().await.unwrap().shards, 1);
}

#[tokio::test]
async fn two_that_run_side_by_side_take_over_from_each_other() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let (first, second) = (trail.sequencer(), trail.sequencer());
    let running = [Running::start(&first), Running::start(&second)];
    let event = trail.record(&ctx).await;
    published(&trail, &ctx, event).await;
    let [one, other] = running;
    let (holding, waiting) = match first.health().shards.is_empty() {
        true => (other, one),
        false => (one, other),
    };

    holding.stop().await;
    let event = trail.record(&ctx).await;

    published(&trail, &ctx, event).await;
    waiting.stop().await;
    trail.prove_whole(ctx.tenant()).await;
}

#[tokio::test]
async fn the_backlog_and_its_age_are_seen() {
    let trail = Trail::new().await;
    let ctx = trail.tenant();
    let sequencer = trail.sequencer();
    assert_eq!(sequencer.observe().await.unwrap().events, 0);
    trail.record_many(&ctx, 7).await;
    trail
        .tamper("update platform_audit.pending set recorded_at = recorded_at - interval '1 minute'")
        .await;

    let backlog = sequencer.observe().await.unwrap();

    assert_eq!(backlog.events, 7);
    assert!(backlog.lag >= Duration::from_secs(60), "{backlog:?}");
    assert_eq!(sequencer.health().backlog, Some(backlog));
    assert_eq!(sequencer.metrics().events_waiting.get(), 7);
    assert!(sequencer.metrics().lag_milliseconds.get() >= 60_000);
    sequencer.round().await.unwrap();
    let backlog = sequencer.observe().await.unwrap();
    assert_eq!((backlog.events, backlog.lag), (0, Duration::ZERO));
}

#[tokio::test]
async fn what_was_done_is_counted() {
    let trail = Trail::new().await;
    let sequencer = trail.sequencer();
    for _ in 0..3 {
        trail.record(&trail.tenant()).await;
        sequencer.round().await.unwrap();
    }

    let metrics = sequencer.metrics();

    assert_eq!(metrics.events_sequenced.get(), 3);
    assert_eq!(
        (
            metrics.checkpoints_signed.get(),
            metrics.checkpoints_published.get()
        ),
        (3, 3)
    );
    assert_eq!((metrics.shards_held.get(), metrics.rounds_failed.get()), (1, 0));
}

#[tokio::test]
async fn the_partitions_of_the_coming_months_are_made() {
    let trail = Trail::new().await;
    let months = "pg_class where relname ~ '^event_[0-9]{4}_[0-9]{2}$' and relkind = 'r'";
    let before = trail.count(months).await;
    trail
        .sql(
            "do $$ declare part regclass; begin
               for part in
                 select c.oid from pg_class c where c.relname ~ '^(event|entry)_[0-9]{4}_[0-9]{2}$' and c.relkind = 'r'
                 order by right(c.relname, 7) desc limit 2
               loop
                 execute format('drop table %s', part);
               end loop;
             end $$",
        )
        .await;
    let sequencer = trail.sequencer();

    let made = sequencer.keep_months_ahead().await.unwrap();

    assert_eq!(made, 2);
    assert_eq!(trail.count(months).await, before);
    assert_eq!(sequencer.keep_months_ahead().await.unwrap(), 0);
}

#[tokio::test]
async fn a_database_that_is_gone_for_a_while_is_waited_for() {
    let mut cluster = Box::pin(TestCluster::on_disk(&[&platform_audit::MIGRATIONS])).await;
    let config = DbConfig {
        acquire_timeout: Duration::from_millis(500),
        ..DbConfig::new(cluster.database().app_url())
    };
    let db = Db::connect(&config, Sources::system()).await.unwrap();
    let key = platform_audit::LogKey::generate("audit.example.com", db.sources()).unwrap();
    let audit = platform_audit::AuditLog::new(Sources::system()).sealed_by(&key);
    let folder = tempfile::tempdir().unwrap();
    let marks = platform_audit::Marks::open_or_begin(folder.path().join("marks"), &key).unwrap();
    let sequencer = Sequencer::new(&db, &key, marks, SequencerConfig::default()).woken_by(&audit);
    let running = Running::start(&sequencer);
    let tenant = platform_core::TenantId::generate(db.sources());
    let ctx = RequestContext::system(tenant, "test", db.sources());
    let wait = |event, state| audit.await_state(&db, &ctx, event, state, PATIENCE);
    let before = audit.record_alone(&db, &ctx, event()).await.unwrap();
    wait(before, EventState::Integrated).await.unwrap();

    cluster.kill_postmaster();
    while sequencer.metrics().rounds_failed.get() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(sequencer.health().complaint().is_some());
    cluster.restart().await;

    let after = audit.record_alone(&db, &ctx, event()).await.unwrap();
    wait(after, EventState::Integrated).await.unwrap();
    assert_eq!(sequencer.health().complaint(), None);
    running.stop().await;
    let leaves: i64 = {
        let mut read = db.read(&ctx).await.unwrap();
        sqlx::query_scalar("select count(*) from platform_audit.leaf where tenant_id = $1")
            .bind(tenant)
            .fetch_one(&mut read)
            .await
            .unwrap()
    };
    assert_eq!(leaves, 2);
}
