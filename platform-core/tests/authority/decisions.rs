use platform_core::{
    Authority, Granted, Holding, OwnedResource, Permission, PermissionSet, Resource, Timestamp, Window,
};
use proptest::prelude::*;
use proptest::test_runner::Config;

pub(crate) const PERMISSIONS: [Permission; 3] = [
    Permission::new("parcels:see"),
    Permission::new("parcels:open"),
    Permission::new("parcels:send"),
];

/// Two ids of one kind and one id of two kinds.
pub(crate) const RESOURCES: [(&str, &str); 3] = [("depot", "north"), ("depot", "south"), ("van", "north")];

/// Instants that are looked at; windows begin and end strictly between the first and the last, so that an open side reaches past them.
pub(crate) const INSTANTS: std::ops::RangeInclusive<i64> = -1..=12;

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_unix_timestamp(second).unwrap()
}

pub(crate) fn resource(which: usize) -> Resource<'static> {
    let (kind, id) = RESOURCES[which];
    Resource::new(kind, id).unwrap()
}

pub(crate) fn owned(which: usize) -> OwnedResource {
    let (kind, id) = RESOURCES[which];
    OwnedResource {
        kind: kind.into(),
        id: id.into(),
    }
}

/// A holding as a test says it: which role, on which resource, when.
pub(crate) type Told = (usize, Option<usize>, (Option<i64>, Option<i64>));

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) always: Vec<usize>,
    pub(crate) roles: Vec<Vec<usize>>,
    pub(crate) told: Vec<Told>,
}

impl World {
    pub(crate) fn holdings(&self) -> Vec<Holding> {
        let sets: Vec<PermissionSet> = self.roles.iter().map(|role| set(role)).collect();
        let holding = |(role, on, (from, until)): &Told| Holding {
            permissions: sets[*role].clone(),
            on: on.map(owned),
            window: Window::new(from.map(at), until.map(at)).unwrap(),
        };
        self.told.iter().map(holding).collect()
    }

    pub(crate) fn authority(&self, as_of: i64) -> Authority {
        Authority::new(set(&self.always)).with(Granted::new(self.holdings()), at(as_of))
    }

    /// The slow way.
    pub(crate) fn allows(&self, permission: usize, on: Option<usize>, second: i64) -> bool {
        let granted = self.told.iter().any(|(role, limited, (from, until))| {
            self.roles[*role].contains(&permission)
                && (limited.is_none() || *limited == on)
                && from.is_none_or(|from| from <= second)
                && until.is_none_or(|until| second < until)
        });
        granted || self.always.contains(&permission)
    }
}

pub(crate) fn set(permissions: &[usize]) -> PermissionSet {
    permissions.iter().map(|which| PERMISSIONS[*which]).collect()
}

pub(crate) fn permissions() -> impl Strategy<Value = Vec<usize>> {
    proptest::sample::subsequence(vec![0, 1, 2], 0..=3)
}

pub(crate) fn window() -> impl Strategy<Value = (Option<i64>, Option<i64>)> {
    let side = || proptest::option::weighted(0.7, 0_i64..=11);
    (side(), side()).prop_filter("it holds an instant", |(from, until)| {
        from.is_none() || until.is_none() || from < until
    })
}

pub(crate) fn world() -> impl Strategy<Value = World> {
    let roles = proptest::collection::vec(permissions(), 3);
    let told = (0_usize..3, proptest::option::weighted(0.7, 0_usize..3), window());
    let always = prop_oneof![4 => Just(Vec::new()), 1 => permissions()];
    (always, roles, proptest::collection::vec(told, 0..12)).prop_map(|(always, roles, told)| World {
        always,
        roles,
        told,
    })
}

/// How many worlds are tried: 2,000, with some 170 decisions in each. `PLATFORM_AUTHZ_CASES=1000000` asks for as many worlds.
pub(crate) fn config() -> Config {
    let cases = std::env::var("PLATFORM_AUTHZ_CASES").ok();
    Config::with_cases(cases.map_or(2_000, |cases| cases.parse().unwrap()))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_compiled_decision_is_that_of_the_reference(world in world()) {
        let authority = world.authority(0);

        for (which, permission) in PERMISSIONS.into_iter().enumerate() {
            for second in INSTANTS {
                prop_assert_eq!(authority.holds_at(permission, at(second)), world.allows(which, None, second));
                for on in 0..RESOURCES.len() {
                    let decided = authority.holds_on(permission, &resource(on), at(second));
                    prop_assert_eq!(decided, world.allows(which, Some(on), second));
                }
            }
        }
    }

    #[test]
    fn a_permission_that_covers_a_window_is_held_at_each_of_its_instants(
        world in world(),
        on in proptest::option::of(0_usize..3),
        (from, until) in window(),
    ) {
        let authority = world.authority(0);
        let window = Window::new(from.map(at), until.map(at)).unwrap();

        for (which, permission) in PERMISSIONS.into_iter().enumerate() {
            let mut instants = INSTANTS.filter(|second| window.contains(at(*second)));
            let each = instants.all(|second| world.allows(which, on, second));
            prop_assert_eq!(authority.covers(permission, on.map(owned).as_ref(), window), each);
        }
    }

    #[test]
    fn what_is_held_at_a_request_is_what_is_held_when_it_was_authenticated(world in world(), second in INSTANTS) {
        let authority = world.authority(second);

        for (which, permission) in PERMISSIONS.into_iter().enumerate() {
            prop_assert_eq!(authority.holds(permission), world.allows(which, None, second));
        }
    }
}
