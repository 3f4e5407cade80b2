//! The service, with a tenant of its own for each sequence.

use platform_auth::{AuthConfig, AuthzError, GrantId, NewGrant, Role, RoleRef};
use platform_core::{Clock as _, PrincipalId, RequestContext, RequestMeta, Timestamp};
use serde_json::json;

use crate::step::{Outcome, Step, USERS};
use crate::support::{Answer, App, Call, Place, credentials};
use crate::world::{SEE, new_role, to_user};

/// Two that are as good as one another, to change from one to the other and back.
const PASSWORDS: [&str; 2] = [crate::support::PASSWORD, "another correct horse"];

pub(crate) struct Service<'a> {
    app: &'a App,
    place: Place,
    users: Vec<User>,
    role: RoleRef,
    /// User and token of each.
    sessions: Vec<(usize, String)>,
    grants: Vec<GrantId>,
}

struct User {
    id: PrincipalId,
    email: String,
    password: usize,
}

pub(crate) fn config() -> AuthConfig {
    let mut config = crate::world::config();
    config.throttle.account.burst = 10_000;
    config
}

impl<'a> Service<'a> {
    pub(crate) async fn new(app: &'a App) -> Self {
        let place = app.place().await;
        let mut users = Vec::new();
        for at in 0..USERS {
            let email = format!("user{at}@example.com");
            let made = app
                .auth
                .ensure_user(place.id, &email, PASSWORDS[0].into(), Role::User);
            users.push(User {
                id: made.await.unwrap().id(),
                email,
                password: 0,
            });
        }
        let job = app.test.context(place.id);
        let role = app
            .auth
            .create_role(&job, new_role("Seer", &[SEE]))
            .await
            .unwrap();
        Self {
            app,
            place,
            users,
            role: RoleRef::Custom(role.id),
            sessions: Vec::new(),
            grants: Vec::new(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.app.clock.now()
    }

    pub(crate) async fn take(&mut self, step: &Step) -> Outcome {
        match *step {
            Step::SignIn { user } => self.signs_in(user, None).await,
            Step::Disable { user } => self.set_status(user, "disabled").await,
            Step::Enable { user } => self.set_status(user, "active").await,
            Step::Grant { user, after, lasting } => {
                let from = self.now() + after;
                let new = NewGrant {
                    valid_from: Some(from),
                    valid_until: lasting.map(|lasting| from + lasting),
                    ..to_user(self.users[user].id, self.role)
                };
                match self.app.auth.grant_role(&self.job(), new).await {
                    Ok(grant) => self.grants.push(grant.id),
                    Err(AuthzError::PrincipalDisabled) => return Outcome::Refused,
                    Err(error) => panic!("{error}"),
                }
                Outcome::Done
            }
            Step::Revoke { grant } => match self.grants.len() {
                0 => Outcome::Nothing,
                count => {
                    let grant = self.grants[grant % count];
                    self.app.auth.revoke_grant(&self.job(), grant).await.unwrap();
                    Outcome::Done
                }
            },
            Step::Advance { by } => {
                self.app.clock.advance(by);
                Outcome::Done
            }
            Step::SignInAgain { session }
            | Step::SignOut { session }
            | Step::Use { session }
            | Step::ChangePassword { session } => match session.checked_rem(self.sessions.len()) {
                Some(at) => self.in_session(step, at).await,
                None => Outcome::Nothing,
            },
        }
    }

    async fn in_session(&mut self, step: &Step, at: usize) -> Outcome {
        let (user, token) = self.sessions[at].clone();
        match step {
            Step::SignInAgain { .. } => self.signs_in(user, Some(token)).await,
            Step::SignOut { .. } => {
                let call = Call::post("/api/v1/auth/logout").bearer(&token);
                outcome(&self.app.send(call).await)
            }
            Step::ChangePassword { .. } => {
                let (old, new) = (self.users[user].password, 1 - self.users[user].password);
                let body = json!({ "old_password": PASSWORDS[old], "new_password": PASSWORDS[new] });
                let answer = self.app.post_as(&token, "password", &body).await;
                if outcome(&answer) == Outcome::Done {
                    self.users[user].password = new;
                    self.sessions.push((user, answer.token()));
                }
                outcome(&answer)
            }
            _ => {
                let meta = RequestMeta::internal(self.app.test.sources());
                match self.app.auth.authenticate_token(&token, &meta).await {
                    Ok(ctx) => self.known(&ctx),
                    Err(_) => Outcome::Refused,
                }
            }
        }
    }

    fn known(&self, ctx: &RequestContext) -> Outcome {
        let id = ctx.principal().id();
        Outcome::Known {
            user: self.users.iter().position(|user| Some(user.id) == id).unwrap(),
            may: ctx.require(SEE).is_ok(),
        }
    }

    async fn signs_in(&mut self, user: usize, within: Option<String>) -> Outcome {
        let User { email, password, .. } = &self.users[user];
        let body = credentials(email, PASSWORDS[*password]);
        let call = Call::post("/api/v1/auth/login").json(&body);
        let call = match within {
            Some(token) => call.bearer(&token),
            None => call.at(&self.place),
        };
        let answer = self.app.send(call).await;
        if outcome(&answer) == Outcome::Done {
            self.sessions.push((user, answer.token()));
        }
        outcome(&answer)
    }

    /// There is no operation for this; it is done as an operator would.
    async fn set_status(&self, user: usize, status: &str) -> Outcome {
        let id = self.users[user].id;
        let sql = format!("update platform_auth.subject set status = '{status}' where id = '{id}'");
        self.app.by_hand("platform_auth.subject", sql).await;
        Outcome::Done
    }

    fn job(&self) -> RequestContext {
        self.app.test.context(self.place.id)
    }
}

/// What an answer says; one that says something else is a failure of the test.
fn outcome(answer: &Answer) -> Outcome {
    match answer.status.as_u16() {
        200 | 204 => Outcome::Done,
        401 => Outcome::Refused,
        _ => panic!("{}", answer.text),
    }
}
