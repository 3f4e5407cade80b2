//! What one tenant can do to another's rows: nothing, and without an answer that tells they exist.

use platform_core::TenantId;
use platform_core::pg::{Db, DbError};
use platform_core::sqlx::{self, Connection, Executor, PgConnection};

use crate::support::{as_superuser, context, id, items, own_shop, put_item, shop, sqlstate, stock, tenant};

#[tokio::test]
async fn a_tenant_sees_its_own_rows_only() {
    let db = shop().await.db();
    let (ours, theirs) = (tenant(), tenant());
    stock(&db, ours, "anvil").await;
    stock(&db, theirs, "bell").await;

    assert_eq!(items(&db, ours).await, ["anvil"]);
    assert_eq!(items(&db, theirs).await, ["bell"]);
}

#[tokio::test]
async fn a_tenant_that_does_not_exist_sees_nothing() {
    let db = shop().await.db();
    stock(&db, tenant(), "anvil").await;

    assert!(items(&db, tenant()).await.is_empty());
}

#[tokio::test]
async fn changing_or_deleting_anothers_row_touches_no_row() {
    let db = shop().await.db();
    let (ours, theirs) = (tenant(), tenant());
    let item = stock(&db, theirs, "bell").await;
    let mut tx = db.begin(&context(ours)).await.unwrap();

    let mut touched = 0;
    for statement in [
        "update shop.item set name = 'stolen' where id = $1",
        "delete from shop.item where id = $1",
    ] {
        touched += sqlx::query(statement)
            .bind(item)
            .execute(&mut tx)
            .await
            .unwrap()
            .rows_affected();
    }
    tx.commit().await.unwrap();

    assert_eq!(touched, 0);
    assert_eq!(items(&db, theirs).await, ["bell"]);
}

#[tokio::test]
async fn a_row_cannot_be_written_for_another_tenant() {
    let db = shop().await.db();
    let (ours, theirs) = (tenant(), tenant());
    let mut tx = db.begin(&context(ours)).await.unwrap();

    let refused = sqlx::query("insert into shop.item (tenant_id, id, name) values ($1, $2, 'planted')")
        .bind(theirs)
        .bind(id())
        .execute(&mut tx)
        .await;

    assert_eq!(sqlstate(&refused.unwrap_err().into()).as_deref(), Some("42501"));
    assert!(items(&db, theirs).await.is_empty());
}

#[tokio::test]
async fn a_row_cannot_be_moved_to_another_tenant() {
    let test = own_shop().await;
    let db = test.db();
    let (ours, theirs) = (tenant(), tenant());
    stock(&db, ours, "anvil").await;

    let without_the_privilege = move_items(&db, ours, theirs).await;
    as_superuser(test.database(), "grant update on shop.item to platform_app").await;
    let with_the_privilege = move_items(&db, ours, theirs).await;

    assert_eq!(
        sqlstate(&without_the_privilege.unwrap_err()).as_deref(),
        Some("42501")
    );
    assert_eq!(
        sqlstate(&with_the_privilege.unwrap_err()).as_deref(),
        Some("42501")
    );
    assert_eq!(items(&db, ours).await, ["anvil"]);
}

async fn move_items(db: &Db, from: TenantId, to: TenantId) -> Result<(), DbError> {
    let mut tx = db.begin(&context(from)).await?;
    sqlx::query("update shop.item set tenant_id = $1")
        .bind(to)
        .execute(&mut tx)
        .await?;
    tx.commit().await
}

#[tokio::test]
async fn a_setting_injected_into_a_query_does_not_change_the_tenant() {
    let db = shop().await.db();
    let (ours, theirs) = (tenant(), tenant());
    stock(&db, ours, "anvil").await;
    stock(&db, theirs, "bell").await;

    for injected in [
        "select name from shop.item where set_config('platform.tenant_id', $1, true) is not null",
        "select name from shop.item where set_config('platform.tenant_id', $1, false) is not null",
        "with switched as materialized (select pg_catalog.set_config('platform.tenant_id', $1, true))
         select name from shop.item, switched",
    ] {
        let mut tx = db.begin(&context(ours)).await.unwrap();
        let refused = sqlx::query(injected)
            .bind(theirs.to_string())
            .fetch_all(&mut tx)
            .await;

        let refused: DbError = refused.unwrap_err().into();
        assert_eq!(sqlstate(&refused).as_deref(), Some("42501"), "{injected}");
    }
}

