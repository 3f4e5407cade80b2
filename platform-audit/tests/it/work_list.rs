//! Nobody gets past a protected table with an entry on the work list that no event has put there.

use platform_audit::{Action, Event, MIGRATIONS, Outcome};
use platform_core::TenantId;
use platform_core::sqlx::{self, AssertSqlSafe, Connection, Executor, PgConnection};
use platform_core::testing::TestDb;

use crate::support::{context, log};

const CHANGED: Action = Action::new("shelf.change");

const SHELF: &str = "
    create schema store;
    grant usage on schema store to platform_app;
    create table store.shelf (
        tenant_id uuid not null default current_setting('platform.tenant_id')::uuid,
        id        uuid not null,
        primary key (tenant_id, id)
    );
    select platform_core.tenant_table('store.shelf', 'select, insert, update, delete');
    select platform_audit.protect('store.shelf');";

const PUT: &str = "insert into store.shelf (id) values (gen_random_uuid())";

const RECORD: &str = "
    insert into platform_audit.event (id, occurred_at, action, outcome, actor_kind, request_id, trace_id)
    values (gen_random_uuid(), now(), 'shelf.change', 'success', 'system', gen_random_uuid(), repeat('0', 32))";

async fn with_a_protected_table() -> TestDb {
    let test = Box::pin(TestDb::own(&[&MIGRATIONS])).await;
    let mut owner = PgConnection::connect(&test.owner_url()).await.unwrap();
    owner.execute(SHELF).await.unwrap();
    test
}

/// A transaction of somebody who has the application's login and writes SQL of their own.
async fn intruder(test: &TestDb, tenant: TenantId) -> PgConnection {
    let mut connection = PgConnection::connect(&test.app_url()).await.unwrap();
    let begin = format!("begin; set local role platform_app; set local platform.tenant_id = '{tenant}'");
    connection.execute(AssertSqlSafe(begin)).await.unwrap();
    connection
}

fn sqlstate(error: &sqlx::Error) -> String {
    let code = error.as_database_error().and_then(|error| error.code());
    code.unwrap_or_default().into_owned()
}

#[tokio::test]
async fn the_application_cannot_write_to_the_work_list() {
    let test = with_a_protected_table().await;
    let (tenant, ctx) = context(&test).await;
    log()
        .record_alone(&test.db(), &ctx, Event::new(CHANGED, Outcome::Success))
        .await
        .unwrap();

    for sql in [
        "insert into platform_audit.pending (id) values (gen_random_uuid())",
        "update platform_audit.pending set xid = pg_current_xact_id()",
        "delete from platform_audit.pending",
        "truncate platform_audit.pending",
        "select platform_audit.enqueue()",
        "select platform_audit.require_audit()",
    ] {
        let mut connection = intruder(&test, tenant).await;
        let error = connection.execute(sql).await.unwrap_err();
        assert_eq!(sqlstate(&error), "42501", "{sql}: {error}");
    }
}

#[tokio::test]
async fn an_event_that_was_undone_before_the_commit_does_not_count() {
    let test = with_a_protected_table().await;
    let (tenant, _) = context(&test).await;
    let mut connection = intruder(&test, tenant).await;
    connection.execute("savepoint before").await.unwrap();
    connection.execute(RECORD).await.unwrap();
    connection.execute("rollback to savepoint before").await.unwrap();
    connection.execute(PUT).await.unwrap();

    let error = connection.execute("commit").await.unwrap_err();

    assert_eq!(sqlstate(&error), "PA001");
}

#[tokio::test]
async fn an_event_of_another_transaction_or_tenant_does_not_count() {
    let test = with_a_protected_table().await;
    let (ours, ctx) = context(&test).await;
    let (theirs, _) = context(&test).await;
    log()
        .record_alone(&test.db(), &ctx, Event::new(CHANGED, Outcome::Success))
        .await
        .unwrap();
    let mut later = intruder(&test, ours).await;
    later.execute(PUT).await.unwrap();
    let mut elsewhere = intruder(&test, theirs).await;
    elsewhere.execute(RECORD).await.unwrap();
    let rescope = format!("set local platform.tenant_id = '{ours}'");
    elsewhere.execute(AssertSqlSafe(rescope)).await.unwrap();
    elsewhere.execute(PUT).await.unwrap();

    for connection in [&mut later, &mut elsewhere] {
        let error = connection.execute("commit").await.unwrap_err();

        assert_eq!(sqlstate(&error), "PA001");
    }
}

#[tokio::test]
async fn an_event_of_the_same_transaction_counts_before_and_after_the_change() {
    let test = with_a_protected_table().await;
    let (tenant, _) = context(&test).await;

    for statements in [[RECORD, PUT], [PUT, RECORD]] {
        let mut connection = intruder(&test, tenant).await;
        for statement in statements {
            connection.execute(statement).await.unwrap();
        }
        connection.execute("commit").await.unwrap();
    }
}

#[tokio::test]
async fn nobody_but_the_owner_counts_as_the_owner_of_the_work_list() {
    let test = with_a_protected_table().await;
    let mut owner = PgConnection::connect(&test.owner_url()).await.unwrap();
    let granted: Vec<String> = sqlx::query_scalar(
        "select r.rolname::text from pg_roles r
         where has_table_privilege(r.oid, 'platform_audit.pending', 'TRUNCATE') and not r.rolsuper",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    let name: String = sqlx::query_scalar("select current_user::text")
        .fetch_one(&mut owner)
        .await
        .unwrap();

    assert_eq!(granted, [name]);
}
