//! Who is told how a transaction ended, and what.

use std::time::Duration;

use platform_core::TenantId;
use platform_core::pg::{Db, DbError, Migrations, TenantTx, TxEnd};
use platform_core::sqlx::{self, AssertSqlSafe, Connection, PgConnection};
use platform_core::testing::TestDb;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::migrations::made_with;
use crate::proxy::polled;
use crate::support::{context, id, tenant};

/// A table whose deferred triggers refuse a row or keep its commit waiting, by the row's name.
fn ended() -> &'static Migrations {
    let file = "create table steps.row (
             tenant_id uuid not null default current_setting('platform.tenant_id')::uuid,
             id        uuid not null,
             name      text not null,
             primary key (tenant_id, id),
             unique (tenant_id, name) deferrable initially deferred
         );
         select platform_core.tenant_table('steps.row', 'select, insert');
         create function steps.at_commit() returns trigger language plpgsql as $$
         begin
             if new.name = 'unaudited' then
                 raise exception 'no audit event' using errcode = 'PA001';
             elsif new.name = 'kept' then
                 raise exception 'kept' using errcode = 'PA002';
             elsif new.name = 'slow' then
                 perform pg_advisory_xact_lock(hashtextextended(new.id::text, 0));
             end if;
             return null;
         end
         $$;
         create constraint trigger at_commit after insert on steps.row
             deferrable initially deferred for each row execute function steps.at_commit()";
    made_with(&[file], &[])
}

async fn test() -> TestDb {
    Box::pin(TestDb::shared(&[ended()])).await
}

async fn put(tx: &mut TenantTx, id: Uuid, name: &str) -> Result<(), DbError> {
    sqlx::query("insert into steps.row (id, name) values ($1, $2)")
        .bind(id)
        .bind(name)
        .execute(tx)
        .await?;
    Ok(())
}

/// A transaction with a row in it, and where its end is told.
async fn begun(db: &Db, tenant: TenantId, name: &str) -> (TenantTx, oneshot::Receiver<TxEnd>) {
    let mut tx = db.begin(&context(tenant)).await.unwrap();
    put(&mut tx, id(), name).await.unwrap();
    let told = listen(&mut tx);
    (tx, told)
}

fn listen(tx: &mut TenantTx) -> oneshot::Receiver<TxEnd> {
    let (tell, told) = oneshot::channel();
    tx.on_end(move |end| tell.send(end).unwrap());
    told
}

async fn names(db: &Db, tenant: TenantId) -> Vec<String> {
    let mut read = db.read(&context(tenant)).await.unwrap();
    let names = sqlx::query_scalar("select name from steps.row order by name")
        .fetch_all(&mut read)
        .await
        .unwrap();
    read.finish().await.unwrap();
    names
}

#[tokio::test]
async fn a_commit_is_told_of_before_it_is_answered_and_when_it_is_durable() {
    let db = test().await.db();
    let ours = tenant();
    let (tx, mut told) = begun(&db, ours, "anvil").await;
    assert!(told.try_recv().is_err());

    tx.commit().await.unwrap();

    assert_eq!(told.try_recv(), Ok(TxEnd::Committed));
    assert_eq!(names(&db, ours).await, ["anvil"]);
}

#[tokio::test]
async fn whoever_hears_of_a_commit_finds_its_rows() {
    let db = test().await.db();
    let ours = tenant();
    let (mut tx, _) = begun(&db, ours, "anvil").await;
    let (reading, runtime) = (db.clone(), tokio::runtime::Handle::current());
    let (tell, told) = oneshot::channel();
    tx.on_end(move |_| {
        runtime.spawn(async move { tell.send(names(&reading, ours).await) });
    });

    tx.commit().await.unwrap();

    assert_eq!(told.await.unwrap(), ["anvil"]);
}

#[tokio::test]
async fn a_rollback_and_a_dropped_transaction_are_told_of() {
    let db = test().await.db();
    let ours = tenant();

    let (tx, mut rolled_back) = begun(&db, ours, "anvil").await;
    tx.rollback().await.unwrap();
    let (tx, mut dropped) = begun(&db, ours, "bell").await;
    drop(tx);
    let (tx, mut never_polled) = begun(&db, ours, "cup").await;
    drop(tx.commit());

    for told in [&mut rolled_back, &mut dropped, &mut never_polled] {
        assert_eq!(told.try_recv(), Ok(TxEnd::RolledBack));
    }
    assert!(names(&db, ours).await.is_empty());
}

#[tokio::test]
async fn a_commit_after_a_failed_statement_is_told_of_as_rolled_back() {
    let db = test().await.db();
    let ours = tenant();
    let (mut tx, mut told) = begun(&db, ours, "anvil").await;
    sqlx::query("select 1 / 0").execute(&mut tx).await.unwrap_err();

    let committed = tx.commit().await;

    assert!(matches!(committed, Err(DbError::Aborted)), "{committed:?}");
    assert_eq!(told.try_recv(), Ok(TxEnd::RolledBack));
}

#[tokio::test]
async fn a_statement_that_failed_unseen_is_told_of_as_rolled_back() {
    let db = test().await.db();
    let mut unseen = 0;

    // How far a statement comes by so many polls is the machine's to say, so there are rounds until one was cut off in the middle.
    for round in 0..500 {
        let polls = 1 + round % 5;
        let ours = tenant();
        let row = id();
        let mut tx = db.begin(&context(ours)).await.unwrap();
        put(&mut tx, row, "anvil").await.unwrap();
        let mut told = listen(&mut tx);
        // The statement fails at the database after its future was dropped.
        let seen = polled(polls, put(&mut tx, row, "bell")).await;
        let committed = tx.commit().await;

        let end = match names(&db, ours).await.is_empty() {
            true => TxEnd::RolledBack,
            false => TxEnd::Committed,
        };
        assert_eq!(told.try_recv(), Ok(end));
        assert_eq!(committed.is_ok(), end == TxEnd::Committed, "{committed:?}");
        unseen += usize::from(seen.is_none() && end == TxEnd::RolledBack);
        if round >= 4 && unseen > 0 {
            break;
        }
    }

    assert!(unseen > 0);
}

