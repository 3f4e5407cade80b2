//! What those may do who hold a connection open.

use platform_auth::{
    ALL_SCOPES, ApiKeyOwner, ApiKeysOf, Connected, Member, NewApiKey, PolicySettings, Role, RoleRef,
    SecondFactorRule,
};
use platform_core::{Authority, Permission};

use super::world::{OPEN, Person, SEE, SEND, World, names, to_user};

impl World {
    async fn connected(&self, who: &Person) -> Connected {
        Connected {
            principal: who.id,
            session: self.ctx(who).await.session(),
            api_key: None,
        }
    }

    async fn standing(&self, connected: &Connected) -> Option<Authority> {
        let asked = std::slice::from_ref(connected);
        let standing = self.app.auth.who_may_stay(self.place.id, asked).await;
        standing.unwrap().pop().unwrap()
    }

    /// `None` for somebody who may not stay.
    async fn holds(&self, connected: &Connected, permission: Permission) -> Option<bool> {
        let authority = self.standing(connected).await?;
        Some(authority.holds(permission))
    }
}

#[tokio::test]
async fn a_grant_counts_until_it_is_revoked_and_while_its_window_lasts() {
    let world = World::new().await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let role = RoleRef::Custom(world.role("Opener", &[OPEN]).await.id);
    let (ada_is, bob_is) = (world.connected(&ada).await, world.connected(&bob).await);
    assert_eq!(world.holds(&ada_is, OPEN).await, Some(false));

    let lasting = world.grant(to_user(ada.id, role)).await;
    let mut windowed = to_user(bob.id, role);
    (windowed.valid_from, windowed.valid_until) = (Some(world.at(60)), Some(world.at(120)));
    world.set_clock(1);
    world.grant(windowed).await;

    assert_eq!(world.holds(&ada_is, OPEN).await, Some(true));
    assert_eq!(world.holds(&ada_is, SEND).await, Some(false));
    let mut of_bob = Vec::new();
    for second in [59, 60, 119, 120] {
        world.set_clock(second);
        of_bob.push(world.holds(&bob_is, OPEN).await);
    }
    assert_eq!(of_bob, [Some(false), Some(true), Some(true), Some(false)]);
    world
        .app
        .auth
        .revoke_grant(&world.job(), lasting.id)
        .await
        .unwrap();
    assert_eq!(world.holds(&ada_is, OPEN).await, Some(false));
}

#[tokio::test]
async fn a_role_that_changes_and_a_group_that_is_left_count_at_once() {
    let world = World::new().await;
    let ada = world.user("ada").await;
    let ada_is = world.connected(&ada).await;
    let (job, auth) = (world.job(), &world.app.auth);

    auth.set_user_role(&job, ada.id, Role::Admin).await.unwrap();
    let as_admin = world.holds(&ada_is, SEND).await;
    auth.set_user_role(&job, ada.id, Role::User).await.unwrap();
    let as_user = world.holds(&ada_is, SEND).await;
    let group = world.group("Senders").await;
    let role = RoleRef::Custom(world.role("Sender", &[SEND]).await.id);
    world
        .grant(super::world::to(
            platform_auth::GrantPrincipal::Group(group.id),
            role,
        ))
        .await;
    let membership = world.put(Member::User(ada.id), group.id).await.unwrap();
    let as_member = world.holds(&ada_is, SEND).await;
    auth.remove_member(&job, group.id, membership.id).await.unwrap();
    let as_nobody = world.holds(&ada_is, SEND).await;

    assert_eq!(
        [as_admin, as_user, as_member, as_nobody],
        [Some(true), Some(false), Some(true), Some(false)]
    );
}

#[tokio::test]
async fn a_tenant_that_asks_for_a_second_factor_leaves_nothing_to_who_has_shown_none() {
    let world = World::new().await;
    let admin_is = world.connected(&world.admin).await;
    assert_eq!(world.holds(&admin_is, SEND).await, Some(true));

    let settings = PolicySettings {
        second_factor: SecondFactorRule::All,
        ..PolicySettings::default()
    };
    let (job, auth) = (world.job(), &world.app.auth);
    auth.set_policy(&job, 0, settings).await.unwrap();

    // They stay, to set one up.
    assert_eq!(world.holds(&admin_is, SEND).await, Some(false));
}

#[tokio::test]
async fn a_key_leaves_what_its_scopes_name_of_what_its_owner_may_still_do() {
    let world = World::new().await;
    let boss = world.user("boss").await;
    let (job, auth) = (world.job(), &world.app.auth);
    auth.set_user_role(&job, boss.id, Role::Admin).await.unwrap();
    let mut keys = Vec::new();
    for scopes in [names(&[SEE]), vec![ALL_SCOPES.to_owned()]] {
        let new = NewApiKey {
            name: "Stream".to_owned(),
            scopes,
            resources: None,
            addresses: None,
            not_before: None,
            expires_at: world.at(86_400),
        };
        let ctx = world.ctx(&boss).await;
        let issued = auth.create_api_key(&ctx, ApiKeyOwner::Caller, new).await;
        keys.push(issued.unwrap().key.id);
    }
    let [narrow, wide] = [keys[0], keys[1]].map(|key| Connected {
        principal: boss.id,
        session: None,
        api_key: Some(key.as_uuid()),
    });

    assert_eq!(world.holds(&narrow, SEE).await, Some(true));
    assert_eq!(world.holds(&narrow, SEND).await, Some(false));
    assert_eq!(world.holds(&wide, SEND).await, Some(true));
    auth.set_user_role(&job, boss.id, Role::User).await.unwrap();
    assert_eq!(world.holds(&narrow, SEE).await, Some(false));
    assert_eq!(world.holds(&wide, SEND).await, Some(false));
    auth.revoke_api_key(&job, ApiKeysOf::Anybody, keys[1])
        .await
        .unwrap();
    assert_eq!(world.holds(&wide, SEE).await, None);
}
