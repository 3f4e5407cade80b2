//! What is remembered of keys, and what one instance does, seen at another one.

use std::sync::atomic::Ordering;
use std::time::Duration;

use platform_auth::{
    ApiKeyOwner, ApiKeyRotation, ApiKeysOf, AuthenticateError, GrantId, GrantPrincipal, IssuedApiKey,
    RoleRef, ServicePrincipal, UserStatus,
};
use platform_core::runtime::CancellationToken;

use crate::counted::{counted, kept};
use crate::keys::{all, is_refused, new_key, of_service, own, service, under};
use crate::support::{App, Call};
use crate::world::{OPEN, World, config, to, to_user};

#[tokio::test]
async fn a_warm_key_costs_no_query_and_any_other_one_costs_one() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let role = RoleRef::Custom(world.role("Opener", &[OPEN]).await.id);
    world.grant(to_user(ada.id, role)).await;
    let issued = own(&world, &ada, all(&world)).await;
    let other = App::on(world.app.test.clone(), config()).await;
    let _kept = kept();
    let asked = async || {
        let (asked, ctx) = counted(under(&other, &issued)).await;
        assert!(ctx.unwrap().require(OPEN).is_ok());
        asked
    };

    assert_eq!(asked().await, 1, "cold, with what was granted");
    assert_eq!(asked().await, 0, "warm");
    other.clock.set(world.at(0) + time::Duration::milliseconds(999));
    assert_eq!(asked().await, 0, "still");
    other.clock.set(world.at(1));
    assert_eq!(asked().await, 1, "a second later");
    assert_eq!(asked().await, 0, "warm again");
    // Something else is granted in the tenant: what was compiled is of an older version.
    let group = world.group("Openers").await;
    world.grant(to(GrantPrincipal::Group(group.id), role)).await;
    other.clock.set(world.at(2));
    assert_eq!(asked().await, 1, "and what was granted is read with it");
}

#[tokio::test]
async fn a_key_that_works_no_longer_costs_a_question_a_second_however_often_it_is_shown() {
    let world = World::new().await;
    let issued = own(&world, &world.admin, all(&world)).await;
    let admin = world.admin().await;
    let revoked = world
        .app
        .auth
        .revoke_api_key(&admin, ApiKeysOf::Caller, issued.key.id)
        .await;
    assert!(revoked.is_ok());
    let _kept = kept();

    for expected in [1, 0, 0] {
        let (asked, shown) = counted(under(&world.app, &issued)).await;
        assert!(is_refused(&shown));
        assert_eq!(asked, expected);
    }
}

/// Something by which a key works no longer.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Revoke,
    Rotate,
    Disable,
    Delete,
    Ungrant,
    Suspend,
    ByHand,
}

const DEEDS: [Deed; 7] = [
    Deed::Revoke,
    Deed::Rotate,
    Deed::Disable,
    Deed::Delete,
    Deed::Ungrant,
    Deed::Suspend,
    Deed::ByHand,
];

/// A service principal in a tenant of its own, with a key and a right.
struct Scene {
    world: World,
    service: ServicePrincipal,
    grant: GrantId,
    issued: IssuedApiKey,
}

impl Scene {
    async fn new() -> Self {
        Self::of(World::new().await).await
    }

    /// The same in the database of this one, by another instance.
    async fn another(&self) -> Self {
        Self::of(World::on(self.beside().await).await).await
    }

    async fn of(world: World) -> Self {
        let service = service(&world, "Settlement").await;
        let role = RoleRef::Custom(world.role("Opener", &[OPEN]).await.id);
        let grant = world.grant(to(GrantPrincipal::Service(service.id), role)).await;
        let issued = of_service(&world, &service, new_key(&world, &[OPEN])).await;
        Self {
            service,
            grant: grant.id,
            issued: issued.unwrap(),
            world,
        }
    }

    /// Another instance of the same service.
    async fn beside(&self) -> App {
        App::on(self.world.app.test.clone(), config()).await
    }

    /// Does the key open anything at this instance?
    async fn works(&self, app: &App) -> bool {
        match under(app, &self.issued).await {
            Ok(ctx) => ctx.require(OPEN).is_ok(),
            Err(AuthenticateError::InvalidToken | AuthenticateError::TenantSuspended) => false,
            Err(error) => panic!("{error:?}"),
        }
    }

    async fn done(&self, deed: Deed) {
        let (auth, job) = (&self.world.app.auth, self.world.job());
        let (service, key) = (self.service.id, self.issued.key.id);
        match deed {
            Deed::Revoke => {
                let revoked = auth.revoke_api_key(&job, ApiKeysOf::Anybody, key).await;
                revoked.unwrap();
            }
            Deed::Rotate => {
                let at_once = ApiKeyRotation {
                    overlap: Duration::ZERO,
                    expires_at: None,
                };
                let rotated = auth
                    .rotate_api_key(&job, ApiKeyOwner::Service(service), key, at_once)
                    .await;
                rotated.unwrap();
            }
            Deed::Disable => {
                let status = UserStatus::Disabled;
                let disabled = auth.set_service_principal_status(&job, service, status).await;
                disabled.unwrap();
            }
            Deed::Delete => auth.delete_service_principal(&job, service).await.unwrap(),
            Deed::Ungrant => drop(auth.revoke_grant(&job, self.grant).await.unwrap()),
            Deed::Suspend => {
                let sql = "update platform_core.tenant set status = 'suspended' where id = $1";
                let suspended = platform_core::sqlx::query(sql).bind(self.world.place.id);
                let mut superuser = self.world.app.superuser().await;
                suspended.execute(&mut superuser).await.unwrap();
            }
            Deed::ByHand => {
                let sql =
                    format!("update platform_auth.subject set status = 'disabled' where id = '{service}'");
                assert_eq!(self.world.app.by_hand("platform_auth.subject", sql).await, 1);
            }
        }
    }
}

