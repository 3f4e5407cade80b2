//! The seed of the isolation fuzz: whatever tenant tables the catalog holds, another tenant's rows are out of reach.

use platform_core::sqlx;
use platform_core::testing::assert_tables_isolated;

use crate::support::{as_superuser, context, id, own_shop, put_item, shop, tenant};
use platform_core::TenantId;
use platform_core::pg::Db;

/// Gives a tenant a row in every table of the shop.
async fn fill(db: &Db, tenant: TenantId) {
    let item = id();
    let mut tx = db.begin(&context(tenant)).await.unwrap();
    put_item(&mut tx, item, "anvil").await.unwrap();
    let part = sqlx::query("insert into shop.part (id, item_id) values ($1, $2)")
        .bind(id())
        .bind(item);
    part.execute(&mut tx).await.unwrap();
    let entry = sqlx::query("insert into shop.entry (id) values ($1)").bind(id());
    entry.execute(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn every_tenant_table_keeps_its_rows_from_another_tenant() {
    let test = shop().await;
    let (ours, theirs) = (tenant(), tenant());
    fill(&test.db(), ours).await;
    fill(&test.db(), theirs).await;

    let tables = assert_tables_isolated(&test.db(), ours, theirs).await;

    assert_eq!(tables.tried, ["shop.entry", "shop.item", "shop.part"]);
    // Always empty, and reached through their parent only.
    assert_eq!(
        tables.untried,
        [
            "platform_core.canary",
            "platform_core.idempotency_key",
            "platform_core.lease",
            "shop.entry_even",
            "shop.entry_odd"
        ]
    );
}

#[tokio::test]
#[should_panic(expected = "within reach of another tenant: select 1 from shop.part")]
async fn a_table_whose_policies_are_switched_off_is_noticed() {
    let test = own_shop().await;
    let (ours, theirs) = (tenant(), tenant());
    fill(&test.db(), theirs).await;
    as_superuser(
        test.database(),
        "alter table shop.part disable row level security",
    )
    .await;

    assert_tables_isolated(&test.db(), ours, theirs).await;
}
