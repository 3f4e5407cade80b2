//! A database that was restored from a backup while this process went on.

use platform_auth::RoleRef;
use platform_core::sqlx;
use platform_core::testing::TestDb;

use crate::support::{App, SCHEMAS};
use crate::world::{OPEN, World, config, to_user};

#[tokio::test]
async fn what_was_compiled_before_a_restore_decides_nothing_after_it() {
    for first_change_is_lost in [true, false] {
        let test = Box::pin(TestDb::own(&SCHEMAS)).await;
        let world = World::on(App::on(test, config()).await).await;
        let (ada, bob) = (world.user("ada").await, world.user("bob").await);
        let role = RoleRef::Custom(world.role("Opener", &[OPEN]).await.id);
        let mut superuser = world.app.superuser().await;
        let backed_up: i64 =
            sqlx::query_scalar("select version from platform_auth.authz_version where tenant_id = $1")
                .bind(world.place.id)
                .fetch_one(&mut superuser)
                .await
                .unwrap();
        if first_change_is_lost {
            let sql = "delete from platform_auth.authz_version".to_owned();
            world.app.by_hand("platform_auth.authz_version", sql).await;
        }
        world.grant(to_user(ada.id, role)).await;
        assert!(world.ctx(&ada).await.require(OPEN).is_ok());

        // The backup, which knows nothing of the grant.
        let sql = "delete from platform_auth.role_grant".to_owned();
        world.app.by_hand("platform_auth.role_grant", sql).await;
        let sql = match first_change_is_lost {
            true => "delete from platform_auth.authz_version".to_owned(),
            false => format!("update platform_auth.authz_version set version = {backed_up}"),
        };
        world.app.by_hand("platform_auth.authz_version", sql).await;
        // And as many changes since then.
        world.grant(to_user(bob.id, role)).await;

        assert!(world.ctx(&ada).await.require(OPEN).is_err());
        assert!(world.ctx(&bob).await.require(OPEN).is_ok());
    }
}
