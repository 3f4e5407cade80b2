//! Whatever people with some rights do, nobody comes out with more than the one who did it had.

use std::collections::BTreeSet;

use platform_auth::{
    AuthzError, GRANTS_MANAGE, GROUPS_MANAGE, GrantPrincipal, GroupId, Member, NewGrant, NewRole,
    ROLES_MANAGE, Role, RoleId, RoleRef, RoleUpdate,
};
use platform_core::{Permission, RequestContext};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::world::{OPEN, Person, SEE, SEND, World, depot, names, on};

const PERMISSIONS: [Permission; 6] = [SEE, OPEN, SEND, ROLES_MANAGE, GROUPS_MANAGE, GRANTS_MANAGE];
const DEPOTS: [&str; 2] = ["north", "south"];

/// What somebody can do: which permission, on which depot or everywhere, at which second.
type Rights = BTreeSet<(usize, Option<usize>, i64)>;

/// When it is looked: windows begin and end between these.
const SECONDS: [i64; 5] = [0, 3, 6, 9, 1_000];

#[derive(Debug, Clone)]
enum Deed {
    MakeRole(Vec<usize>),
    ChangeRole(usize, Vec<usize>),
    Grant {
        to: Who,
        role: Option<usize>,
        on: Option<usize>,
        window: (Option<i64>, Option<i64>),
    },
    Join(Who, usize),
}

#[derive(Debug, Clone, Copy)]
enum Who {
    User(usize),
    Group(usize),
}

fn permissions() -> impl Strategy<Value = Vec<usize>> {
    proptest::sample::subsequence((0..PERMISSIONS.len()).collect::<Vec<_>>(), 0..=4)
}

fn window() -> impl Strategy<Value = (Option<i64>, Option<i64>)> {
    let side = || proptest::option::weighted(0.5, 1_i64..10);
    (side(), side()).prop_filter("it holds an instant", |(from, until)| {
        from.is_none() || until.is_none() || from < until
    })
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![3 => (0_usize..3).prop_map(Who::User), 2 => (0_usize..3).prop_map(Who::Group)]
}

fn deed() -> impl Strategy<Value = Deed> {
    let grant = (
        who(),
        proptest::option::weighted(0.9, 0_usize..4),
        proptest::option::weighted(0.5, 0_usize..2),
        window(),
    )
        .prop_map(|(to, role, on, window)| Deed::Grant { to, role, on, window });
    prop_oneof![
        1 => permissions().prop_map(Deed::MakeRole),
        2 => (0_usize..4, permissions()).prop_map(|(role, permissions)| Deed::ChangeRole(role, permissions)),
        4 => grant,
        3 => (who(), 0_usize..3).prop_map(|(who, group)| Deed::Join(who, group)),
    ]
}

struct Stage {
    world: World,
    users: Vec<Person>,
    groups: Vec<GroupId>,
    roles: Vec<RoleId>,
}

impl Stage {
    /// Three users, three groups, and four roles of which some manage something.
    async fn new() -> Self {
        let world = World::new().await;
        let mut users = Vec::new();
        for name in ["ada", "bob", "eve"] {
            users.push(world.user(name).await);
        }
        let mut groups = Vec::new();
        for name in ["Red", "Green", "Blue"] {
            groups.push(world.group(name).await.id);
        }
        let mut roles = Vec::new();
        for (name, permissions) in [
            ("Manager", &[ROLES_MANAGE, GROUPS_MANAGE, GRANTS_MANAGE][..]),
            ("Opener", &[SEE, OPEN]),
            ("Sender", &[SEND]),
            ("Other", &[SEE]),
        ] {
            roles.push(world.role(name, permissions).await.id);
        }
        Self {
            world,
            users,
            groups,
            roles,
        }
    }

    async fn rights(&self) -> Vec<Rights> {
        let mut all = Vec::new();
        for user in &self.users {
            all.push(rights(&self.world, &self.world.ctx(user).await));
        }
        all
    }

