//! Messages between processes.

use platform_core::pg::{Db, Heard, TenantTx};
use platform_core::sqlx;

use crate::support::{as_superuser, context, count, shop, tenant};

#[tokio::test]
async fn a_message_arrives_when_its_transaction_commits() {
    let test = shop().await;
    let mut listener = test.db().listen("listen_commit");
    assert_eq!(listener.next().await, Some(Heard::Gap));

    let dropped = notify(&test.db(), "listen_commit", "rolled back").await;
    dropped.rollback().await.unwrap();
    let kept = notify(&test.db(), "listen_commit", "committed").await;
    kept.commit().await.unwrap();

    let heard = listener.next().await;
    assert_eq!(heard, Some(Heard::Message("committed".to_owned())));
}

#[tokio::test]
async fn a_listener_that_lost_its_connection_says_so_and_goes_on() {
    let test = shop().await;
    let mut listener = test.db().listen("listen_lost");
    assert_eq!(listener.next().await, Some(Heard::Gap));

    let connections = "select count(pg_terminate_backend(pid)) from pg_stat_activity
        where datname = current_database() and query = 'LISTEN \"listen_lost\"'";
    assert_eq!(count(test.database(), connections).await, 1);

    assert_eq!(listener.next().await, Some(Heard::Gap));
    let tx = notify(&test.db(), "listen_lost", "again").await;
    tx.commit().await.unwrap();
    assert_eq!(listener.next().await, Some(Heard::Message("again".to_owned())));
}

#[tokio::test]
async fn a_message_is_kept_when_nobody_waits_for_it() {
    let test = shop().await;
    let mut listener = test.db().listen("listen_dropped");
    assert_eq!(listener.next().await, Some(Heard::Gap));

    let tx = notify(&test.db(), "listen_dropped", "kept").await;
    let impatient = tokio::time::timeout(std::time::Duration::from_millis(5), listener.next()).await;
    assert!(impatient.is_err());
    tx.commit().await.unwrap();

    assert_eq!(listener.next().await, Some(Heard::Message("kept".to_owned())));
}

#[tokio::test]
async fn a_listener_ends_with_its_database_handle() {
    let test = shop().await;
    let db = test.connect_with(2).await;
    let mut listener = db.listen("listen_closed");
    assert_eq!(listener.next().await, Some(Heard::Gap));

    let (heard, ()) = tokio::join!(listener.next(), db.close());

    assert_eq!(heard, None);
    assert_eq!(listener.next().await, None);
}

#[tokio::test]
async fn a_server_that_goes_and_comes_back_is_a_gap() {
    let test = Box::pin(platform_core::testing::TestDb::own(&[])).await;
    let mut listener = test.db().listen("listen_refused");
    assert_eq!(listener.next().await, Some(Heard::Gap));
    let name = test.database().name().to_owned();
    let terminate = format!(
        "alter database {name} connection limit 0;
         select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}' and pid <> pg_backend_pid()"
    );
    as_superuser(test.database(), &terminate).await;

    let reopen = async {
        // Let the listener meet the refusal first.
        let impatient = std::time::Duration::from_millis(100);
        assert!(
            tokio::time::timeout(impatient, std::future::pending::<()>())
                .await
                .is_err()
        );
        as_superuser(
            test.database(),
            &format!("alter database {name} connection limit -1"),
        )
        .await;
    };
    let (heard, ()) = tokio::join!(listener.next(), reopen);

    assert_eq!(heard, Some(Heard::Gap));
}

/// A transaction that has sent a message and is still open.
async fn notify(db: &Db, channel: &str, message: &str) -> TenantTx {
    let mut tx = db.begin(&context(tenant())).await.unwrap();
    sqlx::query("select pg_notify($1, $2)")
        .bind(channel)
        .bind(message)
        .execute(&mut tx)
        .await
        .unwrap();
    tx
}
