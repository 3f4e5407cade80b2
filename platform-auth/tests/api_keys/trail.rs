use std::time::Duration;

use platform_auth::{
    ApiKeyOwner, ApiKeyRotation, ApiKeysOf, GrantPrincipal, RoleRef, ServicePrincipalUpdate, UserStatus,
};
use platform_core::sqlx;
use serde_json::{Value, json};

use crate::keys::{all, new_key, of_service, own, service, under};
use crate::support::App;
use crate::world::{OPEN, World, config, to, to_user};

const GRANTS: platform_core::Permission = platform_auth::GRANTS_MANAGE;

/// What the trail says, oldest first: the action, the actor, the targets and the detail.
async fn recorded(world: &World, like: &str) -> Vec<(String, String, Value, Option<Value>)> {
    let mut superuser = world.app.superuser().await;
    sqlx::query_as(
        "select action::text, actor_kind::text, targets::jsonb, detail::jsonb from platform_audit.event
         where tenant_id = $1 and action like $2 order by xid, id",
    )
    .bind(world.place.id)
    .bind(like)
    .fetch_all(&mut superuser)
    .await
    .unwrap()
}

fn target(kind: &str, id: impl ToString) -> Value {
    json!({ "kind": kind, "id": id.to_string() })
}

#[tokio::test]
async fn every_change_of_a_key_is_in_the_trail_with_whose_it_is_and_nothing_of_it() {
    let world = World::new().await;
    let auth = &world.app.auth;
    let admin = world.admin().await;
    let made = own(&world, &world.admin, new_key(&world, &[OPEN])).await;
    let rotation = ApiKeyRotation {
        overlap: Duration::from_secs(60),
        expires_at: None,
    };
    let rotated = auth
        .rotate_api_key(&admin, ApiKeyOwner::Caller, made.key.id, rotation)
        .await
        .unwrap();
    auth.revoke_api_key(&admin, ApiKeysOf::Anybody, rotated.key.id)
        .await
        .unwrap();
    // Again: nothing changes.
    auth.revoke_api_key(&admin, ApiKeysOf::Anybody, rotated.key.id)
        .await
        .unwrap();

    let events = recorded(&world, "auth.api_key%").await;

    let actions: Vec<_> = events.iter().map(|event| event.0.as_str()).collect();
    assert_eq!(
        actions,
        [
            "auth.api_key_create",
            "auth.api_key_rotate",
            "auth.api_key_revoke"
        ]
    );
    let user = target("user", world.admin.id);
    assert_eq!(events[0].2, json!([target("api_key", made.key.id), user]));
    let detail = events[0].3.as_ref().unwrap();
    assert_eq!(
        (&detail["scopes"], &detail["resources"]),
        (&json!(["parcels:open"]), &json!(null))
    );
    assert_eq!(
        events[1].2,
        json!([
            target("api_key", rotated.key.id),
            user,
            target("rotated_api_key", made.key.id)
        ])
    );
    assert_eq!(events[1].3.as_ref().unwrap()["overlap_s"], 60);
    assert_eq!(events[2].2, json!([target("api_key", rotated.key.id), user]));
    let trail = format!("{events:?}");
    assert!(!trail.contains("pak1_") && !trail.contains("Nightly"));
}

#[tokio::test]
async fn every_change_of_a_service_principal_is_in_the_trail() {
    let world = World::new().await;
    let auth = &world.app.auth;
    let admin = world.admin().await;
    let made = auth.create_service_principal(&admin, "Settlement").await.unwrap();
    let update = ServicePrincipalUpdate {
        version: 1,
        name: "Clearing".to_owned(),
    };
    auth.update_service_principal(&admin, made.id, update)
        .await
        .unwrap();
    for status in [UserStatus::Disabled, UserStatus::Disabled, UserStatus::Active] {
        auth.set_service_principal_status(&admin, made.id, status)
            .await
            .unwrap();
    }
    auth.delete_service_principal(&admin, made.id).await.unwrap();

    let events = recorded(&world, "auth.service_principal%").await;

    let actions: Vec<_> = events.iter().map(|event| event.0.as_str()).collect();
    assert_eq!(
        actions,
        [
            "auth.service_principal_create",
            "auth.service_principal_change",
            "auth.service_principal_status",
            "auth.service_principal_status",
            "auth.service_principal_delete",
        ]
    );
    for event in &events {
        assert_eq!(event.2, json!([target("service", made.id)]));
    }
}

