use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use platform_auth::{ApiKeysOf, AuthenticateError, RoleRef, UserStatus};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::keys::{all, is_refused, new_key, of_service, own, service, under};
use crate::support::{App, Call};
use crate::world::{OPEN, World, config, to, to_user};

/// Counts the statements that name a table of sign-in, as the driver tells of them.
#[derive(Clone, Default)]
struct Statements(Arc<AtomicUsize>);

struct Names(bool);

impl Visit for Names {
    fn record_debug(&mut self, _: &Field, value: &dyn std::fmt::Debug) {
        self.0 |= format!("{value:?}").contains("platform_auth.");
    }
}

impl Subscriber for Statements {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn event(&self, event: &Event<'_>) {
        let mut names = Names(false);
        event.record(&mut names);
        self.0.fetch_add(usize::from(names.0), Ordering::SeqCst);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn a_warm_key_costs_no_query_and_one_a_second_old_one() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let role = RoleRef::Custom(world.role("Opener", &[OPEN]).await.id);
    world.grant(to_user(ada.id, role)).await;
    let issued = own(&world, &ada, all(&world)).await;
    let other = App::on(world.app.test.clone(), config()).await;
    // With one subscriber alone, other tests that reach a statement first would have it ignored for good: the library asks the subscriber
    // of their threads, which is none.
    let _kept = [(); 2].map(|()| tracing::Dispatch::new(Statements::default()));
    let asked = async || {
        let statements = Statements::default();
        let counting = tracing::subscriber::set_default(statements.clone());
        let ctx = under(&other, &issued).await.unwrap();
        drop(counting);
        assert!(ctx.require(OPEN).is_ok());
        statements.0.load(Ordering::SeqCst)
    };

    assert_eq!(asked().await, 2, "cold, and what was granted as well");
    assert_eq!(asked().await, 0, "warm");
    other.clock.set(world.at(0) + time::Duration::milliseconds(999));
    assert_eq!(asked().await, 0, "still");
    other.clock.set(world.at(1));
    assert_eq!(asked().await, 1, "a second later");
    assert_eq!(asked().await, 0, "warm again");
}

/// What happens to a key, or to what its owner may do, so that it works no longer.
#[tokio::test]
async fn a_change_is_seen_by_this_instance_at_once_and_by_another_within_a_second() {
    let world = World::new().await;
    let other = App::on(world.app.test.clone(), config()).await;
    let auth = &world.app.auth;
    let admin = world.admin().await;
    let role = RoleRef::Custom(world.role("Opener", &[OPEN]).await.id);
    for change in ["revoke", "disable", "delete", "ungrant"] {
        let principal = service(&world, &format!("Program to {change}")).await;
        let grant = world
            .grant(to(platform_auth::GrantPrincipal::Service(principal.id), role))
            .await;
        let issued = of_service(&world, &principal, new_key(&world, &[OPEN]))
            .await
            .unwrap();
        let works = async |app: &App| match under(app, &issued).await {
            Ok(ctx) => ctx.require(OPEN).is_ok(),
            Err(AuthenticateError::InvalidToken) => false,
            Err(error) => panic!("{error:?}"),
        };
        assert!(works(&world.app).await && works(&other).await, "{change}");

        match change {
            "revoke" => drop(
                auth.revoke_api_key(&admin, ApiKeysOf::Anybody, issued.key.id)
                    .await
                    .unwrap(),
            ),
            "disable" => {
                let status = UserStatus::Disabled;
                auth.set_service_principal_status(&admin, principal.id, status)
                    .await
                    .unwrap();
            }
            "delete" => auth.delete_service_principal(&admin, principal.id).await.unwrap(),
            _ => drop(auth.revoke_grant(&admin, grant.id).await.unwrap()),
        }

        assert!(!works(&world.app).await, "{change}");
        let later = other_now(&other) + time::Duration::SECOND;
        other.clock.set(later);
        assert!(!works(&other).await, "{change}");
    }
}

fn other_now(other: &App) -> platform_core::Timestamp {
    platform_core::Clock::now(&*other.clock)
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
