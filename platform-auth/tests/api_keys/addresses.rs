use platform_auth::NewApiKey;
use platform_core::sqlx;
use serde_json::Value;

use crate::keys::{all, is_refused, own, shown};
use crate::support::Call;
use crate::world::World;

fn from(world: &World, addresses: &[&str]) -> NewApiKey {
    NewApiKey {
        addresses: Some(addresses.iter().map(|text| (*text).to_owned()).collect()),
        ..all(world)
    }
}

#[tokio::test]
async fn a_key_with_addresses_works_from_those_alone() {
    let world = World::new().await;
    let issued = own(
        &world,
        &world.admin,
        from(&world, &["192.0.2.0/24", "2001:db8::/32"]),
    )
    .await;
    let token = issued.token.expose();

    for address in ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1"] {
        assert!(shown(&world.app, token, Some(address)).await.is_ok(), "{address}");
    }
    for address in [
        "192.0.3.7",
        "::ffff:192.0.3.7",
        "::192.0.2.7",
        "2001:db9::1",
        "::1",
    ] {
        assert!(
            is_refused(&shown(&world.app, token, Some(address)).await),
            "{address}"
        );
    }
    assert!(is_refused(&shown(&world.app, token, None).await), "from nowhere");
}

#[tokio::test]
async fn the_address_is_that_of_the_connection() {
    let world = World::new().await;
    let issued = own(&world, &world.admin, from(&world, &["192.0.2.0/24"])).await;
    let me = || Call::get("/api/v1/auth/me").bearer(issued.token.expose());

    world.app.send(me().from("192.0.2.7")).await.expect(200);
    world
        .app
        .send(me().from("198.51.100.7"))
        .await
        .refused(401, "invalid_token");
    // Nobody has said that the one who connects may speak for others.
    let claimed = me().from("198.51.100.7").header("x-forwarded-for", "192.0.2.7");
    world.app.send(claimed).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn a_key_that_is_shown_from_elsewhere_is_recorded_and_not_without_end() {
    let world = World::new().await;
    let issued = own(&world, &world.admin, from(&world, &["192.0.2.0/24"])).await;

    for _ in 0..40 {
        let refused = shown(&world.app, issued.token.expose(), Some("198.51.100.7")).await;
        assert!(is_refused(&refused));
    }

    let mut superuser = world.app.superuser().await;
    let recorded: Vec<(String, Value, String)> = sqlx::query_as(
        "select reason::text, targets::jsonb, source_address::text from platform_audit.event
         where tenant_id = $1 and action = 'auth.api_key_refuse'",
    )
    .bind(world.place.id)
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    assert_eq!(recorded.len(), 20);
    let (reason, targets, address) = &recorded[0];
    assert_eq!(
        (reason.as_str(), address.as_str()),
        ("address_not_allowed", "198.51.100.7")
    );
    assert_eq!(targets[0]["id"], issued.key.id.to_string());
    assert_eq!(targets[1]["id"], world.admin.id.to_string());
}
