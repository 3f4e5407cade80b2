//! The service, which has to agree.

use std::time::Duration;

use platform_auth::{
    AuthConfig, Credentials, GrantId, GrantPrincipal, NewGrant, NewRole, Role, RoleId, RoleRef, SignIn,
};
use platform_core::{
    Clock as _, OwnedResource, Permission, PermissionInfo, PrincipalId, RequestContext, RequestMeta,
    Resource, Timestamp,
};

use crate::course::{DEPOTS, Event, SESSIONS_MAX, USERS};
use crate::reference::Seen;
use crate::support::{App, PASSWORD, Place};

const OPEN: Permission = Permission::new("parcels:open");

/// Two instances on one database and one clock; each event is followed by one of them, in turn.
pub(crate) struct Service {
    app: App,
}

pub(crate) struct Tenant {
    place: Place,
    role: RoleId,
    users: [PrincipalId; USERS],
    active: [bool; USERS],
    sessions: Vec<(usize, String)>,
    grants: Vec<GrantId>,
}

impl Service {
    pub(crate) async fn new() -> Self {
        let mut config = AuthConfig::default()
            .grant(Role::Admin, OPEN)
            .permission(PermissionInfo::assignable(OPEN, "Open parcels"));
        config.passwords.parallel_max = std::num::NonZeroUsize::MIN;
        Self {
            app: App::with(config).await,
        }
    }

    pub(crate) async fn tenant(&self) -> Tenant {
        let place = self.app.place().await;
        let auth = &self.app.auth;
        // Somebody who stays: the last admin cannot be disabled.
        let admin = auth.ensure_user(place.id, "admin@example.com", PASSWORD.into(), Role::Admin);
        admin.await.unwrap();
        let mut users = Vec::new();
        for user in 0..USERS {
            let email = email(user);
            let made = auth.ensure_user(place.id, &email, PASSWORD.into(), Role::User);
            users.push(made.await.unwrap().id());
        }
        let role = NewRole {
            name: "Opener".to_owned(),
            permissions: vec![OPEN.name().to_owned()],
        };
        let role = auth.create_role(&self.app.test.context(place.id), role).await;
        Tenant {
            place,
            role: role.unwrap().id,
            users: users.try_into().unwrap(),
            active: [true; USERS],
            sessions: Vec::new(),
            grants: Vec::new(),
        }
    }

    pub(crate) async fn follow(&self, tenant: &mut Tenant, event: &Event) {
        let job = self.app.test.context(tenant.place.id);
        let auth = &self.app.auth;
        match *event {
            Event::SignIn(user) => {
                let visitor = RequestContext::anonymous(tenant.place.id, self.meta());
                self.sign_in(tenant, user, visitor).await;
            }
            Event::SignInAgain(session) => {
                if let Some((user, ctx)) = self.session(tenant, session).await {
                    self.sign_in(tenant, user, ctx).await;
                }
            }
            Event::SignOut(session) => {
                if let Some((_, ctx)) = self.session(tenant, session).await {
                    auth.sign_out(&ctx).await.unwrap();
                }
            }
            Event::Grant { to, on, from, until } => {
                let new = NewGrant {
                    principal: GrantPrincipal::User(tenant.users[to]),
                    role: RoleRef::Custom(tenant.role),
                    on: on.map(|depot| OwnedResource {
                        kind: "depot".into(),
                        id: DEPOTS[depot].into(),
                    }),
                    valid_from: from.map(|from| self.later(from)),
                    valid_until: until.map(|until| self.later(until)),
                    reason: None,
                };
                let granted = auth.grant_role(&job, new).await;
                assert_eq!(granted.is_ok(), tenant.active[to], "{granted:?}");
                tenant.grants.extend(granted.map(|grant| grant.id));
            }
            Event::Revoke(grant) => {
                if let Some(at) = grant.checked_rem(tenant.grants.len()) {
                    auth.revoke_grant(&job, tenant.grants[at]).await.unwrap();
                }
            }
            Event::Disable(user) => {
                auth.disable_user(&job, tenant.users[user]).await.unwrap();
                tenant.active[user] = false;
            }
            Event::Enable(user) => {
                auth.enable_user(&job, tenant.users[user]).await.unwrap();
                tenant.active[user] = true;
            }
            Event::Wait(time) => self.app.clock.advance(time),
        }
    }

    /// Uses every session once, and asks what it may do.
    pub(crate) async fn look(&self, tenant: &Tenant) -> Seen {
        let now = self.app.clock.now();
        let mut seen = Vec::new();
        for (_, token) in &tenant.sessions {
            let ctx = self.app.auth.authenticate_token(token, &self.meta()).await;
            seen.push(ctx.ok().map(|ctx| {
                let opens_in = |depot: usize| {
                    let resource = Resource::new("depot", DEPOTS[depot]).unwrap();
                    ctx.may(OPEN, &resource, now)
                };
                (ctx.require(OPEN).is_ok(), std::array::from_fn(opens_in))
            }));
        }
        // What was noted on the side counts from the next look on.
        self.app.auth.settle_sessions().await;
        seen
    }

    async fn sign_in(&self, tenant: &mut Tenant, user: usize, ctx: RequestContext) {
        if tenant.sessions.len() >= SESSIONS_MAX {
            return;
        }
        let credentials = Credentials {
            email: email(user),
            password: PASSWORD.into(),
        };
        match self.app.auth.sign_in(&ctx, credentials).await {
            Ok(SignIn::Complete(signed_in)) => {
                tenant.sessions.push((user, signed_in.token.expose().to_owned()));
            }
            refused => assert!(!tenant.active[user], "{refused:?}"),
        }
    }

    /// The user and the context of a session that is live. Finding it out is no use of it that the reference does not count: it has been
    /// used at this instant, after the event before.
    async fn session(&self, tenant: &Tenant, number: usize) -> Option<(usize, RequestContext)> {
        let at = number.checked_rem(tenant.sessions.len())?;
        let (user, token) = &tenant.sessions[at];
        let ctx = self.app.auth.authenticate_token(token, &self.meta()).await.ok()?;
        Some((*user, ctx))
    }

    fn meta(&self) -> RequestMeta {
        RequestMeta::internal(self.app.test.sources())
    }

    fn later(&self, seconds: u64) -> Timestamp {
        self.app.clock.now() + Duration::from_secs(seconds)
    }
}

fn email(user: usize) -> String {
    format!("user{user}@example.com")
}