#[tokio::test]
async fn statements_that_run_text_do_not_change_the_tenant() {
    let db = shop().await.db();
    let (ours, theirs) = (tenant(), tenant());
    stock(&db, theirs, "bell").await;
    let switch = format!("set local platform.tenant_id = '{theirs}'");
    let mut tx = db.begin(&context(ours)).await.unwrap();

    let refused = sqlx::query("select query_to_xml($1, true, true, '')")
        .bind(switch)
        .execute(&mut tx)
        .await;

    assert!(refused.is_err());
}

#[tokio::test]
async fn no_tenant_is_an_error_whether_the_setting_is_unknown_or_empty() {
    let test = shop().await;
    stock(&test.db(), tenant(), "anvil").await;
    let mut conn = PgConnection::connect(&test.app_url()).await.unwrap();
    let mut refusals = Vec::new();

    // A session in which no transaction has had a tenant yet, and one in which one has.
    for _ in 0..2 {
        conn.execute("begin; set local role platform_app").await.unwrap();
        let refused = sqlx::query("select name from shop.item")
            .fetch_all(&mut conn)
            .await;
        refusals.push(DbError::from(refused.unwrap_err()));
        conn.execute("rollback; begin").await.unwrap();
        conn.execute("set local platform.tenant_id = '018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12'; commit")
            .await
            .unwrap();
    }

    let codes: Vec<_> = refusals.iter().filter_map(sqlstate).collect();
    assert_eq!(codes, ["42704", "22P02"]);
    for refusal in refusals {
        assert!(matches!(refusal, DbError::ScopeMissing(_)), "{refusal:?}");
    }
}

#[tokio::test]
async fn a_login_without_its_group_roles_reaches_nothing() {
    let test = shop().await;
    let mut conn = PgConnection::connect(&test.app_url()).await.unwrap();

    let refused = sqlx::query("select name from shop.item")
        .fetch_all(&mut conn)
        .await;

    assert_eq!(sqlstate(&refused.unwrap_err().into()).as_deref(), Some("42501"));
}

#[tokio::test]
async fn what_is_unique_is_unique_in_its_tenant() {
    let db = shop().await.db();
    let (ours, theirs) = (tenant(), tenant());
    stock(&db, theirs, "anvil").await;
    let mut tx = db.begin(&context(ours)).await.unwrap();

    let first = sqlx::query("insert into shop.item (id, name) values ($1, 'anvil') on conflict do nothing")
        .bind(id())
        .execute(&mut tx)
        .await
        .unwrap();
    let second = put_item(&mut tx, id(), "anvil").await;

    assert_eq!(first.rows_affected(), 1);
    assert_eq!(second.unwrap_err().constraint(), Some("item_tenant_id_name_key"));
}

