//! Transactions of jobs over all tenants, under a group role of a crate's own.

use std::time::Duration;

use platform_core::TenantId;
use platform_core::pg::{Db, DbError, ForbiddenStatement, GroupRole, Migrations, RoleTx};
use platform_core::sqlx;
use platform_core::testing::TestDb;

use crate::migrations::made_with;
use crate::support::{connect, context, group_role, id, sqlstate, tenant};

const COUNTER: GroupRole = GroupRole::new("platform_test_counter");

/// Tables that the role may see, may see nothing of, and may not touch.
fn counted() -> &'static Migrations {
    let files = [
        "create table steps.open (
             tenant_id uuid not null default current_setting('platform.tenant_id')::uuid, id uuid not null, primary key (tenant_id, id));
         select platform_core.tenant_table('steps.open', 'select, insert');
         grant select on steps.open to platform_test_counter;
         create policy counter on steps.open for select to platform_test_counter using (true)",
        "create table steps.shut (
             tenant_id uuid not null default current_setting('platform.tenant_id')::uuid, id uuid not null, primary key (tenant_id, id));
         select platform_core.tenant_table('steps.shut', 'select, insert');
         grant select, insert on steps.shut to platform_test_counter",
        "create table steps.tally (id uuid primary key);
         grant select, insert on steps.tally to platform_test_counter",
    ];
    made_with(&files, &[COUNTER])
}

async fn test() -> TestDb {
    Box::pin(TestDb::shared(&[counted()])).await
}

