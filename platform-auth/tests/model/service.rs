//! The service, which has to agree.

use std::time::Duration;

use platform_auth::{
    AuthConfig, Credentials, GrantId, GrantPrincipal, NewGrant, NewRole, Role, RoleId, RoleRef, SessionError,
    SessionId, SignIn,
};
use platform_core::{
    Clock as _, OwnedResource, Permission, PermissionInfo, PrincipalId, RequestContext, RequestMeta,
    Resource, Timestamp,
};

use crate::course::{DEPOTS, Event, SESSIONS_MAX, USERS};
use crate::reference::Seen;
use crate::support::{App, PASSWORD, Place};

const OPEN: Permission = Permission::new("parcels:open");

/// Two instances on one database, whose clocks show the same; each event is followed by one of them, in turn, and looked at there.
pub(crate) struct Service {
    instances: [App; 2],
}

pub(crate) struct Tenant {
    place: Place,
    role: RoleId,
    users: [PrincipalId; USERS],
    active: [bool; USERS],
    sessions: Vec<(usize, SessionId, String)>,
    grants: Vec<GrantId>,
    /// How many have been followed.
    events: usize,
}

impl Service {
    pub(crate) async fn new() -> Self {
        let mut config = AuthConfig::default()
            .grant(Role::Admin, OPEN)
            .permission(PermissionInfo::assignable(OPEN, "Open parcels"));
        config.passwords.parallel_max = std::num::NonZeroUsize::MIN;
        let first = App::with(config.clone()).await;
        let second = App::on(first.test.clone(), config).await;
        Self {
            instances: [first, second],
        }
    }

    /// The one whose turn it is.
    fn app(&self, tenant: &Tenant) -> &App {
        let [first, second] = &self.instances;
        if tenant.events.is_multiple_of(2) {
            first
        } else {
            second
        }
    }

    pub(crate) async fn tenant(&self) -> Tenant {
        let [app, _] = &self.instances;
        let place = app.place().await;
        let auth = &app.auth;
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
        let role = auth.create_role(&app.test.context(place.id), role).await;
        Tenant {
            place,
            role: role.unwrap().id,
            users: users.try_into().unwrap(),
            active: [true; USERS],
            sessions: Vec::new(),
            grants: Vec::new(),
            events: 0,
        }
    }

    pub(crate) async fn follow(&self, tenant: &mut Tenant, event: &Event) {
        tenant.events += 1;
        let app = self.app(tenant);
        let (auth, job) = (&app.auth, app.test.context(tenant.place.id));
        match *event {
            Event::SignIn(user) => {
                let visitor = RequestContext::anonymous(tenant.place.id, self.meta());
                self.sign_in(tenant, user, visitor).await;
            }
            Event::SignInAgain(session) => {
                if let Some((user, _, ctx)) = self.session(tenant, session).await {
                    self.sign_in(tenant, user, ctx).await;
                }
            }
            Event::SignOut(session) => {
                if let Some((.., ctx)) = self.session(tenant, session).await {
                    auth.sign_out(&ctx).await.unwrap();
                }
            }
            Event::End { by, which } => {
                let which = which.checked_rem(tenant.sessions.len());
                if let (Some((user, _, ctx)), Some(at)) = (self.session(tenant, by).await, which) {
                    let (of, id, _) = tenant.sessions[at];
                    match auth.end_session(&ctx, id).await {
                        Ok(()) => assert_eq!(of, user),
                        // Somebody else's, or one that is over.
                        Err(SessionError::NotFound) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                }
            }
            Event::EndOthers(session) => {
                if let Some((.., ctx)) = self.session(tenant, session).await {
                    auth.end_other_sessions(&ctx).await.unwrap();
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
            Event::Wait(time) => {
                for app in &self.instances {
                    app.clock.advance(time);
                }
            }
        }
    }

    /// Uses every session once, and asks what it may do.
    pub(crate) async fn look(&self, tenant: &Tenant) -> Seen {
        let app = self.app(tenant);
        let now = app.clock.now();
        let mut seen = Vec::new();
        for (.., token) in &tenant.sessions {
            let ctx = app.auth.authenticate_token(token, &self.meta()).await;
            seen.push(ctx.ok().map(|ctx| {
                let opens_in = |depot: usize| {
                    let resource = Resource::new("depot", DEPOTS[depot]).unwrap();
                    ctx.may(OPEN, &resource, now)
                };
                (ctx.require(OPEN).is_ok(), std::array::from_fn(opens_in))
            }));
        }
        // What was noted on the side counts from the next look on.
        app.auth.settle_sessions().await;
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
        match self.app(tenant).auth.sign_in(&ctx, credentials).await {
            Ok(SignIn::Complete(signed_in)) => {
                let token = signed_in.token.expose().to_owned();
                tenant.sessions.push((user, signed_in.session, token));
            }
            refused => assert!(!tenant.active[user], "{refused:?}"),
        }
    }

    /// The user and the context of a session that is live. Finding it out is no use of it that the reference does not count: it has been
    /// used at this instant, after the event before.
    async fn session(&self, tenant: &Tenant, number: usize) -> Option<(usize, SessionId, RequestContext)> {
        let at = number.checked_rem(tenant.sessions.len())?;
        let (user, id, token) = &tenant.sessions[at];
        let ctx = self
            .app(tenant)
            .auth
            .authenticate_token(token, &self.meta())
            .await;
        Some((*user, *id, ctx.ok()?))
    }

    fn meta(&self) -> RequestMeta {
        RequestMeta::internal(self.instances[0].test.sources())
    }

    fn later(&self, seconds: u64) -> Timestamp {
        self.instances[0].clock.now() + Duration::from_secs(seconds)
    }
}

fn email(user: usize) -> String {
    format!("user{user}@example.com")
}
