use platform_core::{
    Denied, Forbidden, Limit, Needs, Permission, Principal, PrincipalId, RequestContext, RequestMeta,
    Sources, TenantId, Window,
};
use proptest::prelude::*;

use crate::decisions::{
    INSTANTS, PERMISSIONS, RESOURCES, World, at, config, owned, permissions, resource, set, window, world,
};

/// A limit as a test says it.
#[derive(Debug, Clone)]
struct Told {
    permissions: Option<Vec<usize>>,
    resources: Option<Vec<usize>>,
}

impl Told {
    fn limit(&self) -> Limit {
        let resources = self.resources.as_ref();
        Limit::new(
            self.permissions.as_deref().map(set),
            resources.map(|which| which.iter().copied().map(owned).collect()),
        )
    }

    /// The slow way.
    fn leaves(&self, permission: usize, on: Option<usize>) -> bool {
        let permissions = self.permissions.as_ref();
        let resources = self.resources.as_ref();
        permissions.is_none_or(|left| left.contains(&permission))
            && resources.is_none_or(|left| on.is_some_and(|on| left.contains(&on)))
    }
}

fn limit() -> impl Strategy<Value = Told> {
    let resources = proptest::collection::vec(0_usize..RESOURCES.len(), 0..4);
    (
        proptest::option::of(permissions()),
        proptest::option::of(resources),
    )
        .prop_map(|(permissions, resources)| Told {
            permissions,
            resources,
        })
}

/// Somebody under a credential, to whom this is left.
fn caller(world: &World, second: i64, limits: &[Told]) -> RequestContext {
    let sources = Sources::system();
    let limited = |authority: platform_core::Authority, told: &Told| authority.limited_to(&told.limit());
    let authority = limits.iter().fold(world.authority(second), limited);
    let principal = Principal::user(PrincipalId::generate(&sources), Default::default());
    RequestContext::authenticated(
        TenantId::generate(&sources),
        principal.with_authority(authority),
        RequestMeta::internal(&sources),
    )
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_left_is_what_both_the_owner_holds_and_every_limit_leaves(
        world in world(),
        limits in proptest::collection::vec(limit(), 0..3),
        second in INSTANTS,
    ) {
        let ctx = caller(&world, second, &limits);
        let authority = ctx.principal().authority();
        let leave = |which, on| limits.iter().all(|told| told.leaves(which, on));

        for (which, permission) in PERMISSIONS.into_iter().enumerate() {
            let everywhere = world.allows(which, None, second) && leave(which, None);
            prop_assert_eq!(ctx.require(permission).is_ok(), everywhere);
            prop_assert_eq!(authority.holds(permission), everywhere);
            prop_assert_eq!(authority.holds_at(permission, at(second)), everywhere);
            let always = world.always.contains(&which) && leave(which, None);
            prop_assert_eq!(authority.always().holds(permission), always);
            let mut somewhere = everywhere;
            for on in 0..RESOURCES.len() {
                let expected = world.allows(which, Some(on), second) && leave(which, Some(on));
                somewhere |= expected;
                let resource = resource(on);
                prop_assert_eq!(ctx.may(permission, &resource, at(second)), expected);
                prop_assert_eq!(ctx.authorize(permission, &resource, (), at(second)).is_ok(), expected);
                prop_assert_eq!(authority.holds_on(permission, &resource, at(second)), expected);
            }
            prop_assert_eq!(authority.holds_somewhere(permission, at(second)), somewhere);
        }
    }

    #[test]
    fn who_may_see_and_not_act_under_a_limit_is_forbidden_and_who_may_not_see_is_told_nothing(
        world in world(),
        told in limit(),
        second in INSTANTS,
    ) {
        let [see, act, _] = PERMISSIONS;
        let ctx = caller(&world, second, std::slice::from_ref(&told));
        let needs = Needs { to_see: see, to_act: act };

        for on in 0..RESOURCES.len() {
            let may = |which| world.allows(which, Some(on), second) && told.leaves(which, Some(on));
            let expected = match (may(0), may(1)) {
                (false, _) => Err(Denied::Hidden),
                (true, false) => Err(Denied::Forbidden(Forbidden::new(act))),
                (true, true) => Ok(()),
            };
            let decided = ctx.authorize_visible(needs, &resource(on), (), at(second));
            prop_assert_eq!(decided.map(|proof| proof.into_inner()), expected);
        }
    }

    #[test]
    fn nobody_gives_away_past_the_limit_what_they_hold(
        world in world(),
        told in limit(),
        on in proptest::option::of(0_usize..3),
        (from, until) in window(),
    ) {
        let authority = world.authority(0);
        let limited = authority.clone().limited_to(&told.limit());
        let window = Window::new(from.map(at), until.map(at)).unwrap();

        for (which, permission) in PERMISSIONS.into_iter().enumerate() {
            let on_it = on.map(owned);
            let expected = authority.covers(permission, on_it.as_ref(), window) && told.leaves(which, on);
            prop_assert_eq!(limited.covers(permission, on_it.as_ref(), window), expected);
        }
    }
}

#[test]
fn a_limit_holds_for_what_is_granted_after_it() {
    const SEND: Permission = PERMISSIONS[2];
    let told = Told {
        permissions: Some(vec![0]),
        resources: None,
    };
    let world = World {
        always: Vec::new(),
        roles: vec![vec![2]],
        told: vec![(0, None, (None, None))],
    };
    let granted = platform_core::Granted::new(world.holdings());
    let limited = platform_core::Authority::default().limited_to(&told.limit());

    let authority = limited.with(granted, at(0));

    assert!(world.authority(0).holds(SEND));
    assert!(!authority.holds(SEND) && !authority.holds_at(SEND, at(0)));
}
