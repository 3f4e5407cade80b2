//! A service at work: what records, what attests and what sequences, and a superuser beside them.

use std::path::PathBuf;

use platform_audit::{
    Action, AuditLog, Event, EventId, Finding, LogKey, MIGRATIONS, Marks, Outcome, Outlet, Report, Sequencer,
    SequencerConfig, Trust, VerifyOptions, verify_stored,
};
use platform_core::sqlx::{self, AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use platform_core::testing::TestDb;
use platform_core::{RequestContext, Sources, TenantId};
use tempfile::TempDir;

const SENT: Action = Action::new("parcel.send");

pub(crate) struct Live {
    pub(crate) test: TestDb,
    pub(crate) key: LogKey,
    pub(crate) audit: AuditLog,
    pub(crate) sequencer: Sequencer,
    pub(crate) tenant: TenantId,
    pub(crate) ctx: RequestContext,
    folder: TempDir,
}

impl Live {
    pub(crate) async fn new() -> Self {
        let test = Box::pin(TestDb::own(&[&MIGRATIONS])).await;
        let key = LogKey::generate("audit.example.com", &Sources::system()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let marks = Marks::open_or_begin(folder.path().join("marks"), &key).unwrap();
        let tenant = test.tenant().await;
        Self {
            audit: AuditLog::new(Sources::system()).sealed_by(&key),
            sequencer: Sequencer::new(&test.db(), &key, marks, SequencerConfig::default())
                .publish_to(Outlet::directory(folder.path().join("outlet"))),
            ctx: test.context(tenant),
            tenant,
            test,
            key,
            folder,
        }
    }

    pub(crate) async fn record(&self, count: u64) -> Vec<EventId> {
        let mut tx = self.test.db().begin(&self.ctx).await.unwrap();
        let mut ids = Vec::new();
        for number in 0..count {
            let event = Event::new(SENT, Outcome::Success).target("parcel", number.to_string());
            ids.push(self.audit.record(&mut tx, &self.ctx, event).await.unwrap());
        }
        tx.commit().await.unwrap();
        ids
    }

    /// Records events and lets them be sequenced, signed and published.
    pub(crate) async fn recorded(&self, count: u64) -> Vec<EventId> {
        let ids = self.record(count).await;
        self.sequence().await;
        ids
    }

    /// A round of the worker.
    pub(crate) async fn work(&self) -> platform_audit::AuditRound {
        self.audit.worker(&self.test.db()).round().await.unwrap()
    }

    /// The process says what it has recorded.
    pub(crate) async fn attest(&self) {
        assert_eq!(
            self.audit.worker(&self.test.db()).round().await.unwrap().attested,
            1
        );
        self.sequence().await;
    }

    pub(crate) async fn sequence(&self) {
        for _ in 0..100 {
            let round = self.sequencer.round().await.unwrap();
            if round.sequenced + round.rejected + round.signed + round.published == 0 && !round.more {
                return;
            }
        }
        panic!("the rounds do not end");
    }

    /// Runs statements as a superuser without any trigger.
    pub(crate) async fn tamper(&self, statements: &str) {
        const SWITCH: &str = "do $$ declare part record; begin
            for part in select oid::regclass as name from pg_class
              where relnamespace = 'platform_audit'::regnamespace and relkind in ('r', 'p')
            loop
              execute format('alter table only %s VERB trigger all', part.name);
            end loop;
          end $$;";
        let (off, on) = (
            SWITCH.replace("VERB", "disable"),
            SWITCH.replace("VERB", "enable"),
        );
        let mut superuser = self.superuser().await;
        let done = superuser
            .execute(AssertSqlSafe(format!("{off} {statements}; {on}")))
            .await;
        done.unwrap_or_else(|error| panic!("{statements}: {error}"));
    }

    pub(crate) async fn superuser(&self) -> PgConnection {
        PgConnection::connect(&self.test.superuser_url()).await.unwrap()
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::new(self.key.origin(self.tenant), self.key.verifier(self.tenant))
    }

    /// Trust, and what was published outside the database.
    pub(crate) fn witnessed(&self) -> Trust {
        let mut trust = self.trust();
        for note in self.published() {
            trust = trust.witness(&note).unwrap();
        }
        trust
    }

    /// Every checkpoint that was published.
    pub(crate) fn published(&self) -> Vec<String> {
        let folder: PathBuf = self
            .folder
            .path()
            .join("outlet")
            .join(self.tenant.to_string())
            .join("checkpoints");
        let files = std::fs::read_dir(folder).unwrap();
        files
            .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
            .collect()
    }

    pub(crate) async fn verify(&self) -> Report {
        self.verify_with(&self.trust(), VerifyOptions::new()).await
    }

    pub(crate) async fn verify_with(&self, trust: &Trust, options: VerifyOptions<'_>) -> Report {
        verify_stored(&self.test.db(), &self.ctx, trust, options)
            .await
            .unwrap()
    }

    pub(crate) async fn findings(&self) -> Vec<Finding> {
        self.verify().await.findings
    }

    pub(crate) async fn value<T>(&self, statement: &str) -> T
    where
        T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        sqlx::query_scalar(AssertSqlSafe(statement.to_owned()))
            .fetch_one(&mut self.superuser().await)
            .await
            .unwrap()
    }
}
