//! The reference: lists, and a look through all of them each time.

use std::time::Duration;

use crate::course::{DEPOTS, Event, SESSIONS_MAX, USERS};

const IDLE: Duration = Duration::from_secs(30 * 60);
const ABSOLUTE: Duration = Duration::from_secs(12 * 60 * 60);
const TOUCHED_EVERY: Duration = Duration::from_secs(60);

/// What a session may do: open everywhere, and in each depot. `None` when it is refused.
pub(crate) type Seen = Vec<Option<(bool, [bool; DEPOTS.len()])>>;

pub(crate) struct Reference {
    now: Duration,
    active: [bool; USERS],
    sessions: Vec<Session>,
    grants: Vec<Grant>,
}

struct Session {
    user: usize,
    begun: Duration,
    last_seen: Duration,
    ended: bool,
}

struct Grant {
    to: usize,
    on: Option<usize>,
    from: Duration,
    until: Duration,
    revoked: bool,
}

impl Reference {
    pub(crate) fn new() -> Self {
        Self {
            now: Duration::ZERO,
            active: [true; USERS],
            sessions: Vec::new(),
            grants: Vec::new(),
        }
    }

    pub(crate) fn follow(&mut self, event: &Event) {
        match *event {
            Event::SignIn(user) => self.begin(user),
            Event::SignInAgain(session) => {
                let Some(at) = self.session(session) else { return };
                if self.is_live(&self.sessions[at]) && self.sessions.len() < SESSIONS_MAX {
                    self.begin(self.sessions[at].user);
                    self.sessions[at].ended = true;
                }
            }
            Event::SignOut(session) => {
                if let Some(at) = self.session(session)
                    && self.is_live(&self.sessions[at])
                {
                    self.sessions[at].ended = true;
                }
            }
            Event::End { by, which } => {
                if let (Some(by), Some(at)) = (self.session(by), self.session(which))
                    && self.is_live(&self.sessions[by])
                    && self.sessions[by].user == self.sessions[at].user
                {
                    self.sessions[at].ended = true;
                }
            }
            Event::EndOthers(session) => {
                if let Some(kept) = self.session(session)
                    && self.is_live(&self.sessions[kept])
                {
                    let user = self.sessions[kept].user;
                    let all = self.sessions.iter_mut().enumerate();
                    let others = all.filter(|(at, session)| *at != kept && session.user == user);
                    others.for_each(|(_, session)| session.ended = true);
                }
            }
            Event::Grant { to, on, from, until } => {
                if self.active[to] {
                    self.grants.push(Grant {
                        to,
                        on,
                        from: from.map_or(Duration::ZERO, |from| self.now + Duration::from_secs(from)),
                        until: until.map_or(Duration::MAX, |until| self.now + Duration::from_secs(until)),
                        revoked: false,
                    });
                }
            }
            Event::Revoke(grant) => {
                if let Some(at) = grant.checked_rem(self.grants.len()) {
                    self.grants[at].revoked = true;
                }
            }
            Event::Disable(user) => {
                self.active[user] = false;
                let theirs = self.sessions.iter_mut().filter(|session| session.user == user);
                theirs.for_each(|session| session.ended = true);
            }
            Event::Enable(user) => self.active[user] = true,
            Event::Wait(time) => self.now += time,
        }
    }

    /// Every session is used once.
    pub(crate) fn look(&mut self) -> Seen {
        let now = self.now;
        let live: Vec<bool> = self
            .sessions
            .iter()
            .map(|session| self.is_live(session))
            .collect();
        let mut seen = Vec::new();
        for (session, live) in self.sessions.iter_mut().zip(live) {
            if live && session.last_seen + TOUCHED_EVERY <= now {
                session.last_seen = now;
            }
            let opens = |on: Option<usize>| {
                self.grants.iter().any(|grant| {
                    grant.to == session.user
                        && !grant.revoked
                        && grant.from <= now
                        && now < grant.until
                        && (grant.on.is_none() || grant.on == on)
                })
            };
            seen.push(live.then(|| (opens(None), std::array::from_fn(|depot| opens(Some(depot))))));
        }
        seen
    }

    fn begin(&mut self, user: usize) {
        if self.active[user] && self.sessions.len() < SESSIONS_MAX {
            self.sessions.push(Session {
                user,
                begun: self.now,
                last_seen: self.now,
                ended: false,
            });
        }
    }

    fn session(&self, number: usize) -> Option<usize> {
        number.checked_rem(self.sessions.len())
    }

    fn is_live(&self, session: &Session) -> bool {
        !session.ended
            && self.active[session.user]
            && self.now < session.last_seen + IDLE
            && self.now < session.begun + ABSOLUTE
    }
}
