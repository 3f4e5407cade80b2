//! Events are only ever added.

use platform_core::sqlx::{self, AssertSqlSafe, Connection, Executor, PgConnection};
use platform_core::testing::{TestDb, assert_tables_isolated};

use crate::support::{context, events, log, own, owner, sent, shared, sqlstate, stored, superuser};

/// The table of events and each of its partitions.
async fn tables(test: &TestDb) -> Vec<String> {
    let sql = "select relid::text from pg_partition_tree('platform_audit.event') order by relid::text";
    sqlx::query_scalar(sql)
        .fetch_all(&mut superuser(test).await)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_application_cannot_change_or_remove_an_event() {
    let test = shared().await;
    let (tenant, ctx) = context(&test).await;
    log().record_alone(&test.db(), &ctx, sent("p")).await.unwrap();

    for sql in [
        "update platform_audit.event set outcome = 'failure' where tenant_id = $1",
        "delete from platform_audit.event where tenant_id = $1",
    ] {
        let mut tx = test.db().begin(&ctx).await.unwrap();
        let error = sqlx::query(sql).bind(tenant).execute(&mut tx).await.unwrap_err();
        assert_eq!(sqlstate(&error), "42501", "{sql}");
    }
    assert_eq!(events(&test, &ctx, "parcel", "p").await.len(), 1);
}

#[tokio::test]
async fn when_and_in_which_transaction_it_was_recorded_is_the_databases_to_say() {
    let test = shared().await;
    let (tenant, ctx) = context(&test).await;
    let insert = |column: &str, value: &str| {
        AssertSqlSafe(format!(
            "insert into platform_audit.event (tenant_id, id, occurred_at, action, outcome, actor_kind, request_id, trace_id{column})
             values ($1, $2, now(), 'parcel.send', 'success', 'system', $2, repeat('0', 32){value})"
        ))
    };

    for (column, value) in [
        (", recorded_at", ", now()"),
        (", xid", ", '1'"),
        (", xid", ", pg_current_xact_id()"),
    ] {
        let mut tx = test.db().begin(&ctx).await.unwrap();
        let id = test.sources().uuid_v7();
        let refused = sqlx::query(insert(column, value))
            .bind(tenant)
            .bind(id)
            .execute(&mut tx)
            .await;
        assert_eq!(sqlstate(&refused.unwrap_err()), "42501", "{column}");
    }
    let mut tx = test.db().begin(&ctx).await.unwrap();
    let id = test.sources().uuid_v7();
    sqlx::query(insert("", ""))
        .bind(tenant)
        .bind(id)
        .execute(&mut tx)
        .await
        .unwrap();
    let told: bool = sqlx::query_scalar(
        "select xid = pg_current_xact_id() and recorded_at between transaction_timestamp() and clock_timestamp()
         from platform_audit.event where tenant_id = $1 and id = $2",
    )
    .bind(tenant)
    .bind(id)
    .fetch_one(&mut tx)
    .await
    .unwrap();
    assert!(told);
    tx.rollback().await.unwrap();
}

#[tokio::test]
async fn nobody_else_can_change_one_either_not_even_past_ordinary_triggers() {
    let test = own().await;
    let (_, ctx) = context(&test).await;
    log().record_alone(&test.db(), &ctx, sent("p")).await.unwrap();
    let tables = tables(&test).await;
    assert!(tables.len() >= 6, "{tables:?}");

    for (url, role) in [
        (test.owner_url(), "reset role"),
        (test.superuser_url(), "reset role"),
        (test.superuser_url(), "set session_replication_role = replica"),
        (test.superuser_url(), "set role platform_app"),
        (test.superuser_url(), "set role platform_sequencer"),
    ] {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        connection.execute(role).await.unwrap();
        for table in &tables {
            for sql in [
                format!("update {table} set outcome = 'failure'"),
                format!("update {table} set outcome = 'failure' where false"),
                format!("delete from {table}"),
                format!("delete from {table} where false"),
                format!("truncate {table}"),
                format!(
                    "merge into {table} e using (values (1)) v on false when matched then delete when not matched then do nothing"
                ),
            ] {
                let error = connection.execute(AssertSqlSafe(sql.clone())).await.unwrap_err();
                assert_eq!(sqlstate(&error), "42501", "{role}: {sql}: {error}");
            }
        }
    }
    assert_eq!(stored(&test, &ctx).await.len(), 1);
}

#[tokio::test]
async fn a_tenant_reaches_no_other_tenants_event_by_any_table() {
    let test = own().await;
    let (ours, ctx) = context(&test).await;
    let (theirs, their_ctx) = context(&test).await;
    for ctx in [&ctx, &their_ctx] {
        log().record_alone(&test.db(), ctx, sent("p")).await.unwrap();
    }

    let isolated = assert_tables_isolated(&test.db(), ours, theirs).await;
    for table in ["platform_audit.event", "platform_audit.pending"] {
        assert!(isolated.tried.contains(&table.to_owned()), "{isolated:?}");
    }

    // A partition that somebody opens by mistake is guarded as its parent is.
    let mut owner = owner(&test).await;
    let partitions = tables(&test)
        .await
        .into_iter()
        .filter(|table| table != "platform_audit.event");
    for partition in partitions {
        let grant = format!("grant select, insert, update, delete on {partition} to platform_app");
        owner.execute(AssertSqlSafe(grant)).await.unwrap();
    }
    let isolated = assert_tables_isolated(&test.db(), ours, theirs).await;
    let tried = isolated
        .tried
        .iter()
        .filter(|table| table.starts_with("platform_audit.event"));
    assert_eq!(tried.count(), 2, "the table and the month: {isolated:?}");
}

#[tokio::test]
async fn every_partition_has_forced_policies_and_the_trigger_that_keeps_it() {
    let test = shared().await;
    let bare: Vec<String> = sqlx::query_scalar(
        "select c.oid::regclass::text
         from unnest('{platform_audit.event,platform_audit.entry}'::regclass[]) base
         cross join pg_partition_tree(base) p
         join pg_class c on c.oid = p.relid
         where not (c.relrowsecurity and c.relforcerowsecurity)
           or (select count(*) from pg_policy where polrelid = c.oid)
              is distinct from (select count(*) from pg_policy where polrelid = base)
           or not exists (select from pg_trigger where tgrelid = c.oid and tgname = 'is_insert_only' and tgenabled = 'A')",
    )
    .fetch_all(&mut superuser(&test).await)
    .await
    .unwrap();

    assert!(bare.is_empty(), "{bare:?}");
}