/// Gives a tenant a row in both of its tables, of this id.
async fn fill(db: &Db, tenant: TenantId) -> uuid::Uuid {
    let id = id();
    let mut tx = db.begin(&context(tenant)).await.unwrap();
    for insert in [
        "insert into steps.open (id) values ($1)",
        "insert into steps.shut (id) values ($1)",
    ] {
        sqlx::query(insert).bind(id).execute(&mut tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    id
}

async fn note(job: &mut RoleTx, id: uuid::Uuid) -> Result<(), DbError> {
    sqlx::query("insert into steps.tally (id) values ($1)")
        .bind(id)
        .execute(job)
        .await?;
    Ok(())
}

async fn noted(db: &Db, id: uuid::Uuid) -> bool {
    let mut job = db.begin_as(&COUNTER).await.unwrap();
    let noted = sqlx::query_scalar("select exists (select from steps.tally where id = $1)")
        .bind(id)
        .fetch_one(&mut job)
        .await
        .unwrap();
    job.rollback().await.unwrap();
    noted
}

#[tokio::test]
async fn a_job_sees_the_rows_of_all_tenants_where_a_policy_shows_them_to_its_role_and_nowhere_else() {
    let db = test().await.db();
    let ids = [fill(&db, tenant()).await, fill(&db, tenant()).await];
    let mut job = db.begin_as(&COUNTER).await.unwrap();

    let open: i64 = sqlx::query_scalar("select count(*) from steps.open where id = any ($1)")
        .bind(ids.to_vec())
        .fetch_one(&mut job)
        .await
        .unwrap();
    let shut: i64 = sqlx::query_scalar("select count(*) from steps.shut")
        .fetch_one(&mut job)
        .await
        .unwrap();
    job.rollback().await.unwrap();

    assert_eq!((open, shut), (2, 0));
}

#[tokio::test]
async fn a_job_writes_nothing_into_a_tenant_table_without_a_policy_for_its_role() {
    let db = test().await.db();
    let mut job = db.begin_as(&COUNTER).await.unwrap();

    let refused: DbError = sqlx::query("insert into steps.shut (tenant_id, id) values ($1, $1)")
        .bind(id())
        .execute(&mut job)
        .await
        .unwrap_err()
        .into();

    assert_eq!(sqlstate(&refused).as_deref(), Some("42501"), "{refused:?}");
}

#[tokio::test]
async fn a_job_touches_no_table_that_its_role_was_not_granted() {
    let db = test().await.db();

    for statement in [
        "select count(*) from platform_core.tenant",
        "select count(*) from platform_core.canary",
        "update steps.open set id = id",
        "delete from steps.tally",
        "select count(*) from steps._migrations",
    ] {
        let mut job = db.begin_as(&COUNTER).await.unwrap();
        let refused: DbError = sqlx::query(statement).execute(&mut job).await.unwrap_err().into();
        assert_eq!(
            sqlstate(&refused).as_deref(),
            Some("42501"),
            "{statement}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn a_tenants_transaction_has_nothing_of_the_role() {
    let db = test().await.db();
    let (ours, theirs) = (tenant(), tenant());
    fill(&db, theirs).await;
    let mut tx = db.begin(&context(ours)).await.unwrap();

    let seen: i64 = sqlx::query_scalar("select count(*) from steps.open")
        .fetch_one(&mut tx)
        .await
        .unwrap();
    let refused: DbError = sqlx::query("select from steps.tally")
        .execute(&mut tx)
        .await
        .unwrap_err()
        .into();

    assert_eq!(seen, 0);
    assert_eq!(sqlstate(&refused).as_deref(), Some("42501"), "{refused:?}");
}

#[tokio::test]
async fn a_job_cannot_leave_its_role() {
    let db = test().await.db();

    for statement in [
        "reset role",
        "set role none",
        "set role platform_app",
        "set local role platform_app",
        "set session authorization default",
        "/* harmless */ commit",
    ] {
        let mut job = db.begin_as(&COUNTER).await.unwrap();
        let refused: DbError = sqlx::query(statement).execute(&mut job).await.unwrap_err().into();
        let role: String = sqlx::query_scalar("select current_user::text")
            .fetch_one(&mut job)
            .await
            .unwrap();
        job.rollback().await.unwrap();

        assert!(
            matches!(refused, DbError::Forbidden(ForbiddenStatement::Control(_))),
            "{statement}: {refused:?}"
        );
        assert_eq!(role, COUNTER.name(), "{statement}");
    }
}

#[tokio::test]
async fn what_a_job_commits_is_there_and_nothing_else() {
    let db = test().await.db();
    let (committed, rolled_back, dropped, failed) = (id(), id(), id(), id());

    let mut job = db.begin_as(&COUNTER).await.unwrap();
    note(&mut job, committed).await.unwrap();
    job.commit().await.unwrap();
    let mut job = db.begin_as(&COUNTER).await.unwrap();
    note(&mut job, rolled_back).await.unwrap();
    job.rollback().await.unwrap();
    let mut job = db.begin_as(&COUNTER).await.unwrap();
    note(&mut job, dropped).await.unwrap();
    drop(job);
    let mut job = db.begin_as(&COUNTER).await.unwrap();
    note(&mut job, failed).await.unwrap();
    note(&mut job, failed).await.unwrap_err();
    let refused = job.commit().await;

    assert!(matches!(refused, Err(DbError::Aborted)), "{refused:?}");
    assert!(noted(&db, committed).await);
    for absent in [rolled_back, dropped, failed] {
        assert!(!noted(&db, absent).await);
    }
}

#[tokio::test]
async fn a_role_that_the_login_may_not_take_is_an_error_and_spoils_no_connection() {
    let test = test().await;
    let db = test.connect_with(1).await;
    let ours = tenant();

    for _ in 0..3 {
        let refused = db.begin_as(&group_role()).await;
        assert!(matches!(refused, Err(DbError::Query(_))), "{refused:?}");
    }

    fill(&db, ours).await;
    assert_eq!(db.pool_use().open, 1);
}

#[tokio::test]
async fn a_job_waits_for_a_connection_no_longer_than_the_limit() {
    let test = test().await;
    let db = connect(test.app_url(), |config| {
        config.max_connections = 1;
        config.acquire_timeout = Duration::from_millis(50);
    })
    .await;
    let held = db.begin_as(&COUNTER).await.unwrap();

    let waited = db.begin_as(&COUNTER).await;

    assert!(matches!(waited, Err(DbError::Timeout(_))), "{waited:?}");
    held.rollback().await.unwrap();
    db.begin_as(&COUNTER).await.unwrap().rollback().await.unwrap();
}

#[tokio::test]
async fn a_job_is_in_no_tenants_share() {
    let test = test().await;
    let db = connect(test.app_url(), |config| {
        config.max_connections = 4;
        config.tenant_connections = Some(1);
    })
    .await;
    let tx = db.begin(&context(tenant())).await.unwrap();

    let jobs = [
        db.begin_as(&COUNTER).await.unwrap(),
        db.begin_as(&COUNTER).await.unwrap(),
        db.begin_as(&COUNTER).await.unwrap(),
    ];

    for job in jobs {
        job.rollback().await.unwrap();
    }
    tx.rollback().await.unwrap();
}