#[tokio::test]
async fn a_commit_that_the_database_refuses_is_told_of_as_rolled_back() {
    let db = test().await.db();
    let ours = tenant();
    let (mut tx, mut told) = begun(&db, ours, "anvil").await;
    put(&mut tx, id(), "anvil").await.unwrap();

    let committed = tx.commit().await;

    assert!(
        matches!(committed, Err(DbError::Conflict { .. })),
        "{committed:?}"
    );
    assert_eq!(told.try_recv(), Ok(TxEnd::RolledBack));
    assert!(names(&db, ours).await.is_empty());
}

#[tokio::test]
async fn a_change_without_its_audit_event_has_an_error_of_its_own_and_is_rolled_back() {
    let db = test().await.db();
    let ours = tenant();
    let (tx, mut told) = begun(&db, ours, "unaudited").await;

    let refused = tx.commit().await;

    assert!(matches!(refused, Err(DbError::Unaudited(_))), "{refused:?}");
    assert_eq!(told.try_recv(), Ok(TxEnd::RolledBack));
    assert!(names(&db, ours).await.is_empty());

    let (tx, _) = begun(&db, ours, "kept").await;
    let refused = tx.commit().await;
    assert!(matches!(refused, Err(DbError::Query(_))), "{refused:?}");
}

#[tokio::test]
async fn a_commit_that_nobody_waits_for_any_more_is_told_of_when_it_is_through() {
    let db = test().await.db();
    let mut abandoned = 0;

    for polls in 1..100 {
        let ours = tenant();
        let (tx, told) = begun(&db, ours, "anvil").await;
        let answered = polled(polls, tx.commit()).await;

        let end = tokio::time::timeout(Duration::from_secs(10), told)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(end, TxEnd::Committed);
        assert_eq!(names(&db, ours).await, ["anvil"]);
        match answered {
            None => abandoned += 1,
            Some(committed) => {
                committed.unwrap();
                break;
            }
        }
    }

    assert!(abandoned > 0);
}

/// Waits, on the server, until somebody waits for this lock.
async fn until_waited_for(conn: &mut PgConnection, waiter: i32) {
    let patience = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        let waits: bool = sqlx::query_scalar(
            "select exists (select from pg_locks where pid = $1 and locktype = 'advisory' and not granted)",
        )
        .bind(waiter)
        .fetch_one(&mut *conn)
        .await
        .unwrap();
        if waits {
            return;
        }
        assert!(tokio::time::Instant::now() < patience, "the commit did not begin");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_connection_that_breaks_during_the_commit_leaves_the_end_unknown() {
    let test = test().await;
    let db = test.db();
    let row = id();
    let mut tx = db.begin(&context(tenant())).await.unwrap();
    put(&mut tx, row, "slow").await.unwrap();
    let pid: i32 = sqlx::query_scalar("select pg_backend_pid()")
        .fetch_one(&mut tx)
        .await
        .unwrap();
    let mut told = listen(&mut tx);
    let mut other = PgConnection::connect(&test.superuser_url()).await.unwrap();
    let lock = format!("select pg_advisory_lock(hashtextextended('{row}', 0))");
    sqlx::query(AssertSqlSafe(lock))
        .execute(&mut other)
        .await
        .unwrap();

    let committing = tokio::spawn(tx.commit());
    until_waited_for(&mut other, pid).await;
    sqlx::query("select pg_terminate_backend($1)")
        .bind(pid)
        .execute(&mut other)
        .await
        .unwrap();
    let committed = committing.await.unwrap();

    assert!(matches!(committed, Err(DbError::Unavailable(_))), "{committed:?}");
    assert_eq!(told.try_recv(), Ok(TxEnd::Unknown));
}

#[tokio::test]
async fn a_connection_that_broke_before_the_commit_is_never_told_of_as_committed() {
    let test = test().await;
    let db = test.db();
    let ours = tenant();
    let (mut tx, mut told) = begun(&db, ours, "anvil").await;
    let pid: i32 = sqlx::query_scalar("select pg_backend_pid()")
        .fetch_one(&mut tx)
        .await
        .unwrap();
    let mut other = PgConnection::connect(&test.superuser_url()).await.unwrap();
    sqlx::query("select pg_terminate_backend($1, 10000)")
        .bind(pid)
        .execute(&mut other)
        .await
        .unwrap();

    let committed = tx.commit().await;

    assert!(matches!(committed, Err(DbError::Unavailable(_))), "{committed:?}");
    assert_ne!(told.try_recv(), Ok(TxEnd::Committed));
    assert!(names(&db, ours).await.is_empty());
}

#[tokio::test]
async fn a_callback_that_panics_takes_neither_the_commit_nor_the_others_with_it() {
    let db = test().await.db();
    let ours = tenant();
    let (mut tx, mut before) = begun(&db, ours, "anvil").await;
    tx.on_end(|_| panic!("a defect of whoever is told"));
    let mut after = listen(&mut tx);

    tx.commit().await.unwrap();

    assert_eq!(before.try_recv(), Ok(TxEnd::Committed));
    assert_eq!(after.try_recv(), Ok(TxEnd::Committed));
    assert_eq!(names(&db, ours).await, ["anvil"]);
}
