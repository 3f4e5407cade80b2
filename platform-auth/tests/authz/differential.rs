//! What is decided from memory, and explained, against a reference that knows nothing but what was asked for.

use platform_audit::{Action, AuditLog, Event, Outcome};
use platform_auth::{Effect, GrantPrincipal, Member, NewGrant, Question, RoleRef};
use platform_core::{Permission, sqlx};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::world::{OPEN, Person, SEE, SEND, World, depot, on};

const PERMISSIONS: [Permission; 3] = [SEE, OPEN, SEND];
const DEPOTS: [&str; 3] = ["north", "south", "east"];
const GROUPS: usize = 4;
const SECONDS: std::ops::Range<i64> = 0..13;

/// Decisions that are compared in a world.
const DECISIONS: usize = PERMISSIONS.len() * (DEPOTS.len() + 1) * 13;

/// How many decisions are compared: 4,000. `PLATFORM_AUTHZ_CASES=1000000` asks for as many.
fn worlds() -> usize {
    let cases = std::env::var("PLATFORM_AUTHZ_CASES").ok();
    let cases: usize = cases.map_or(4_000, |cases| cases.parse().unwrap());
    cases.div_ceil(DECISIONS)
}

/// To the user or a group, of a role, on a depot or everywhere, when; and whether it is revoked again.
#[derive(Debug, Clone)]
struct Given {
    to: Option<usize>,
    role: usize,
    on: Option<usize>,
    window: (Option<i64>, Option<i64>),
    revoked: bool,
}

#[derive(Debug, Clone)]
struct Plan {
    roles: Vec<Vec<usize>>,
    /// A group in one with a lower number, so that there is no cycle.
    nested: Vec<(usize, usize)>,
    /// The groups that the user is in.
    member_of: Vec<usize>,
    given: Vec<Given>,
}

fn plan() -> impl Strategy<Value = Plan> {
    let role = || proptest::sample::subsequence(vec![0, 1, 2], 1..=3);
    let side = || proptest::option::weighted(0.7, 1_i64..12);
    let window = (side(), side()).prop_filter("it holds an instant", |(from, until)| {
        from.is_none() || until.is_none() || from < until
    });
    let given = (
        proptest::option::weighted(0.6, 0..GROUPS),
        0_usize..3,
        proptest::option::weighted(0.6, 0..DEPOTS.len()),
        window,
        proptest::bool::weighted(0.2),
    )
        .prop_map(|(to, role, on, window, revoked)| Given {
            to,
            role,
            on,
            window,
            revoked,
        });
    let nested = proptest::sample::subsequence(vec![(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)], 0..=4);
    let member_of = proptest::sample::subsequence(vec![0, 1, 2, 3], 0..=2);
    (vec(role(), 3), nested, member_of, vec(given, 0..8)).prop_map(|(roles, nested, member_of, given)| Plan {
        roles,
        nested,
        member_of,
        given,
    })
}

impl Plan {
    /// The slow way: every group that the user is in is found anew, then every grant is looked at.
    fn allows(&self, permission: usize, on: Option<usize>, second: i64) -> bool {
        let mut groups = self.member_of.clone();
        while let Some((_, outer)) = self
            .nested
            .iter()
            .find(|(inner, outer)| groups.contains(inner) && !groups.contains(outer))
        {
            groups.push(*outer);
        }
        self.given.iter().any(|given| {
            !given.revoked
                && given.to.is_none_or(|group| groups.contains(&group))
                && self.roles[given.role].contains(&permission)
                && (given.on.is_none() || given.on == on)
                && given.window.0.is_none_or(|from| from <= second)
                && given.window.1.is_none_or(|until| second < until)
        })
    }

