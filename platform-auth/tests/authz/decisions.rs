use platform_auth::{AuthzError, DecisionReason, Effect, GrantPrincipal, Member, Question, Role, RoleRef};
use platform_core::{Denied, Forbidden, Needs};

use super::world::{OPEN, Person, SEE, SEND, TICK, World, depot, on, to, to_user};

fn question(who: &Person, world: &World) -> Question {
    Question {
        user: who.id,
        permission: OPEN.name().to_owned(),
        on: on("north"),
        at: world.at(0),
    }
}

#[tokio::test]
async fn a_grant_holds_up_to_its_last_instant_and_not_at_it_and_nobody_does_anything() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let role = RoleRef::Custom(world.role("Opener", &[OPEN]).await.id);
    let mut limited = to_user(ada.id, role);
    limited.on = on("north");
    limited.valid_from = Some(world.at(10));
    limited.valid_until = Some(world.at(20));
    world.grant(limited).await;
    let mut whole = to_user(ada.id, RoleRef::Custom(world.role("Sender", &[SEND]).await.id));
    whole.valid_from = Some(world.at(10));
    whole.valid_until = Some(world.at(20));
    world.grant(whole).await;

    // One context, as a long request has it: the instant decides.
    let ctx = world.ctx(&ada).await;
    for (at, allowed) in [
        (world.at(10) - TICK, false),
        (world.at(10), true),
        (world.at(20) - TICK, true),
        (world.at(20), false),
    ] {
        assert_eq!(
            ctx.authorize(OPEN, &depot("north"), (), at).is_ok(),
            allowed,
            "{at}"
        );
        // And the next request, by itself.
        world.app.clock.set(at);
        assert_eq!(world.ctx(&ada).await.require(SEND).is_ok(), allowed, "{at}");
    }
}

#[tokio::test]
async fn what_may_not_be_seen_is_not_found_and_what_may_be_seen_alone_is_forbidden() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let see = RoleRef::Custom(world.role("Seer", &[SEE]).await.id);
    let open = RoleRef::Custom(world.role("Opener", &[SEE, OPEN]).await.id);
    for (role, id) in [(see, "north"), (open, "south")] {
        let mut new = to_user(ada.id, role);
        new.on = on(id);
        world.grant(new).await;
    }
    let needs = Needs {
        to_see: SEE,
        to_act: OPEN,
    };

    let ctx = world.ctx(&ada).await;
    let open = |id| {
        let checked = ctx.authorize_visible(needs, &depot(id), id, world.at(0));
        checked.map(|proof| proof.into_inner())
    };

    assert_eq!(open("east"), Err(Denied::Hidden));
    assert_eq!(open("north"), Err(Denied::Forbidden(Forbidden::new(OPEN))));
    assert_eq!(open("south"), Ok("south"));
    let admin = world.admin().await;
    assert!(
        admin
            .authorize_visible(needs, &depot("east"), (), world.at(0))
            .is_ok()
    );
}

#[tokio::test]
async fn an_explanation_names_the_grant_that_decides() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let role = RoleRef::Custom(world.role("Opener", &[OPEN]).await.id);
    let group = world.group("Night shift").await;
    let admin = world.admin().await;
    let explain = async |question: &Question| world.app.auth.explain(&admin, question).await.unwrap();
    let mut asked = question(&ada, &world);

    let nothing = explain(&asked).await;
    assert_eq!(
        (nothing.effect, nothing.reason),
        (Effect::Deny, DecisionReason::NotGranted)
    );

    let mut elsewhere = to_user(ada.id, role);
    elsewhere.on = on("south");
    let elsewhere = world.grant(elsewhere).await;
    let other = explain(&asked).await;
    assert_eq!(
        (other.effect, other.reason),
        (Effect::Deny, DecisionReason::OtherResource)
    );
    assert_eq!(other.grant, Some(elsewhere.id));

    let mut windowed = to(GrantPrincipal::Group(group.id), role);
    windowed.valid_from = Some(world.at(10));
    windowed.valid_until = Some(world.at(20));
    let windowed = world.grant(windowed).await;
    world.put(Member::User(ada.id), group.id).await.unwrap();
    for (second, effect, reason) in [
        (9, Effect::Deny, DecisionReason::NotYetValid),
        (10, Effect::Allow, DecisionReason::Granted),
        (20, Effect::Deny, DecisionReason::Expired),
    ] {
        asked.at = world.at(second);
        let decision = explain(&asked).await;
        assert_eq!((decision.effect, decision.reason), (effect, reason), "{second}");
        assert_eq!((decision.grant, decision.role), (Some(windowed.id), Some(role)));
        assert_eq!(
            (decision.via_group, decision.valid_until),
            (Some(group.id), Some(world.at(20)))
        );
    }

    // Of several that allow, the one that does for longest.
    asked.at = world.at(10);
    let lasting = world.grant(to_user(ada.id, role)).await;
    let decision = explain(&asked).await;
    assert_eq!(
        (decision.grant, decision.via_group, decision.valid_until),
        (Some(lasting.id), None, None)
    );
}

#[tokio::test]
async fn an_explanation_of_a_built_in_role_needs_no_grant() {
    let world = World::new().await;
    let decision = world
        .app
        .auth
        .explain(&world.admin().await, &question(&world.admin, &world))
        .await
        .unwrap();

    assert_eq!(
        (decision.effect, decision.reason),
        (Effect::Allow, DecisionReason::BuiltInRole)
    );
    assert_eq!(
        (decision.role, decision.grant),
        (Some(RoleRef::BuiltIn(Role::Admin)), None)
    );
}

#[tokio::test]
async fn nothing_is_explained_of_whom_or_what_there_is_not_nor_to_whom_it_is_none_of_their_business() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let admin = world.admin().await;
    let auth = &world.app.auth;
    let mut nobody = question(&ada, &world);
    nobody.user = platform_core::PrincipalId::generate(world.app.test.sources());
    let mut nothing = question(&ada, &world);
    nothing.permission = "parcels:burn".to_owned();

    assert!(matches!(
        auth.explain(&admin, &nobody).await,
        Err(AuthzError::NotFound)
    ));
    assert!(matches!(
        auth.explain(&admin, &nothing).await,
        Err(AuthzError::UnknownPermission(_))
    ));
    let as_ada = world.ctx(&ada).await;
    let refused = auth.explain(&as_ada, &question(&ada, &world)).await;
    assert!(matches!(refused, Err(AuthzError::Forbidden(_))));
}
