use std::time::Duration;

use futures::future::join_all;
use platform_auth::{ApiKeyError, ApiKeyOwner, ApiKeyRotation, ApiKeysOf, InvalidApiKey, NewApiKey};

use crate::keys::{DAY_S, all, is_refused, own, under};
use crate::support::{App, PASSWORD};
use crate::world::{Person, World, config, on};
use platform_core::RequestContext;

const HOUR: Duration = Duration::from_secs(60 * 60);

fn overlap(overlap: Duration) -> ApiKeyRotation {
    ApiKeyRotation {
        overlap,
        expires_at: None,
    }
}

#[tokio::test]
async fn the_old_key_works_beside_the_new_one_for_the_overlap_and_not_a_tick_longer() {
    let world = World::new().await;
    let new = NewApiKey {
        resources: on("north").map(|on| vec![on]),
        addresses: Some(vec!["::/0".to_owned(), "0.0.0.0/0".to_owned()]),
        ..all(&world)
    };
    let old = own(&world, &world.admin, new).await;
    world.set_clock(100);
    let ctx = world.admin().await;

    let rotated = world
        .app
        .auth
        .rotate_api_key(&ctx, ApiKeyOwner::Caller, old.key.id, overlap(HOUR))
        .await;

    let new = rotated.unwrap();
    assert_eq!(new.key.rotated_from, Some(old.key.id));
    assert_eq!(
        (
            &new.key.name,
            &new.key.scopes,
            &new.key.resources,
            &new.key.addresses
        ),
        (
            &old.key.name,
            &old.key.scopes,
            &old.key.resources,
            &old.key.addresses
        )
    );
    assert_eq!(
        new.key.expires_at,
        world.at(100 + DAY_S),
        "as long as the old one was made for"
    );
    let known = world.app.auth.api_key(&ctx, old.key.id).await.unwrap().unwrap();
    assert_eq!(known.expires_at, world.at(100 + 3_600));
    assert_eq!(known.rotated_at, Some(world.at(100)));
    let from = Some("192.0.2.7");
    let works = async |key: &platform_auth::IssuedApiKey| {
        crate::keys::shown(&world.app, key.token.expose(), from)
            .await
            .is_ok()
    };
    assert!(works(&old).await && works(&new).await);
    world
        .app
        .clock
        .set(known.expires_at - time::Duration::microseconds(1));
    assert!(works(&old).await && works(&new).await);
    world.app.clock.set(known.expires_at);
    assert!(!works(&old).await && works(&new).await);
}

#[tokio::test]
async fn without_overlap_the_old_key_is_refused_at_once() {
    let world = World::new().await;
    let old = own(&world, &world.admin, all(&world)).await;
    assert!(under(&world.app, &old).await.is_ok());
    let ctx = world.admin().await;

    let rotated = world
        .app
        .auth
        .rotate_api_key(&ctx, ApiKeyOwner::Caller, old.key.id, overlap(Duration::ZERO))
        .await;

    assert!(is_refused(&under(&world.app, &old).await));
    assert!(under(&world.app, &rotated.unwrap()).await.is_ok());
}

#[tokio::test]
async fn an_overlap_never_makes_the_old_key_last_longer() {
    let world = World::new().await;
    let new = NewApiKey {
        expires_at: world.at(60),
        ..all(&world)
    };
    let old = own(&world, &world.admin, new).await;
    let ctx = world.admin().await;

    world
        .app
        .auth
        .rotate_api_key(&ctx, ApiKeyOwner::Caller, old.key.id, overlap(HOUR))
        .await
        .unwrap();

    let known = world.app.auth.api_key(&ctx, old.key.id).await.unwrap().unwrap();
    assert_eq!(known.expires_at, world.at(60));
}

/// On two instances, each with its connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_thirty_two_that_rotate_a_key_at_once_exactly_one_does() {
    let world = World::new().await;
    let other = App::on(world.app.test.clone(), config()).await;
    for _ in 0..4 {
        let old = own(&world, &world.admin, all(&world)).await;
        let ctx = world.admin().await;
        let one = |which: usize| {
            let auth = [&world.app.auth, &other.auth][which % 2].clone();
            let (ctx, id) = (ctx.clone(), old.key.id);
            tokio::spawn(async move {
                auth.rotate_api_key(&ctx, ApiKeyOwner::Caller, id, overlap(HOUR))
                    .await
            })
        };

        let answers = join_all((0..32).map(one)).await;

        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().map(Result::unwrap).partition(Result::is_ok);
        assert_eq!(won.len(), 1);
        for error in lost {
            assert!(matches!(error, Err(ApiKeyError::AlreadyRotated)), "{error:?}");
        }
        let won = won.into_iter().next().unwrap().unwrap();
        assert!(under(&world.app, &won).await.is_ok());
        let keys = world
            .app
            .auth
            .list_api_keys(&ctx, ApiKeysOf::Caller, None, 200)
            .await
            .unwrap();
        let successors = keys.iter().filter(|key| key.rotated_from == Some(old.key.id));
        assert_eq!(successors.count(), 1);
    }
}