#[tokio::test]
async fn a_cascade_stays_in_its_tenant() {
    let db = shop().await.db();
    let item = id();
    let tenants = [tenant(), tenant()];
    for tenant in tenants {
        let mut tx = db.begin(&context(tenant)).await.unwrap();
        put_item(&mut tx, item, "anvil").await.unwrap();
        let part = sqlx::query("insert into shop.part (id, item_id) values ($1, $2)")
            .bind(id())
            .bind(item);
        part.execute(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    let mut tx = db.begin(&context(tenants[0])).await.unwrap();
    sqlx::query("delete from shop.item")
        .execute(&mut tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();

    assert_eq!(parts(&db, tenants[0]).await, 0);
    assert_eq!(parts(&db, tenants[1]).await, 1);
}

#[tokio::test]
async fn a_foreign_key_does_not_find_anothers_row() {
    let db = shop().await.db();
    let item = stock(&db, tenant(), "anvil").await;
    let mut tx = db.begin(&context(tenant())).await.unwrap();

    let refused = sqlx::query("insert into shop.part (id, item_id) values ($1, $2)")
        .bind(id())
        .bind(item)
        .execute(&mut tx)
        .await;

    let refused: DbError = refused.unwrap_err().into();
    assert_eq!(refused.constraint(), Some("part_tenant_id_item_id_fkey"));
}

async fn parts(db: &Db, tenant: TenantId) -> i64 {
    let mut read = db.read(&context(tenant)).await.unwrap();
    let parts = sqlx::query_scalar("select count(*) from shop.part");
    parts.fetch_one(&mut read).await.unwrap()
}

#[tokio::test]
async fn a_partition_queried_by_its_own_name_shows_own_rows_only() {
    let test = own_shop().await;
    let db = test.db();
    as_superuser(
        test.database(),
        "grant select on shop.entry_even, shop.entry_odd to platform_app",
    )
    .await;
    let tenants: Vec<_> = (0..4).map(|_| tenant()).collect();
    for tenant in &tenants {
        let mut tx = db.begin(&context(*tenant)).await.unwrap();
        let entry = sqlx::query("insert into shop.entry (id) values ($1)").bind(id());
        entry.execute(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    for tenant in tenants {
        let mut read = db.read(&context(tenant)).await.unwrap();
        let whose: Vec<TenantId> = sqlx::query_scalar(
            "select tenant_id from shop.entry_even union all select tenant_id from shop.entry_odd",
        )
        .fetch_all(&mut read)
        .await
        .unwrap();
        assert_eq!(whose, [tenant]);
    }
}

#[tokio::test]
async fn a_view_with_the_callers_rights_shows_own_rows_only() {
    let db = shop().await.db();
    let (ours, theirs) = (tenant(), tenant());
    stock(&db, ours, "anvil").await;
    stock(&db, theirs, "bell").await;

    let mut read = db.read(&context(ours)).await.unwrap();
    let names: Vec<String> = sqlx::query_scalar("select name from shop.cheap")
        .fetch_all(&mut read)
        .await
        .unwrap();

    assert_eq!(names, ["anvil"]);
}

#[tokio::test]
async fn a_prepared_plan_serves_each_tenant_its_own_rows() {
    let test = own_shop().await;
    let generic = format!(
        "alter database {} set plan_cache_mode = force_generic_plan",
        test.database().name()
    );
    as_superuser(test.database(), &generic).await;
    // One connection, so that everybody meets the plan of whoever was first.
    let db = test.connect_with(1).await;
    let tenants = [tenant(), tenant(), tenant()];
    for tenant in tenants {
        stock(&db, tenant, &tenant.to_string()).await;
    }

    for tenant in tenants.iter().cycle().take(12) {
        let mut read = db.read(&context(*tenant)).await.unwrap();
        let names: Vec<String> =
            sqlx::query_scalar("select name from shop.item where tenant_id = shop.me() and price >= $1")
                .bind(0_i64)
                .fetch_all(&mut read)
                .await
                .unwrap();
        read.finish().await.unwrap();
        assert_eq!(names, [tenant.to_string()]);
    }
}

#[tokio::test]
async fn the_next_user_of_a_connection_has_a_scope_of_its_own() {
    let db = shop().await.connect_with(1).await;
    let (ours, theirs) = (tenant(), tenant());
    stock(&db, ours, "anvil").await;

    // Dropped without an end, and once more after a failed statement.
    let mut dropped = db.begin(&context(ours)).await.unwrap();
    put_item(&mut dropped, id(), "bell").await.unwrap();
    drop(dropped);
    assert!(items(&db, theirs).await.is_empty());
    let mut failed = db.begin(&context(ours)).await.unwrap();
    put_item(&mut failed, id(), "anvil").await.unwrap_err();
    drop(failed);
    assert!(items(&db, theirs).await.is_empty());

    assert_eq!(items(&db, ours).await, ["anvil"]);
}

#[tokio::test]
async fn a_read_does_not_write() {
    let db = shop().await.db();
    let mut read = db.read(&context(tenant())).await.unwrap();

    let refused = sqlx::query("insert into shop.item (id, name) values ($1, 'anvil')")
        .bind(id())
        .execute(&mut read)
        .await;

    assert_eq!(sqlstate(&refused.unwrap_err().into()).as_deref(), Some("25006"));
}

#[tokio::test]
async fn ids_tell_nothing_of_how_many_there_are() {
    assert_eq!(tenant().as_uuid().get_version_num(), 7);
    assert_ne!(tenant(), tenant());
}
