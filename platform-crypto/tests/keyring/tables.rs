//! The tables keep tenants apart.

use platform_core::pg::AllowList;
use platform_core::testing::assert_tables_isolated;
use platform_crypto::ROOT_KEY_TABLE;

use crate::support::World;

#[tokio::test]
async fn the_self_check_passes_with_the_one_exception() {
    let world = World::shared().await;

    let with = AllowList::core().with(ROOT_KEY_TABLE);
    let report = world.db.self_check(&with).await.unwrap();

    let of_ours = |report: &platform_core::pg::Report| -> Vec<String> {
        let findings = report.refusals().map(|finding| finding.object.clone());
        findings
            .filter(|object| object.contains("platform_crypto"))
            .collect()
    };
    assert_eq!(of_ours(&report), [""; 0]);
    let without = world.db.self_check(&AllowList::core()).await.unwrap();
    assert_eq!(of_ours(&without), ["platform_crypto.root_key"]);
}

#[tokio::test]
async fn a_tenant_cannot_reach_the_keys_of_another() {
    let world = World::shared().await;
    let keyring = world.keyring().await;
    let other = world.test.tenant().await;
    keyring.keys(&world.ctx()).await.unwrap();
    keyring.keys(&world.ctx_of(other)).await.unwrap();

    let tables = assert_tables_isolated(&world.db, world.tenant, other).await;

    assert!(tables.tried.contains(&"platform_crypto.tenant_key".to_owned()));
}