#[tokio::test]
async fn what_does_not_work_is_not_exchanged() {
    let world = World::new().await;
    let ctx = world.admin().await;
    let auth = &world.app.auth;
    let rotate = async |id| {
        auth.rotate_api_key(&ctx, ApiKeyOwner::Caller, id, overlap(HOUR))
            .await
    };
    let revoked = own(&world, &world.admin, all(&world)).await.key.id;
    auth.revoke_api_key(&ctx, ApiKeysOf::Caller, revoked)
        .await
        .unwrap();
    let rotated = own(&world, &world.admin, all(&world)).await.key.id;
    rotate(rotated).await.unwrap();
    let short = NewApiKey {
        expires_at: world.at(10),
        ..all(&world)
    };
    let expired = own(&world, &world.admin, short).await.key.id;
    let ada = world.user("ada").await;
    let of_another = own(&world, &ada, all(&world)).await.key.id;
    world.set_clock(10);

    assert!(matches!(rotate(revoked).await, Err(ApiKeyError::NotLive)));
    assert!(matches!(rotate(rotated).await, Err(ApiKeyError::AlreadyRotated)));
    assert!(matches!(rotate(expired).await, Err(ApiKeyError::NotLive)));
    assert!(matches!(rotate(of_another).await, Err(ApiKeyError::NotFound)));
    let fresh = own(&world, &world.admin, all(&world)).await.key.id;
    for rotation in [
        overlap(Duration::from_secs(7 * 24 * 60 * 60 + 1)),
        overlap(Duration::MAX),
    ] {
        let refused = auth
            .rotate_api_key(&ctx, ApiKeyOwner::Caller, fresh, rotation)
            .await;
        assert!(matches!(
            refused,
            Err(ApiKeyError::Invalid(InvalidApiKey::Overlap))
        ));
    }
    for expires_at in [world.at(10), world.at(11 + 365 * DAY_S)] {
        let rotation = ApiKeyRotation {
            expires_at: Some(expires_at),
            ..overlap(HOUR)
        };
        let refused = auth
            .rotate_api_key(&ctx, ApiKeyOwner::Caller, fresh, rotation)
            .await;
        assert!(matches!(
            refused,
            Err(ApiKeyError::Invalid(InvalidApiKey::ExpiresAt))
        ));
    }
}

#[tokio::test]
async fn keys_that_work_no_longer_are_kept_for_ninety_days_and_are_not_without_end_either() {
    let mut config = config();
    config.api_keys.per_owner_max = 1;
    let world = World::on(App::with(config).await).await;
    let auth = &world.app.auth;
    let make = async |ctx: &RequestContext| {
        let mut new = all(&world);
        new.expires_at = platform_core::Clock::now(&*world.app.clock) + HOUR;
        let made = auth.create_api_key(ctx, ApiKeyOwner::Caller, new).await?;
        auth.revoke_api_key(ctx, ApiKeysOf::Caller, made.key.id).await
    };
    // Sessions do not last as long.
    let signed_in = async || {
        let answer = world
            .app
            .sign_in(&world.place, "admin@example.com", PASSWORD)
            .await;
        let token = answer.token();
        world
            .ctx(&Person {
                token,
                ..world.admin.clone()
            })
            .await
    };
    let ctx = world.admin().await;
    for _ in 0..10 {
        make(&ctx).await.unwrap();
    }
    assert!(matches!(make(&ctx).await, Err(ApiKeyError::TooMany { max: 10 })));
    world.set_clock(90 * DAY_S - 1);
    let ctx = signed_in().await;
    assert!(matches!(make(&ctx).await, Err(ApiKeyError::TooMany { max: 10 })));

    world.set_clock(90 * DAY_S);

    let made = make(&ctx).await.unwrap();
    let kept = auth
        .list_api_keys(&ctx, ApiKeysOf::Caller, None, 200)
        .await
        .unwrap();
    assert_eq!(kept, [made]);
}

#[tokio::test]
async fn an_owner_has_no_more_keys_that_work_than_allowed_however_they_are_made() {
    let mut config = config();
    config.api_keys.per_owner_max = 3;
    let world = World::on(App::with(config).await).await;
    let ctx = world.admin().await;
    let auth = &world.app.auth;
    let one = own(&world, &world.admin, all(&world)).await.key.id;
    let making = (0..16).map(|_| auth.create_api_key(&ctx, ApiKeyOwner::Caller, all(&world)));

    let made = join_all(making).await;

    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 2);
    for refused in made.into_iter().filter_map(Result::err) {
        assert!(matches!(refused, ApiKeyError::TooMany { max: 3 }), "{refused:?}");
    }
    let rotate = async |overlap| {
        let rotation = ApiKeyRotation {
            overlap,
            expires_at: None,
        };
        auth.rotate_api_key(&ctx, ApiKeyOwner::Caller, one, rotation)
            .await
    };
    assert!(matches!(rotate(HOUR).await, Err(ApiKeyError::TooMany { max: 3 })));
    assert!(
        rotate(Duration::ZERO).await.is_ok(),
        "one for one, and the refused one left nothing behind"
    );
}
