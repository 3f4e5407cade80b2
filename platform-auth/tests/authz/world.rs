//! A tenant with an admin, and users who are given things.

use std::time::Duration;

use platform_auth::{
    AuthConfig, AuthzError, CustomRole, Grant, GrantPrincipal, Group, GroupId, Member, Membership, NewGrant,
    NewRole, Role, RoleRef,
};
use platform_core::{
    OwnedResource, Permission, PermissionInfo, PrincipalId, RequestContext, RequestMeta, Resource, Timestamp,
};

use crate::support::{App, PASSWORD, Place};

pub(crate) const SEE: Permission = Permission::new("parcels:see");
pub(crate) const OPEN: Permission = Permission::new("parcels:open");
pub(crate) const SEND: Permission = Permission::new("parcels:send");
pub(crate) const EVERYBODYS: Permission = Permission::new("parcels:everybodys");

pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) place: Place,
    pub(crate) admin: Person,
}

/// Somebody who has signed in.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: PrincipalId,
    pub(crate) token: String,
}

/// A service with parcels, which an admin may do everything with.
pub(crate) fn config() -> AuthConfig {
    [SEE, OPEN, SEND]
        .into_iter()
        .fold(AuthConfig::default(), |config, permission| {
            config
                .grant(Role::Admin, permission)
                .permission(PermissionInfo::assignable(permission, "Handle parcels"))
        })
        .permission(PermissionInfo::platform_only(
            EVERYBODYS,
            "See parcels of all tenants",
        ))
        .grant(Role::Admin, EVERYBODYS)
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::on(App::with(config()).await).await
    }

    pub(crate) async fn on(app: App) -> Self {
        let place = app.place().await;
        let admin = person(&app, &place, "admin@example.com", Role::Admin).await;
        Self { app, place, admin }
    }

    /// A tenant in which nobody is in the built-in role of admins.
    pub(crate) async fn without_admin() -> Self {
        let world = Self::new().await;
        let place = world.app.place().await;
        Self { place, ..world }
    }

    /// A user with nothing but the built-in role.
    pub(crate) async fn user(&self, name: &str) -> Person {
        let email = format!("{name}@example.com");
        person(&self.app, &self.place, &email, Role::User).await
    }

    /// What somebody's next request is answered under.
    pub(crate) async fn ctx(&self, who: &Person) -> RequestContext {
        context(&self.app, who).await
    }

    pub(crate) async fn admin(&self) -> RequestContext {
        self.ctx(&self.admin).await
    }

    /// A job of the service, which may give everything away.
    pub(crate) fn job(&self) -> RequestContext {
        self.app.test.context(self.place.id)
    }

    pub(crate) async fn role(&self, name: &str, permissions: &[Permission]) -> CustomRole {
        let role = self
            .app
            .auth
            .create_role(&self.job(), new_role(name, permissions))
            .await;
        role.unwrap()
    }

    pub(crate) async fn group(&self, name: &str) -> Group {
        self.app.auth.create_group(&self.job(), name).await.unwrap()
    }

    pub(crate) async fn grant(&self, new: NewGrant) -> Grant {
        self.app.auth.grant_role(&self.job(), new).await.unwrap()
    }

    pub(crate) async fn put(&self, member: Member, group: GroupId) -> Result<Membership, AuthzError> {
        self.app.auth.add_member(&self.job(), group, member).await
    }

    /// So many seconds after the beginning of the test.
    pub(crate) fn at(&self, second: i64) -> Timestamp {
        start() + time::Duration::seconds(second)
    }

    pub(crate) fn set_clock(&self, second: i64) {
        self.app.clock.set(self.at(second));
    }
}

/// When the clock of a test stands still.
fn start() -> Timestamp {
    time::macros::datetime!(2026-01-02 03:04:05 UTC)
}

pub(crate) async fn context(app: &App, who: &Person) -> RequestContext {
    let meta = RequestMeta::internal(app.test.sources());
    app.auth.authenticate_token(&who.token, &meta).await.unwrap()
}

async fn person(app: &App, place: &Place, email: &str, role: Role) -> Person {
    let made = app.auth.ensure_user(place.id, email, PASSWORD.into(), role).await;
    Person {
        id: made.unwrap().id(),
        token: app.sign_in(place, email, PASSWORD).await.token(),
    }
}

pub(crate) fn new_role(name: &str, permissions: &[Permission]) -> NewRole {
    NewRole {
        name: name.to_owned(),
        permissions: names(permissions),
    }
}

pub(crate) fn names(permissions: &[Permission]) -> Vec<String> {
    permissions
        .iter()
        .map(|permission| permission.name().to_owned())
        .collect()
}

/// A grant to a user in the whole tenant, without an end.
pub(crate) fn to_user(user: PrincipalId, role: RoleRef) -> NewGrant {
    to(GrantPrincipal::User(user), role)
}

pub(crate) fn to(principal: GrantPrincipal, role: RoleRef) -> NewGrant {
    NewGrant {
        principal,
        role,
        on: None,
        valid_from: None,
        valid_until: None,
        reason: None,
    }
}

pub(crate) fn on(id: &str) -> Option<OwnedResource> {
    Some(OwnedResource {
        kind: "depot".into(),
        id: id.into(),
    })
}

pub(crate) fn depot(id: &str) -> Resource<'_> {
    Resource::new("depot", id).unwrap()
}

pub(crate) const TICK: Duration = Duration::from_millis(1);
