//! What verifying says of a trail that is pruned, with sealed events and the real sequencer.

use std::sync::Arc;
use std::time::Duration;

use platform_audit::{
    AuditLog, Event, Finding, Marks, Outcome, PruneOptions, Pruner, Report, Retention, Sequencer,
    SequencerConfig, TreeHead, Trust, VerifyOptions, verify_stored,
};
use platform_core::sqlx::{self, Connection, Executor};
use platform_core::{Clock, ManualClock, OsRandom, Sources, SystemClock};
use tempfile::TempDir;

use crate::support::{SENT, Trail, days};

struct World {
    trail: Trail,
    /// The log of a program of long ago, and one of today.
    then: AuditLog,
    now: AuditLog,
    sequencer: Sequencer,
    _folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let trail = Trail::new().await;
        let long_ago = Arc::new(ManualClock::starting_at(SystemClock.now() - days(400)));
        let sources = Sources::shared(long_ago, Arc::new(OsRandom));
        let folder = tempfile::tempdir().unwrap();
        let marks = Marks::open_or_begin(folder.path(), &trail.key).unwrap();
        let sequencer = Sequencer::new(&trail.test.db(), &trail.key, marks, SequencerConfig::default());
        Self {
            then: AuditLog::new(sources).sealed_by(&trail.key),
            now: AuditLog::new(Sources::system()).sealed_by(&trail.key),
            sequencer,
            _folder: folder,
            trail,
        }
    }

    /// Events of long ago, every third of which is due; attested by the program that has recorded them.
    async fn record(&self, count: usize) {
        let ctx = &self.trail.ctx;
        let mut tx = self.trail.test.db().begin(ctx).await.unwrap();
        for n in 0..count {
            let class = if n % 3 == 0 {
                Retention::OPERATIONAL
            } else {
                Retention::REGULATORY
            };
            let event = Event::new(SENT, Outcome::Success)
                .retention(class)
                .target("parcel", "p");
            self.then.record(&mut tx, ctx, event).await.unwrap();
        }
        tx.commit().await.unwrap();
        self.then.worker(&self.trail.test.db()).round().await.unwrap();
        let mut superuser = self.trail.superuser().await;
        let mut tx = superuser.begin().await.unwrap();
        tx.execute("alter table platform_audit.event disable trigger is_insert_only")
            .await
            .unwrap();
        tx.execute("update platform_audit.event set recorded_at = recorded_at - interval '400 days' where recorded_at > now() - interval '1 day'
               and not exists (select from platform_audit.leaf l where l.tenant_id = event.tenant_id and l.id = event.id)")
            .await
            .unwrap();
        tx.execute("alter table platform_audit.event enable always trigger is_insert_only")
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    async fn sequence(&self) {
        while self.trail.count("pending").await > 0 {
            self.sequencer.round().await.unwrap();
        }
    }

    async fn prune(&self) -> u64 {
        let options = PruneOptions {
            wait: Duration::ZERO,
            ..PruneOptions::default()
        };
        let pruner = Pruner::new(&self.trail.test.db(), &self.now, &self.trail.key);
        pruner.run(&options).await.unwrap().deleted
    }

    /// What only a superuser can do, who switches the triggers off.
    async fn steal(&self, seq: i64) {
        let mut superuser = self.trail.superuser().await;
        for table in ["event", "entry"] {
            let sql = format!("alter table platform_audit.{table} disable trigger is_insert_only");
            superuser.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
            let sql = format!(
                "delete from platform_audit.{table} where id = (select id from platform_audit.leaf where seq = $1)"
            );
            sqlx::query(sqlx::AssertSqlSafe(sql))
                .bind(seq)
                .execute(&mut superuser)
                .await
                .unwrap();
        }
    }

    async fn verify(&self, witnessed: &[TreeHead]) -> Report {
        let tenant = self.trail.tenant;
        let mut trust = Trust::new(self.trail.key.origin(tenant), self.trail.key.verifiers(tenant));
        trust.witnessed = witnessed.to_vec();
        verify_stored(
            &self.trail.test.db(),
            &self.trail.ctx,
            &trust,
            VerifyOptions::new(),
        )
        .await
        .unwrap()
    }
}

#[tokio::test]
async fn what_is_left_is_proven_from_an_old_checkpoint_and_what_is_gone_is_counted_as_pruned() {
    let world = World::new().await;
    world.record(300).await;
    world.sequence().await;
    let old = world.trail.head().await;
    world.record(30).await;
    world.sequence().await;

    // At every step of it the trail is what it says.
    world.prune().await;
    assert!(world.verify(&[old]).await.is_clean());
    world.sequence().await;
    assert!(world.verify(&[old]).await.is_clean());
    assert_eq!(world.prune().await, 110);

    let report = world.verify(&[old]).await;
    assert!(report.is_clean(), "{:?}", report.findings);
    assert_eq!(report.pruned, 110);
    assert_eq!(report.unattested, 0);
    assert_eq!(report.proven.map(|head| head.size), Some(report.size));
    assert_eq!(report.events, report.size - 110);
}

#[tokio::test]
async fn an_event_that_nobody_announced_is_missing_among_those_that_were_pruned() {
    let world = World::new().await;
    world.record(30).await;
    world.sequence().await;
    world.prune().await;
    world.sequence().await;
    world.prune().await;

    world.steal(4).await;

    let report = world.verify(&[]).await;
    let gone = Finding::Missing { first: 4, last: 4 };
    assert!(report.findings.contains(&gone), "{:?}", report.findings);
    assert_eq!(report.pruned, 10);
}

#[tokio::test]
async fn an_event_that_a_hold_has_kept_is_missed_when_it_vanishes_afterwards() {
    let world = World::new().await;
    world.record(30).await;
    world.sequence().await;
    world.prune().await;
    world.sequence().await;
    let hold = platform_audit::NewHold::new("case").target("parcel", "p");
    // It comes between, and what had been announced is taken back.
    let ctx = &world.trail.ctx;
    let mut tx = world.trail.test.db().begin(ctx).await.unwrap();
    world.now.place_hold(&mut tx, ctx, &hold).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.prune().await, 0);
    world.sequence().await;
    assert!(world.verify(&[]).await.is_clean());

    world.steal(0).await;

    let report = world.verify(&[]).await;
    let gone = Finding::Missing { first: 0, last: 0 };
    assert!(report.findings.contains(&gone), "{:?}", report.findings);
}

#[tokio::test]
async fn a_run_that_is_cut_off_anywhere_leaves_a_trail_that_verifies() {
    let world = World::new().await;
    for round in 0..12_u64 {
        world.record(60).await;
        world.sequence().await;
        let options = PruneOptions {
            batch: 3,
            wait: Duration::ZERO,
            ..PruneOptions::default()
        };
        let pruner = Pruner::new(&world.trail.test.db(), &world.now, &world.trail.key);
        let _cut_off = tokio::time::timeout(Duration::from_millis(2 + 9 * round), pruner.run(&options)).await;

        let report = world.verify(&[]).await;

        assert!(report.is_clean(), "round {round}: {:?}", report.findings);
        world.sequence().await;
    }
    world.prune().await;
    world.sequence().await;
    world.prune().await;
    let report = world.verify(&[]).await;
    assert!(report.is_clean(), "{:?}", report.findings);
    assert_eq!(report.pruned, 12 * 20);
}