/// Nobody listens: every message is lost.
#[tokio::test]
async fn what_another_instance_did_to_a_key_holds_within_a_second_without_any_message() {
    for deed in DEEDS {
        let scene = Scene::new().await;
        let there = scene.beside().await;
        assert!(scene.works(&there).await, "{deed:?}");

        scene.done(deed).await;

        there
            .clock
            .set(scene.world.at(0) + time::Duration::milliseconds(999));
        // Nothing is forgotten that is young enough, or this test would not show anything.
        assert!(scene.works(&there).await, "{deed:?}");
        there.clock.set(scene.world.at(1));
        assert!(!scene.works(&there).await, "{deed:?}");
    }
}

/// The clocks stand still, so that nothing that is remembered gets older.
#[tokio::test]
async fn what_another_instance_did_to_a_key_holds_as_soon_as_its_message_arrives() {
    let first = Scene::new().await;
    let there = first.beside().await;
    let stop = CancellationToken::new();
    let listening = tokio::spawn({
        let (auth, stop) = (there.auth.clone(), stop.clone());
        async move { auth.keep_credentials_current(stop).await }
    });
    for deed in DEEDS {
        let (scene, other) = (first.another().await, first.another().await);
        assert!(scene.works(&there).await, "{deed:?}");
        assert!(other.works(&there).await, "{deed:?}");

        scene.done(deed).await;

        eventually(async || !scene.works(&there).await).await;
        assert!(other.works(&there).await, "{deed:?} is nothing to another tenant");
    }
    stop.cancel();
    listening.await.unwrap();
}

#[tokio::test]
async fn an_instance_that_did_it_itself_to_a_key_need_not_be_told() {
    for deed in [
        Deed::Revoke,
        Deed::Rotate,
        Deed::Disable,
        Deed::Delete,
        Deed::Ungrant,
    ] {
        let scene = Scene::new().await;
        assert!(scene.works(&scene.world.app).await, "{deed:?}");

        scene.done(deed).await;

        assert!(!scene.works(&scene.world.app).await, "{deed:?}");
    }
}

/// Waits until it is so.
async fn eventually(mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_enabled_service_principal_is_taken_again_and_a_deleted_one_never() {
    let world = World::new().await;
    let auth = &world.app.auth;
    let admin = world.admin().await;
    let principal = service(&world, "Settlement").await;
    let role = RoleRef::Custom(world.role("Opener", &[OPEN]).await.id);
    world
        .grant(to(platform_auth::GrantPrincipal::Service(principal.id), role))
        .await;
    let issued = of_service(&world, &principal, new_key(&world, &[OPEN]))
        .await
        .unwrap();
    for (status, works) in [(UserStatus::Disabled, false), (UserStatus::Active, true)] {
        auth.set_service_principal_status(&admin, principal.id, status)
            .await
            .unwrap();
        assert_eq!(under(&world.app, &issued).await.is_ok(), works);
    }

    auth.delete_service_principal(&admin, principal.id).await.unwrap();

    let status = UserStatus::Active;
    let enabled = auth
        .set_service_principal_status(&admin, principal.id, status)
        .await;
    assert!(matches!(enabled, Err(platform_auth::AuthzError::NotFound)));
    assert!(is_refused(&under(&world.app, &issued).await));
}

#[tokio::test]
async fn without_the_database_nobody_is_let_in_for_longer_than_a_second() {
    let world = World::new().await;
    let issued = own(&world, &world.admin, all(&world)).await;
    let other = App::on(world.app.test.clone(), config()).await;
    let me = || Call::get("/admin/v1/permissions").bearer(issued.token.expose());
    other.send(me()).await.expect(200);
    other.db.close().await;

    assert!(under(&other, &issued).await.is_ok(), "known a moment ago");
    other.clock.set(world.at(1));

    assert!(matches!(
        under(&other, &issued).await,
        Err(AuthenticateError::Fault(_))
    ));
    other.send(me()).await.refused(503, "unavailable");
}

/// A burst of requests under a key that is not known yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_keys_change_no_request_that_begins_after_a_change_sees_what_was_before() {
    let world = World::new().await;
    let admin = world.admin().await;
    for _ in 0..10 {
        let issued = own(&world, &world.admin, all(&world)).await;
        let stop = std::sync::atomic::AtomicBool::new(false);
        let reading = || async {
            while !stop.load(Ordering::SeqCst) {
                let _ = under(&world.app, &issued).await;
                tokio::task::yield_now().await;
            }
        };
        let changing = async {
            assert!(under(&world.app, &issued).await.is_ok());
            world
                .app
                .auth
                .revoke_api_key(&admin, ApiKeysOf::Caller, issued.key.id)
                .await
                .unwrap();
            let after = under(&world.app, &issued).await;
            stop.store(true, Ordering::SeqCst);
            assert!(is_refused(&after));
        };
        tokio::join!(changing, reading(), reading(), reading());
    }
}

#[tokio::test]
async fn a_key_of_a_tenant_that_is_suspended_is_refused_within_a_second() {
    let world = World::new().await;
    let issued = own(&world, &world.admin, all(&world)).await;
    assert!(under(&world.app, &issued).await.is_ok());
    let mut superuser = world.app.superuser().await;
    platform_core::sqlx::query("update platform_core.tenant set status = 'suspended' where id = $1")
        .bind(world.place.id)
        .execute(&mut superuser)
        .await
        .unwrap();

    world.set_clock(1);

    let me = Call::get("/api/v1/auth/me").bearer(issued.token.expose());
    world.app.send(me).await.refused(403, "tenant_suspended");
}
