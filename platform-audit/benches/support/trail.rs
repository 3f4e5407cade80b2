//! A database with a trail, and what is recorded in it.

use platform_audit::{
    Action, Activity, AuditLog, Changes, Event, LogKey, MIGRATIONS, Marks, Outcome, Sequencer,
    SequencerConfig, Trust,
};
use platform_core::sqlx::{self, AssertSqlSafe, Connection, Executor, PgConnection};
use platform_core::testing::TestDb;
use platform_core::uuid::Uuid;
use platform_core::{PermissionSet, Principal, PrincipalId, RequestContext, RequestMeta, Sources, TenantId};
use serde_json::json;
use tempfile::TempDir;

const ORDER_PLACED: Action = Action::new("order.place");

const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// A database of the benchmark's own.
pub(crate) struct Place {
    pub(crate) test: TestDb,
    pub(crate) superuser: PgConnection,
    key: LogKey,
    marks: TempDir,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let test = Box::pin(TestDb::own(&[&MIGRATIONS])).await;
        let superuser = PgConnection::connect(&test.superuser_url()).await.unwrap();
        Self {
            key: LogKey::generate("audit.example.com", test.sources()).unwrap(),
            marks: tempfile::tempdir().unwrap(),
            test,
            superuser,
        }
    }

    /// A connection of the owner of the schemas.
    pub(crate) async fn owner(&self) -> PgConnection {
        PgConnection::connect(&self.test.owner_url()).await.unwrap()
    }

    /// A log that seals what it records.
    pub(crate) fn log(&self) -> AuditLog {
        AuditLog::new(self.test.sources().clone()).sealed_by(&self.key)
    }

    /// A sequencer with connections and marks of its own.
    pub(crate) async fn sequencer(&self, log: &AuditLog) -> Sequencer {
        let marks = Marks::open_or_begin(self.marks.path(), &self.key).unwrap();
        let db = self.test.connect_with(2).await;
        Sequencer::new(&db, &self.key, marks, SequencerConfig::default()).woken_by(log)
    }

    /// Who verifies a tenant's trail trusts its key.
    pub(crate) fn trust(&self, tenant: TenantId) -> Trust {
        Trust::new(self.key.origin(tenant), self.key.verifier(tenant))
    }

    pub(crate) fn name(&self) -> &str {
        self.test.database().name()
    }

    /// Brings the statistics up to date, and writes out what waits to be written, so that the next measurement does not.
    pub(crate) async fn settle(&mut self) {
        self.superuser.execute("vacuum analyze").await.unwrap();
        self.superuser.execute("checkpoint").await.unwrap();
    }

    /// Which server this is, for the head of a table.
    pub(crate) async fn describe(&mut self) -> String {
        let mut words = Vec::new();
        for name in ["server_version", "fsync", "synchronous_commit", "shared_buffers"] {
            let value: String = sqlx::query_scalar(AssertSqlSafe(format!("show {name}")))
                .fetch_one(&mut self.superuser)
                .await
                .unwrap();
            words.push(format!("{name} {value}"));
        }
        let processors = std::thread::available_parallelism().map_or(0, usize::from);
        format!("PostgreSQL: {}; processors: {processors}", words.join(", "))
    }
}

/// The context of a request of a signed-in user.
pub(crate) fn context(
    tenant: TenantId,
    user: PrincipalId,
    session: Uuid,
    sources: &Sources,
) -> RequestContext {
    let meta = RequestMeta {
        source_address: Some(std::net::IpAddr::from([192, 0, 2, 1])),
        user_agent: Some(USER_AGENT.to_owned()),
        ..RequestMeta::internal(sources)
    };
    RequestContext::authenticated(tenant, Principal::user(user, PermissionSet::default()), meta)
        .in_session(session)
}

/// An event such as a service records for an order.
pub(crate) fn event(order: Uuid, account: Uuid) -> Event {
    Event::new(ORDER_PLACED, Outcome::Success)
        .activity(Activity::Create)
        .target("order", order.to_string())
        .target("account", account.to_string())
        .changes(Changes::new().field("available_cents", 12_000_000, 11_550_000))
        .detail(json!({ "symbol": "ACME", "side": "buy", "lots": 3, "price_e4": 1_500_000 }))
}
