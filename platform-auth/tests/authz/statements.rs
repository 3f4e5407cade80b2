//! What a request costs the database.

use platform_auth::RoleRef;

use super::world::{OPEN, World, context, to_user};
use crate::counted::{counted, kept};
use crate::support::App;

#[tokio::test]
async fn a_request_asks_once_whatever_is_known() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let role = RoleRef::Custom(world.role("Opener", &[OPEN]).await.id);
    let group = world.group("Night shift").await;
    world
        .put(platform_auth::Member::User(ada.id), group.id)
        .await
        .unwrap();
    world.grant(to_user(ada.id, role)).await;
    let other = App::on(world.app.test.clone(), super::world::config()).await;
    let _kept = kept();
    let asked = async || {
        let (asked, ctx) = counted(context(&other, &ada)).await;
        assert!(ctx.require(OPEN).is_ok());
        asked
    };

    assert_eq!(asked().await, 1, "cold");
    assert_eq!(asked().await, 1, "warm");
    world.grant(to_user(ada.id, role)).await;
    assert_eq!(asked().await, 1, "changed");
    assert_eq!(asked().await, 1, "warm again");
}
