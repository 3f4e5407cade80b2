//! A database of a test's own with what a sequencer needs beside it.

use std::path::PathBuf;

use platform_audit::{
    Action, AuditLog, Event, EventId, EventState, LogKey, MIGRATIONS, Marks, Outcome, Outlet, Round,
    Sequencer, SequencerConfig,
};
use platform_core::sqlx::{self, AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use platform_core::testing::TestDb;
use platform_core::{RequestContext, Sources, TenantId};
use tempfile::TempDir;

pub(crate) const SENT: Action = Action::new("parcel.send");

pub(crate) const HOST: &str = "audit.example.com";

/// More rounds than any backlog of a test takes.
const ROUNDS_MAX: usize = 200;

pub(crate) struct Trail {
    pub(crate) test: TestDb,
    pub(crate) key: LogKey,
    pub(crate) audit: AuditLog,
    pub(crate) folder: TempDir,
}

impl Trail {
    pub(crate) async fn new() -> Self {
        let key = LogKey::generate(HOST, &Sources::system()).unwrap();
        Self::with_key(key).await
    }

    pub(crate) async fn with_key(key: LogKey) -> Self {
        let test = Box::pin(TestDb::own(&[&MIGRATIONS])).await;
        Self {
            audit: AuditLog::new(Sources::system()).sealed_by(&key),
            test,
            key,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn marks_folder(&self) -> PathBuf {
        self.folder.path().join("marks")
    }

    pub(crate) fn outlet_folder(&self) -> PathBuf {
        self.folder.path().join("outlet")
    }

    pub(crate) fn marks(&self) -> Marks {
        Marks::open_or_begin(self.marks_folder(), &self.key).unwrap()
    }

    /// Another process, as it were: it shares the database, the marks and the outlet.
    pub(crate) fn sequencer(&self) -> Sequencer {
        self.sequencer_with(SequencerConfig::default())
    }

    pub(crate) fn sequencer_with(&self, config: SequencerConfig) -> Sequencer {
        Sequencer::new(&self.test.db(), &self.key, self.marks(), config)
            .publish_to(Outlet::directory(self.outlet_folder()))
            .woken_by(&self.audit)
    }

    /// A tenant that nobody has; the tables of the trail do not ask whether it is in the list of tenants.
    pub(crate) fn tenant(&self) -> RequestContext {
        self.test.context(TenantId::generate(self.test.sources()))
    }

    pub(crate) async fn record(&self, ctx: &RequestContext) -> EventId {
        self.audit
            .record_alone(&self.test.db(), ctx, event())
            .await
            .unwrap()
    }

    /// Records so many events in one transaction, with few statements.
    pub(crate) async fn record_many(&self, ctx: &RequestContext, count: usize) -> Vec<EventId> {
        let mut tx = self.test.db().begin(ctx).await.unwrap();
        let events = (0..count).map(|_| event()).collect();
        let ids = self.audit.record_all(&mut tx, ctx, events).await.unwrap();
        tx.commit().await.unwrap();
        ids
    }

    /// Records so many events in one transaction, one after the other, each a little later.
    pub(crate) async fn record_in_turn(&self, ctx: &RequestContext, count: usize) -> Vec<EventId> {
        let mut tx = self.test.db().begin(ctx).await.unwrap();
        let mut ids = Vec::with_capacity(count);
        for _ in 0..count {
            ids.push(self.audit.record(&mut tx, ctx, event()).await.unwrap());
        }
        tx.commit().await.unwrap();
        ids
    }

    pub(crate) async fn state(&self, ctx: &RequestContext, event: EventId) -> Option<EventState> {
        let mut read = self.test.db().read(ctx).await.unwrap();
        let state = self.audit.state(&mut read, event).await.unwrap();
        read.finish().await.unwrap();
        state
    }

    pub(crate) async fn superuser(&self) -> PgConnection {
        PgConnection::connect(&self.test.superuser_url()).await.unwrap()
    }

    /// Runs statements as a superuser.
    pub(crate) async fn sql(&self, statements: &str) {
        let statements = AssertSqlSafe(statements.to_owned());
        self.superuser().await.execute(statements).await.unwrap();
    }

    /// Does what no program can: as a superuser, past the triggers that guard the tables.
    pub(crate) async fn tamper(&self, statements: &str) {
        const SWITCH: &str = "do $$ declare part record; begin
            for part in
              select tgrelid::regclass as name, tgname as trigger from pg_trigger
              where tgname in ('is_insert_only', 'pending_is_filled_by_events', 'pending_is_not_rewritten') and tgparentid = 0
                and tgrelid in (select oid from pg_class where relnamespace = 'platform_audit'::regnamespace)
            loop
              execute format('alter table only %s VERB trigger %I', part.name, part.trigger);
            end loop;
          end $$;";
        let off = SWITCH.replace("VERB", "disable");
        let on = SWITCH.replace("VERB", "enable always");
        self.sql(&format!("{off} {statements}; {on}")).await;
    }

    pub(crate) async fn count(&self, what: &str) -> i64 {
        let mut superuser = self.superuser().await;
        sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from {what}")))
            .fetch_one(&mut superuser)
            .await
            .unwrap()
    }
}

pub(crate) fn event() -> Event {
    Event::new(SENT, Outcome::Success).target("parcel", "p-1")
}

/// Rounds until nothing is left to do, and what they did in all.
pub(crate) async fn settle(sequencer: &Sequencer) -> Round {
    let mut all = Round::default();
    for _ in 0..ROUNDS_MAX {
        let round = sequencer.round().await.unwrap();
        all.shards = round.shards;
        all.sequenced += round.sequenced;
        all.rejected += round.rejected;
        all.signed += round.signed;
        all.published += round.published;
        if round.sequenced + round.rejected + round.signed + round.published == 0 && !round.more {
            return all;
        }
    }
    panic!("still not settled: {all:?}");
}
