//! A database that was put back to an earlier state as a whole.

use platform_audit::{EventState, Refusal};
use platform_core::sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::support::{Trail, settle};
use crate::tampering::{grown, refused, successor};

#[tokio::test]
async fn a_database_restored_to_an_earlier_point_is_not_signed() {
    let trail = Trail::new().await;
    let (ctx, quiet) = (grown(&trail, 1).await, grown(&trail, 1).await);
    let name = trail.test.database().name().to_owned();
    // The copy is taken, and work goes on: for one of the two tenants.
    copy(&trail, &name, &format!("{name}_copy")).await;
    let sequencer = successor(&trail).await;
    trail.record_many(&ctx, 50).await;
    settle(&sequencer).await;
    drop(sequencer);

    let restored = restore(trail, &name).await;

    let sequencer = successor(&restored).await;
    refused(&restored, &ctx, &sequencer, Refusal::TreeShrunk).await;
    let event = restored.record(&quiet).await;
    let sequencer = successor(&restored).await;
    settle(&sequencer).await;
    assert_eq!(restored.state(&quiet, event).await, Some(EventState::Published));
    assert_eq!(restored.prove_whole(quiet.tenant()).await.size, 101);
}

async fn copy(trail: &Trail, from: &str, to: &str) {
    let mut server = PgConnection::connect(&trail.test.superuser_url().replace(from, "postgres"))
        .await
        .unwrap();
    for statement in [
        format!("alter database {from} allow_connections false"),
        format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{from}'"),
        format!("create database {to} template {from}"),
        format!("alter database {from} allow_connections true"),
    ] {
        server.execute(AssertSqlSafe(statement)).await.unwrap();
    }
}

/// Puts the copy in the place of the database.
async fn restore(trail: Trail, name: &str) -> Trail {
    let mut server = PgConnection::connect(&trail.test.superuser_url().replace(name, "postgres"))
        .await
        .unwrap();
    for statement in [
        format!("drop database {name} with (force)"),
        format!("alter database {name}_copy rename to {name}"),
        format!("alter database {name} allow_connections true"),
    ] {
        server.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    trail
}
