//! The model: what sessions and grants are, with nothing of how they are kept.

use std::time::Duration;

use platform_core::Timestamp;

use crate::step::{Outcome, Step, USERS};

const IDLE: Duration = Duration::from_secs(30 * 60);
const ABSOLUTE: Duration = Duration::from_secs(12 * 60 * 60);
const TOUCHED: Duration = Duration::from_secs(60);

pub(crate) struct Reference {
    now: Timestamp,
    idle: Duration,
    active: [bool; USERS],
    sessions: Vec<Session>,
    grants: Vec<Grant>,
}

struct Session {
    user: usize,
    began: Timestamp,
    /// Written down once a minute.
    seen: Timestamp,
    ended: bool,
}

struct Grant {
    user: usize,
    from: Timestamp,
    until: Option<Timestamp>,
    revoked: bool,
}

impl Reference {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            now,
            idle: IDLE,
            active: [true; USERS],
            sessions: Vec::new(),
            grants: Vec::new(),
        }
    }

    pub(crate) fn forgets_idle_sessions_end(&mut self) {
        self.idle = ABSOLUTE;
    }

    pub(crate) fn sessions(&self) -> usize {
        self.sessions.len()
    }

    pub(crate) fn take(&mut self, step: &Step) -> Outcome {
        match *step {
            Step::SignIn { user } => self.signs_in(user),
            Step::SignInAgain { session } => self.with(session, |model, at| {
                let outcome = model.signs_in(model.sessions[at].user);
                model.sessions[at].ended = true;
                outcome
            }),
            Step::SignOut { session } => self.with(session, |model, at| {
                model.sessions[at].ended = true;
                Outcome::Done
            }),
            Step::Use { session } => self.with(session, |model, at| {
                let user = model.sessions[at].user;
                Outcome::Known {
                    user,
                    may: model.grants.iter().any(|grant| grant.holds(user, model.now)),
                }
            }),
            Step::ChangePassword { session } => self.with(session, |model, at| {
                let user = model.sessions[at].user;
                for session in model.sessions.iter_mut().filter(|session| session.user == user) {
                    session.ended = true;
                }
                model.signs_in(user)
            }),
            Step::Disable { user } => self.set_active(user, false),
            Step::Enable { user } => self.set_active(user, true),
            Step::Grant { user, .. } if !self.active[user] => Outcome::Refused,
            Step::Grant { user, after, lasting } => {
                let from = self.now + after;
                let until = lasting.map(|lasting| from + lasting);
                self.grants.push(Grant {
                    user,
                    from,
                    until,
                    revoked: false,
                });
                Outcome::Done
            }
            Step::Revoke { grant } => match self.grants.len() {
                0 => Outcome::Nothing,
                count => {
                    self.grants[grant % count].revoked = true;
                    Outcome::Done
                }
            },
            Step::Advance { by } => {
                self.now += by;
                Outcome::Done
            }
        }
    }

    fn set_active(&mut self, user: usize, active: bool) -> Outcome {
        self.active[user] = active;
        Outcome::Done
    }

    fn signs_in(&mut self, user: usize) -> Outcome {
        if !self.active[user] {
            return Outcome::Refused;
        }
        let (began, seen) = (self.now, self.now);
        self.sessions.push(Session {
            user,
            began,
            seen,
            ended: false,
        });
        Outcome::Done
    }

    /// Does something in a session, if somebody is let in with it.
    fn with(&mut self, session: usize, then: impl FnOnce(&mut Self, usize) -> Outcome) -> Outcome {
        let Some(at) = session.checked_rem(self.sessions.len()) else {
            return Outcome::Nothing;
        };
        let (now, idle) = (self.now, self.idle);
        let session = &mut self.sessions[at];
        let is_live = !session.ended && now < session.seen + idle && now < session.began + ABSOLUTE;
        if !is_live || !self.active[session.user] {
            return Outcome::Refused;
        }
        if session.seen + TOUCHED <= now {
            session.seen = now;
        }
        then(self, at)
    }
}

impl Grant {
    fn holds(&self, user: usize, now: Timestamp) -> bool {
        let is_now = self.from <= now && self.until.is_none_or(|until| now < until);
        self.user == user && is_now && !self.revoked
    }
}