#[tokio::test]
async fn what_is_done_under_a_key_names_the_key() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let settlement = service(&world, "Settlement").await;
    let role = RoleRef::Custom(world.role("Granter", &[GRANTS, OPEN]).await.id);
    world
        .grant(to(GrantPrincipal::Service(settlement.id), role))
        .await;
    let issued = of_service(&world, &settlement, new_key(&world, &[GRANTS, OPEN]))
        .await
        .unwrap();
    let ctx = under(&world.app, &issued).await.unwrap();
    let opener = world.role("Opener", &[OPEN]).await;

    world
        .app
        .auth
        .grant_role(&ctx, to_user(ada.id, RoleRef::Custom(opener.id)))
        .await
        .unwrap();

    let events = recorded(&world, "access.role_grant").await;
    let (_, actor, targets, _) = events.last().unwrap();
    assert_eq!(actor, "service");
    let targets = targets.as_array().unwrap();
    assert_eq!(targets.first(), Some(&target("user", ada.id)));
    assert_eq!(targets.last(), Some(&target("credential_api_key", issued.key.id)));
    assert_eq!(events[0].2[0], target("service", settlement.id));
}

#[tokio::test]
async fn nothing_in_the_database_is_a_key() {
    let world = World::new().await;
    let settlement = service(&world, "Settlement").await;
    let role = RoleRef::Custom(world.role("Opener", &[OPEN]).await.id);
    world
        .grant(to(GrantPrincipal::Service(settlement.id), role))
        .await;
    let one = own(&world, &world.admin, all(&world)).await;
    let other = of_service(&world, &settlement, new_key(&world, &[OPEN]))
        .await
        .unwrap();
    let admin = world.admin().await;
    let rotation = ApiKeyRotation::default();
    let rotated = world
        .app
        .auth
        .rotate_api_key(&admin, ApiKeyOwner::Caller, one.key.id, rotation)
        .await
        .unwrap();
    for issued in [&other, &rotated] {
        under(&world.app, issued).await.unwrap();
    }

    let dump = world.app.dump().await;

    assert!(dump.contains(&rotated.key.id.to_string()));
    for issued in [&one, &other, &rotated] {
        let token = issued.token.expose();
        assert!(!dump.contains(token));
        assert!(!dump.contains(&token[28..71]), "nor its secret part");
        assert!(!format!("{issued:?}").contains(&token[28..71]));
    }
    assert!(!dump.contains("pak1_"));
}

#[tokio::test]
async fn the_last_use_of_a_key_is_noted_once_in_ten_minutes() {
    let world = World::new().await;
    let issued = own(&world, &world.admin, all(&world)).await;
    let other = App::on(world.app.test.clone(), config()).await;
    let last_used = async || {
        let admin = world.admin().await;
        let key = world.app.auth.api_key(&admin, issued.key.id).await.unwrap();
        key.unwrap().last_used_at
    };
    let noted = async |app: &App| app.auth.record_api_key_use().await.unwrap();
    assert_eq!((last_used().await, noted(&world.app).await), (None, 0));

    for second in 0..5 {
        world.set_clock(second);
        under(&world.app, &issued).await.unwrap();
    }
    assert_eq!(noted(&world.app).await, 1);
    assert_eq!(last_used().await, Some(world.at(0)), "as of the first use");
    assert_eq!(noted(&world.app).await, 0);

    // Another instance knows that it was noted.
    other.clock.set(world.at(599));
    under(&other, &issued).await.unwrap();
    assert_eq!(noted(&other).await, 0);
    other.clock.set(world.at(600));
    world.set_clock(600);
    for app in [&other, &world.app] {
        under(app, &issued).await.unwrap();
    }
    assert_eq!(
        noted(&other).await + noted(&world.app).await,
        1,
        "of two that saw it one does"
    );
    assert_eq!(last_used().await, Some(world.at(600)));
}
