//! A database of the first release, with events in it.

use std::borrow::Cow;
use std::sync::LazyLock;

use platform_audit::{Activity, AuditLog, MIGRATIONS, Retention, Severity, Visibility};
use platform_core::pg::{Db, DbConfig, Migrations, NewTenant, Tenants, migrate};
use platform_core::secrecy::SecretString;
use platform_core::sqlx::migrate::Migrator;
use platform_core::sqlx::{self, Connection, PgConnection};
use platform_core::testing::{APP_LOGIN, TestDatabase, TestDb};
use platform_core::time::Duration;
use platform_core::uuid::Uuid;
use platform_core::{RequestContext, Sources, TenantId, Timestamp};
use serde_json::json;

use crate::support::{log_key, sent, sources_at};

/// As it was: one table, and nothing beside it.
static FIRST: LazyLock<Migrations> = LazyLock::new(|| {
    let mut first = Migrator::DEFAULT;
    let all = MIGRATIONS.migrator.iter();
    first.migrations = Cow::Owned(
        all.filter(|one| one.version == 20_261_120_120_000)
            .cloned()
            .collect(),
    );
    Migrations {
        schema: "platform_audit",
        migrator: Box::leak(Box::new(first)),
        roles: &[],
    }
});

const INSERT: &str = "
    insert into platform_audit.event (id, occurred_at, action, outcome, reason, actor_kind, purpose, target_kind, target_id, targets,
      source_address, request_id, trace_id, detail)
    values ($1, $2, 'order.cancel', 'failure', 'too_late', 'system', 'end of day', 'order', 'o-1',
      '[{\"id\": \"o-1\", \"kind\": \"order\"}]', '192.0.2.1', $1, repeat('0', 32), '{\"lots\": 3}')";

async fn run_migrations(database: &TestDatabase, migrations: &'static Migrations) {
    let owner = SecretString::from(database.owner_url());
    migrate(&owner, Some(APP_LOGIN), &[migrations]).await.unwrap();
}

async fn connect(database: &TestDatabase) -> Db {
    let config = DbConfig::new(database.app_url()).with_max_connections(4);
    Db::connect(&config, Sources::system()).await.unwrap()
}

async fn tenant(db: &Db) -> (TenantId, RequestContext) {
    let tenant = TenantId::generate(db.sources());
    let ctx = RequestContext::system(tenant, "test", db.sources());
    let mut tx = db.begin(&ctx).await.unwrap();
    let new = NewTenant {
        slug: format!("t-{}", tenant.as_uuid().simple()).parse().unwrap(),
        name: "Test".to_owned(),
        parent: None,
    };
    Tenants::new(db).create_in(&mut tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    (tenant, ctx)
}

/// Records as the first release did, at some time; the id and the number of the transaction.
async fn recorded(db: &Db, ctx: &RequestContext, at: Timestamp) -> (Uuid, String) {
    let id = sources_at(at).1.uuid_v7();
    let mut tx = db.begin(ctx).await.unwrap();
    sqlx::query(INSERT)
        .bind(id)
        .bind(at)
        .execute(&mut tx)
        .await
        .unwrap();
    let xid = sqlx::query_scalar("select pg_current_xact_id()::text")
        .fetch_one(&mut tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    (id, xid)
}

#[tokio::test]
async fn events_of_the_first_release_move_into_their_months_and_wait_for_their_place() {
    let database = TestDb::empty().await;
    run_migrations(&database, &FIRST).await;
    let db = connect(&database).await;
    let now = db.sources().now();
    let (tenants, times) = (
        [tenant(&db).await, tenant(&db).await],
        [now - Duration::days(800), now - Duration::days(45), now],
    );
    let mut before = Vec::new();
    for (_, ctx) in &tenants {
        for at in times {
            before.push((ctx.clone(), at, recorded(&db, ctx, at).await));
        }
    }

    run_migrations(&database, &MIGRATIONS).await;

    let db = connect(&database).await;
    for (ctx, at, (id, xid)) in &before {
        let mut read = db.read(ctx).await.unwrap();
        let row: (String, String, String, String, String, i16, serde_json::Value, Option<Uuid>) = sqlx::query_as(
            "select e.xid::text, e.activity, e.severity, e.retention, e.visibility, e.action_version, e.detail, e.producer
             from platform_audit.event e
             join platform_audit.pending p on p.tenant_id = e.tenant_id and p.id = e.id and p.xid = e.xid
               and p.recorded_at = e.recorded_at
             where e.tenant_id = $1 and e.id = $2 and e.occurred_at = $3",
        )
        .bind(ctx.tenant())
        .bind(id)
        .bind(at)
        .fetch_one(&mut read)
        .await
        .unwrap();
        assert_eq!(&row.0, xid);
        let words = [
            Activity::Other.as_str(),
            Severity::Informational.as_str(),
            Retention::REGULATORY.as_str(),
            Visibility::Tenant.as_str(),
        ]
        .map(str::to_owned);
        assert_eq!([row.1, row.2, row.3, row.4], words);
        assert_eq!((row.5, row.6, row.7), (1, json!({ "lots": 3 }), None));
        let found = AuditLog::new(Sources::system())
            .events_for_target(&mut read, "order", "o-1", platform_audit::EventPage::newest(10))
            .await
            .unwrap();
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].reason.as_deref(), Some("too_late"));
    }
    let mut superuser = PgConnection::connect(&database.superuser_url()).await.unwrap();
    let placed: Vec<(String, i64)> = sqlx::query_as(
        "select tableoid::regclass::text, count(*) from platform_audit.event group by 1 order by 1",
    )
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    let month = |at: Timestamp| {
        format!(
            "platform_audit.event_{:04}_{:02}",
            at.year(),
            u8::from(at.month())
        )
    };
    let mut expected = vec![
        (month(times[1]), 2),
        (month(times[2]), 2),
        // More than a year ago.
        ("platform_audit.event_other".to_owned(), 2),
    ];
    expected.sort();
    assert_eq!(placed, expected);
    let gone: bool = sqlx::query_scalar("select to_regclass('platform_audit.event_before_months') is null")
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    assert!(gone);

    // And it goes on from there, sealed.
    let (_, ctx) = &tenants[0];
    AuditLog::new(Sources::system())
        .sealed_by(&log_key())
        .record_alone(&db, ctx, sent("p"))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_first_release_goes_on_recording_while_the_database_is_ahead_of_it() {
    let database = TestDb::empty().await;
    run_migrations(&database, &MIGRATIONS).await;
    let db = connect(&database).await;
    let (_, ctx) = tenant(&db).await;

    recorded(&db, &ctx, db.sources().now()).await;

    let mut read = db.read(&ctx).await.unwrap();
    let waiting: i64 = sqlx::query_scalar("select count(*) from platform_audit.pending where tenant_id = $1")
        .bind(ctx.tenant())
        .fetch_one(&mut read)
        .await
        .unwrap();
    assert_eq!(waiting, 1);
}