    async fn is_carried_out(&self, world: &World, user: &Person, number: usize) {
        let mut roles = Vec::new();
        for (at, role) in self.roles.iter().enumerate() {
            let permissions: Vec<_> = role.iter().map(|which| PERMISSIONS[*which]).collect();
            roles.push(world.role(&format!("Role {number}.{at}"), &permissions).await.id);
        }
        let mut groups = Vec::new();
        for at in 0..GROUPS {
            groups.push(world.group(&format!("Group {number}.{at}")).await.id);
        }
        for (inner, outer) in &self.nested {
            world
                .put(Member::Group(groups[*inner]), groups[*outer])
                .await
                .unwrap();
        }
        for group in &self.member_of {
            world.put(Member::User(user.id), groups[*group]).await.unwrap();
        }
        for given in &self.given {
            let to_group = given.to.map(|group| GrantPrincipal::Group(groups[group]));
            let grant = NewGrant {
                principal: to_group.unwrap_or(GrantPrincipal::User(user.id)),
                role: RoleRef::Custom(roles[given.role]),
                on: given.on.and_then(|depot| on(DEPOTS[depot])),
                valid_from: given.window.0.map(|second| world.at(second)),
                valid_until: given.window.1.map(|second| world.at(second)),
                reason: None,
            };
            let grant = world.grant(grant).await;
            if given.revoked {
                world.app.auth.revoke_grant(&world.job(), grant.id).await.unwrap();
            }
        }
    }
}

/// Takes away what the world before has left, as an administrator of the database would.
async fn begin_anew(world: &World) {
    let ctx = world.job();
    let mut tx = world.app.db.begin(&ctx).await.unwrap();
    for sql in [
        "update platform_auth.role_grant set revoked_at = granted_at where tenant_id = $1 and revoked_at is null",
        "delete from platform_auth.group_member where tenant_id = $1",
        // There may be so many of them, and these are in no use any more.
        "update platform_auth.role set deleted_at = created_at where tenant_id = $1 and deleted_at is null",
        "update platform_auth.principal_group set deleted_at = created_at where tenant_id = $1 and deleted_at is null",
        "update platform_auth.authz_version set version = version + 1 where tenant_id = $1",
    ] {
        sqlx::query(sql).bind(tx.tenant()).execute(&mut tx).await.unwrap();
    }
    let event = Event::new(Action::new("test.begin"), Outcome::Success);
    AuditLog::new(world.app.test.sources().clone())
        .record(&mut tx, &ctx, event)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_decision_is_that_of_the_reference_and_its_explanation_agrees() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let admin = world.admin().await;
    let seed = world.app.test.sources().uuid_v7();
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(seed.as_bytes());
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        TestRng::from_seed(RngAlgorithm::ChaCha, &bytes),
    );
    let (mut allowed, mut denied) = (0, 0);
    for number in 0..worlds() {
        let plan = plan().new_tree(&mut runner).unwrap().current();
        begin_anew(&world).await;
        plan.is_carried_out(&world, &ada, number).await;
        let ctx = world.ctx(&ada).await;

        for (which, permission) in PERMISSIONS.into_iter().enumerate() {
            for at in [None, Some(0), Some(1), Some(2)] {
                for second in SECONDS {
                    let instant = world.at(second);
                    let decided = match at {
                        Some(at) => ctx.authorize(permission, &depot(DEPOTS[at]), (), instant).is_ok(),
                        None => ctx.principal().authority().holds_at(permission, instant),
                    };
                    let expected = plan.allows(which, at, second);
                    assert_eq!(
                        decided, expected,
                        "seed {seed}: {permission:?} on {at:?} at {second}: {plan:#?}"
                    );
                    *(if expected { &mut allowed } else { &mut denied }) += 1;
                }
                let second = [0, 3, 6, 11][number % 4];
                let question = Question {
                    user: ada.id,
                    permission: permission.name().to_owned(),
                    on: at.and_then(|at| on(DEPOTS[at])),
                    at: world.at(second),
                };
                let decision = world.app.auth.explain(&admin, &question).await.unwrap();
                let expected = plan.allows(which, at, second);
                assert_eq!(
                    decision.effect == Effect::Allow,
                    expected,
                    "seed {seed}: {decision:?}: {plan:#?}"
                );
            }
        }
    }
    assert!(
        allowed > 100 && denied > 100,
        "{allowed} allowed, {denied} denied"
    );
}