    async fn does(&self, ctx: &RequestContext, deed: &Deed, number: usize) -> Result<(), AuthzError> {
        let auth = &self.world.app.auth;
        let chosen = |permissions: &[usize]| {
            let permissions: Vec<_> = permissions.iter().map(|which| PERMISSIONS[*which]).collect();
            names(&permissions)
        };
        match deed {
            Deed::MakeRole(permissions) => {
                let new = NewRole {
                    name: format!("Made {number}"),
                    permissions: chosen(permissions),
                };
                auth.create_role(ctx, new).await.map(drop)
            }
            Deed::ChangeRole(which, permissions) => {
                let role = auth.role(&self.world.job(), self.roles[*which]).await?.unwrap();
                // Mostly added to, or soon nobody has anything to give.
                let kept = if number.is_multiple_of(4) {
                    Vec::new()
                } else {
                    role.permissions
                };
                let update = RoleUpdate {
                    version: role.version,
                    name: role.name,
                    permissions: [kept, chosen(permissions)].concat(),
                };
                auth.update_role(ctx, role.id, update).await.map(drop)
            }
            Deed::Grant { to, role, on, window } => {
                let new = self.grant(*to, *role, *on, *window);
                auth.grant_role(ctx, new).await.map(drop)
            }
            Deed::Join(who, group) => {
                let member = match who {
                    Who::User(user) => Member::User(self.users[*user].id),
                    Who::Group(inner) => Member::Group(self.groups[*inner]),
                };
                auth.add_member(ctx, self.groups[*group], member).await.map(drop)
            }
        }
    }

    fn grant(
        &self,
        to: Who,
        role: Option<usize>,
        depot: Option<usize>,
        (from, until): (Option<i64>, Option<i64>),
    ) -> NewGrant {
        NewGrant {
            principal: match to {
                Who::User(user) => GrantPrincipal::User(self.users[user].id),
                Who::Group(group) => GrantPrincipal::Group(self.groups[group]),
            },
            role: role.map_or(RoleRef::BuiltIn(Role::Admin), |role| {
                RoleRef::Custom(self.roles[role])
            }),
            on: depot.and_then(|depot| on(DEPOTS[depot])),
            valid_from: from.map(|second| self.world.at(second)),
            valid_until: until.map(|second| self.world.at(second)),
            reason: None,
        }
    }
}

fn rights(world: &World, ctx: &RequestContext) -> Rights {
    let mut rights = Rights::new();
    for (which, permission) in PERMISSIONS.into_iter().enumerate() {
        for second in SECONDS {
            let at = world.at(second);
            if ctx.principal().authority().holds_at(permission, at) {
                rights.insert((which, None, second));
            }
            for (place, name) in DEPOTS.into_iter().enumerate() {
                if ctx.may(permission, &depot(name), at) {
                    rights.insert((which, Some(place), second));
                }
            }
        }
    }
    rights
}

#[tokio::test]
async fn nobody_comes_out_with_more_than_whoever_gave_it_had() {
    let (mut done, mut refused, mut gained) = (0, 0, 0);
    let mut stages = 0;
    // Three at least, and more where chance has given little away.
    while stages < 3 || stages < 12 && (done <= 10 || refused <= 10 || gained <= 10) {
        stages += 1;
        let stage = Stage::new().await;
        let seed = stage.world.app.test.sources().uuid_v7();
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(seed.as_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        // Everybody manages something, and has something of their own to give, which the job gives that may give everything.
        for user in 0..3 {
            let start = vec((0_usize..4, proptest::option::of(0_usize..2), window()), 2..4);
            // One of them has most of it in the whole tenant and without an end.
            for role in if user == 0 { 1..3 } else { 0..0 } {
                let new = stage.grant(Who::User(user), Some(role), None, (None, None));
                stage.world.grant(new).await;
            }
            let start = start.new_tree(&mut runner).unwrap().current();
            let manager = stage.grant(Who::User(user), Some(0), None, (None, None));
            stage.world.grant(manager).await;
            for (role, depot, window) in start {
                stage
                    .world
                    .grant(stage.grant(Who::User(user), Some(role), depot, window))
                    .await;
            }
        }

        let deeds = vec((0_usize..3, deed()), 25)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        let mut before = stage.rights().await;
        for (number, (actor, deed)) in deeds.iter().enumerate() {
            let ctx = stage.world.ctx(&stage.users[*actor]).await;
            let outcome = stage.does(&ctx, deed, number).await;
            let after = stage.rights().await;

            let what = format!("seed {seed}: {actor} does {deed:?}: {outcome:?}");
            for (user, rights) in after.iter().enumerate() {
                let new: Vec<_> = rights.difference(&before[user]).collect();
                let exceeding = new.iter().find(|right| !before[*actor].contains(**right));
                assert_eq!(exceeding, None, "{what}: {user} came out with it");
                gained += new.len();
            }
            match outcome {
                Ok(()) => done += 1,
                Err(AuthzError::Exceeds(_) | AuthzError::Forbidden(_)) => {
                    assert_eq!(before, after, "{what}");
                    refused += 1;
                }
                Err(AuthzError::Cycle | AuthzError::AlreadyMember) => assert_eq!(before, after, "{what}"),
                Err(error) => panic!("{what}: {error:?}"),
            }
            before = after;
        }
    }
    assert!(
        done > 10 && refused > 10 && gained > 10,
        "{done} done, {refused} refused, {gained} gained"
    );
}
