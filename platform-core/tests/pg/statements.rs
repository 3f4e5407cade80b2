//! What passes through a tenant's transaction, and how it ends.

use platform_core::pg::{DbError, ForbiddenStatement};
use platform_core::sqlx::{self, Executor};

use crate::proxy::polled;
use crate::support::{context, id, items, put_item, shop, stock, tenant};

/// Statements that would end the transaction, change its scope, or leave something behind in the session.
const FORBIDDEN: [&str; 16] = [
    "commit",
    "/* harmless */ COMMIT AND CHAIN",
    "rollback",
    "savepoint s",
    "set platform.tenant_id = '018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12'",
    "set local platform.tenant_id = '018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12'",
    "set session authorization default",
    "reset role",
    "set role none",
    "discard all",
    "do $$ begin commit; end $$",
    "prepare steal as select 1",
    "declare held cursor with hold for select * from shop.item",
    "listen orders",
    "copy shop.item to stdout",
    "load 'auto_explain'",
];

#[tokio::test]
async fn a_statement_that_controls_the_transaction_is_refused_and_nothing_is_executed() {
    let db = shop().await.db();
    let ours = tenant();

    for statement in FORBIDDEN {
        let mut tx = db.begin(&context(ours)).await.unwrap();
        put_item(&mut tx, id(), statement).await.unwrap();
        let refused: DbError = sqlx::query(statement).execute(&mut tx).await.unwrap_err().into();
        let still_mine: String =
            sqlx::query_scalar("select current_setting('platform.tenant_id') || current_user")
                .fetch_one(&mut tx)
                .await
                .unwrap();
        tx.rollback().await.unwrap();

        assert!(
            matches!(refused, DbError::Forbidden(ForbiddenStatement::Control(_))),
            "{statement}: {refused:?}"
        );
        assert_eq!(still_mine, format!("{ours}platform_app"), "{statement}");
    }
    assert!(items(&db, ours).await.is_empty());
}

#[tokio::test]
async fn raw_texts_are_refused_and_nothing_is_executed() {
    let db = shop().await.db();
    let ours = tenant();
    let mut tx = db.begin(&context(ours)).await.unwrap();

    let raw: DbError = sqlx::raw_sql("select 1; commit")
        .execute(&mut tx)
        .await
        .unwrap_err()
        .into();
    let text: DbError = tx.execute("select 1").await.unwrap_err().into();
    put_item(&mut tx, id(), "anvil").await.unwrap();
    tx.commit().await.unwrap();

    assert!(
        matches!(raw, DbError::Forbidden(ForbiddenStatement::NotPrepared)),
        "{raw:?}"
    );
    assert!(
        matches!(text, DbError::Forbidden(ForbiddenStatement::NotPrepared)),
        "{text:?}"
    );
    assert_eq!(items(&db, ours).await, ["anvil"]);
}

#[tokio::test]
async fn several_statements_in_one_text_are_refused_by_the_database() {
    let db = shop().await.db();
    let ours = tenant();
    let mut tx = db.begin(&context(ours)).await.unwrap();
    put_item(&mut tx, id(), "anvil").await.unwrap();

    let refused = sqlx::query("select 1; commit").execute(&mut tx).await;

    assert!(refused.is_err());
    assert!(matches!(tx.commit().await, Err(DbError::Aborted)));
    assert!(items(&db, ours).await.is_empty());
}

#[tokio::test]
async fn a_commit_after_a_failed_statement_is_an_error() {
    let db = shop().await.db();
    let ours = tenant();
    let mut tx = db.begin(&context(ours)).await.unwrap();
    put_item(&mut tx, id(), "anvil").await.unwrap();

    put_item(&mut tx, id(), "anvil").await.unwrap_err();
    let after: Result<_, DbError> = put_item(&mut tx, id(), "bell").await;

    assert!(matches!(after, Err(DbError::Aborted)), "{after:?}");
    assert!(matches!(tx.commit().await, Err(DbError::Aborted)));
    assert!(items(&db, ours).await.is_empty());
}

#[tokio::test]
async fn a_commit_after_a_statement_that_failed_unseen_is_an_error() {
    let db = shop().await.db();
    let ours = tenant();
    stock(&db, ours, "anvil").await;

    // The statement fails at the database after its future was dropped, at every moment of it.
    for polls in 1..6 {
        let mut tx = db.begin(&context(ours)).await.unwrap();
        put_item(&mut tx, id(), "bell").await.unwrap();
        let seen = polled(polls, put_item(&mut tx, id(), "anvil")).await;
        let committed = tx.commit().await;

        let names = items(&db, ours).await;
        if seen.is_none() && committed.is_ok() {
            // The statement had not been sent yet.
            assert_eq!(names, ["anvil", "bell"]);
            let mut tx = db.begin(&context(ours)).await.unwrap();
            sqlx::query("delete from shop.item where name = 'bell'")
                .execute(&mut tx)
                .await
                .unwrap();
            tx.commit().await.unwrap();
        } else {
            assert!(committed.is_err());
            assert_eq!(names, ["anvil"]);
        }
    }
}

#[tokio::test]
async fn a_row_that_is_not_there_fails_nothing() {
    let db = shop().await.db();
    let ours = tenant();
    let mut tx = db.begin(&context(ours)).await.unwrap();

    let missing = sqlx::query("select name from shop.item").fetch_one(&mut tx).await;
    put_item(&mut tx, id(), "anvil").await.unwrap();
    tx.commit().await.unwrap();

    assert!(matches!(missing, Err(sqlx::Error::RowNotFound)));
    assert_eq!(items(&db, ours).await, ["anvil"]);
}

#[tokio::test]
async fn what_is_not_committed_did_not_happen() {
    let db = shop().await.db();
    let ours = tenant();

    let mut dropped = db.begin(&context(ours)).await.unwrap();
    put_item(&mut dropped, id(), "anvil").await.unwrap();
    drop(dropped);
    let mut rolled_back = db.begin(&context(ours)).await.unwrap();
    put_item(&mut rolled_back, id(), "bell").await.unwrap();
    rolled_back.rollback().await.unwrap();

    assert!(items(&db, ours).await.is_empty());
}
