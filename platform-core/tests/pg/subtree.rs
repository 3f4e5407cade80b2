//! Reads over a tenant and the tenants below it.

use platform_core::TenantId;
use platform_core::pg::{DbError, NewTenant, Tenants};
use platform_core::sqlx;
use platform_core::testing::TestDb;

use crate::support::{context, id, items, shop, sqlstate, stock, tenant};

async fn child_of(test: &TestDb, parent: Option<TenantId>) -> TenantId {
    let child = tenant();
    let new = NewTenant {
        slug: format!("t-{}", child.as_uuid().simple()).parse().unwrap(),
        name: "Test".to_owned(),
        parent,
    };
    let mut tx = test.db().begin(&context(child)).await.unwrap();
    Tenants::new(&test.db()).create_in(&mut tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    child
}

async fn subtree_items(test: &TestDb, root: TenantId) -> Vec<String> {
    let subtree = Tenants::new(&test.db()).subtree(root).await.unwrap();
    let mut read = test.db().read_subtree(&context(root), &subtree).await.unwrap();
    let names = sqlx::query_scalar("select name from shop.item order by name")
        .fetch_all(&mut read)
        .await
        .unwrap();
    read.finish().await.unwrap();
    names
}

#[tokio::test]
async fn a_parent_reads_the_rows_of_every_tenant_below_it() {
    let test = shop().await;
    let parent = child_of(&test, None).await;
    let child = child_of(&test, Some(parent)).await;
    let grandchild = child_of(&test, Some(child)).await;
    let stranger = child_of(&test, None).await;
    for (tenant, name) in [
        (parent, "anvil"),
        (child, "bell"),
        (grandchild, "clock"),
        (stranger, "drum"),
    ] {
        stock(&test.db(), tenant, name).await;
    }

    assert_eq!(subtree_items(&test, parent).await, ["anvil", "bell", "clock"]);
    assert_eq!(subtree_items(&test, child).await, ["bell", "clock"]);
    assert_eq!(subtree_items(&test, grandchild).await, ["clock"]);
}

#[tokio::test]
async fn a_parents_own_transaction_holds_its_own_rows_alone() {
    let test = shop().await;
    let parent = child_of(&test, None).await;
    let child = child_of(&test, Some(parent)).await;
    stock(&test.db(), child, "bell").await;

    assert!(items(&test.db(), parent).await.is_empty());
}

#[tokio::test]
async fn a_subtree_is_read_only() {
    let test = shop().await;
    let parent = child_of(&test, None).await;
    let child = child_of(&test, Some(parent)).await;
    stock(&test.db(), child, "bell").await;
    let subtree = Tenants::new(&test.db()).subtree(parent).await.unwrap();

    for statement in [
        "insert into shop.item (tenant_id, id, name) select tenant_id, $1, 'planted' from shop.item",
        "update shop.item set name = 'stolen' where $1 is not null",
        "delete from shop.item where $1 is not null",
    ] {
        let mut read = test.db().read_subtree(&context(parent), &subtree).await.unwrap();
        let refused = sqlx::query(statement).bind(id()).execute(&mut read).await;
        let refused: DbError = refused.unwrap_err().into();
        let code = sqlstate(&refused).unwrap();
        assert!(
            ["25006", "42501"].contains(&code.as_str()),
            "{statement}: {refused:?}"
        );
    }
    assert_eq!(items(&test.db(), child).await, ["bell"]);
}

#[tokio::test]
async fn anothers_subtree_is_refused() {
    let test = shop().await;
    let parent = child_of(&test, None).await;
    let child = child_of(&test, Some(parent)).await;
    let subtree = Tenants::new(&test.db()).subtree(parent).await.unwrap();

    let refused = test.db().read_subtree(&context(child), &subtree).await;

    assert!(matches!(refused, Err(DbError::ScopeChanged)));
}

#[tokio::test]
async fn a_tenant_without_a_place_in_the_hierarchy_reads_nothing() {
    let test = shop().await;
    let nobody = tenant();
    stock(&test.db(), nobody, "anvil").await;
    let subtree = Tenants::new(&test.db()).subtree(nobody).await.unwrap();

    assert!(subtree.tenants().is_empty());
    assert!(subtree_items(&test, nobody).await.is_empty());
}
