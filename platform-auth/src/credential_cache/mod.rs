//! What was looked up for credentials of late, for as long as it is good: one memory for every kind of them.

mod flight;
mod listen;
mod marks;
mod metrics;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use platform_core::{PrincipalId, TenantId, Timestamp};

use self::flight::{Answer, Enter, Flights, told};
use self::marks::Slot;
use crate::{AuthenticateError, Fault};

pub(crate) use self::listen::announce;
pub(crate) use self::marks::Marks;
pub(crate) use self::metrics::{Counter, LookupMetrics};

/// What nobody has used for so long is forgotten.
const IDLE_MAX: Duration = Duration::from_secs(5 * 60);

/// How much earlier a request may have looked at the clock than the one that asked for what it finds.
const AHEAD_MAX: Duration = Duration::from_millis(100);

/// How often a question of somebody else is waited for, before one of one's own is asked. An answer to the second was asked for later than
/// the request came.
const SHARED_MAX: usize = 2;

/// By what a credential is found: never by its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CredentialKey {
    pub(crate) tenant: TenantId,
    /// SHA-256 of the token.
    pub(crate) hash: [u8; 32],
}

/// What the database says of a credential of some kind.
pub(crate) trait Credential: Send + Sync + 'static {
    /// Whose it is. Whatever changes about them, or about the tenant, makes what is remembered out of date.
    fn owner(&self) -> PrincipalId;

    /// How much memory it takes, in entries of a hundred bytes or so.
    fn weight(&self) -> u32;

    /// May a request go by it without asking, as far as it is young enough?
    fn may_be_kept(&self, now: Timestamp) -> bool;
}

/// What the database says of credentials. Bounded; what has not been used for the longest goes first.
///
/// What was read counts for an age, and then is asked for again with one question, however many requests wait for it. Before that age it
/// counts no more as soon as something is [marked](Marks) about its owner or its tenant. Nothing is kept of tokens that nobody has, so that
/// guessing fills no memory. What cannot be read is no answer: the caller has to refuse.
pub(crate) struct CredentialCache<C> {
    entries: Cache<CredentialKey, Arc<Remembered<C>>>,
    flights: Flights<C>,
    marks: Arc<Marks>,
    age_max: Duration,
    pub(crate) metrics: LookupMetrics,
}

/// A credential as the database had it at an instant.
#[derive(Debug)]
pub(crate) struct Remembered<C> {
    credential: C,
    /// When the question was asked to which this is the answer.
    asked_at: Timestamp,
    turn: u64,
    slots: [Slot; 2],
}

/// Why nothing was found out.
#[derive(Debug)]
pub(crate) enum NotLookedUp<E> {
    /// It could not be read.
    Failed(E),
    /// Another request could not read it, or did not in time.
    ForOthers,
}

impl<C: Credential> CredentialCache<C> {
    /// Keeps as much as weighs `weight_max`, none of it for longer than `age_max`.
    pub(crate) fn new(weight_max: u64, age_max: Duration, marks: &Arc<Marks>) -> Self {
        let weigher = |_: &CredentialKey, known: &Arc<Remembered<C>>| known.weight();
        let entries = Cache::builder()
            .max_capacity(weight_max)
            .time_to_idle(IDLE_MAX)
            .weigher(weigher)
            .build();
        Self {
            entries,
            flights: Flights::default(),
            marks: Arc::clone(marks),
            age_max,
            metrics: LookupMetrics::default(),
        }
    }

    /// Does anything count that is remembered?
    pub(crate) fn remembers(&self) -> bool {
        !self.age_max.is_zero()
    }

    /// What there is for a credential at `now`: from memory where that is young enough and nothing about it has changed, or by one `ask`,
    /// which requests that want to know the same share. It is dropped without being polled where it is not needed.
    pub(crate) async fn get<E>(
        &self,
        key: CredentialKey,
        now: Timestamp,
        ask: impl Future<Output = Result<Option<C>, E>>,
    ) -> Result<Option<Arc<Remembered<C>>>, NotLookedUp<E>> {
        if let Some(known) = self.fresh(&key, now) {
            self.metrics.remembered.inc();
            return Ok(Some(known));
        }
        // Where every request asks, every request asks for itself.
        let shared_max = if self.remembers() { SHARED_MAX } else { 0 };
        for _ in 0..shared_max {
            match self.flights.enter(key) {
                Enter::Lead(lead) => {
                    let (answer, asked) = self.ask(key, now, ask).await;
                    lead.answer(answer);
                    return asked;
                }
                Enter::Follow(flight) => match told(flight).await {
                    Err(_) | Ok(Some(Answer::Failed)) => return Err(NotLookedUp::ForOthers),
                    Ok(Some(answer)) if self.still_holds(&key, &answer) => {
                        self.metrics.shared.inc();
                        return Ok(answer.found());
                    }
                    // Something has changed since it was asked, or whoever asked went away.
                    Ok(_) => {}
                },
            }
        }
        let (_, asked) = self.ask(key, now, ask).await;
        asked
    }

    /// What is remembered of a credential, however old.
    pub(crate) fn last_known(&self, key: &CredentialKey) -> Option<Arc<Remembered<C>>> {
        self.entries.get(key)
    }

    /// Forgets everything: the permissions that there are have changed, and nothing that was compiled is used again.
    #[cfg(feature = "http")]
    pub(crate) fn clear(&self) {
        self.marks.mark_everything();
        self.entries.invalidate_all();
    }

    async fn ask<E>(
        &self,
        key: CredentialKey,
        asked_at: Timestamp,
        ask: impl Future<Output = Result<Option<C>, E>>,
    ) -> (Answer<C>, Result<Option<Arc<Remembered<C>>>, NotLookedUp<E>>) {
        self.metrics.asked.inc();
        // Before the question: whatever changes from now on makes the answer out of date.
        let turn = self.marks.turn();
        let credential = match ask.await {
            Ok(Some(credential)) => credential,
            Ok(None) => {
                self.entries.invalidate(&key);
                return (Answer::Nothing { turn }, Ok(None));
            }
            Err(error) => return (Answer::Failed, Err(NotLookedUp::Failed(error))),
        };
        let slots = [credential.owner().as_uuid(), key.tenant.as_uuid()].map(Slot::of);
        let is_kept = credential.may_be_kept(asked_at);
        let known = Arc::new(Remembered {
            credential,
            asked_at,
            turn,
            slots,
        });
        match is_kept {
            true => self.entries.insert(key, Arc::clone(&known)),
            false => self.entries.invalidate(&key),
        }
        (Answer::Found(Arc::clone(&known)), Ok(Some(known)))
    }

    fn fresh(&self, key: &CredentialKey, now: Timestamp) -> Option<Arc<Remembered<C>>> {
        let known = self.entries.get(key)?;
        // Who asks looked at the clock before who read, perhaps; a clock that was set back makes nothing younger.
        let is_young = known.asked_at <= now + AHEAD_MAX && now - known.asked_at < self.age_max;
        let holds = is_young && self.marks.are_quiet_since(known.turn, known.slots);
        (holds && known.may_be_kept(now)).then_some(known)
    }

    /// Is it still what the database would say, as far as is known?
    fn still_holds(&self, key: &CredentialKey, answer: &Answer<C>) -> bool {
        match answer {
            Answer::Found(known) => self.marks.are_quiet_since(known.turn, known.slots),
            Answer::Nothing { turn } => {
                let tenant = Slot::of(key.tenant.as_uuid());
                self.marks.are_quiet_since(*turn, [tenant, tenant])
            }
            Answer::Failed => false,
        }
    }
}

impl<C> Deref for Remembered<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.credential
    }
}

impl<C> fmt::Debug for CredentialCache<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialCache").finish_non_exhaustive()
    }
}

impl From<NotLookedUp<Fault>> for AuthenticateError {
    fn from(error: NotLookedUp<Fault>) -> Self {
        match error {
            NotLookedUp::Failed(fault) => Self::Fault(fault),
            NotLookedUp::ForOthers => Self::Fault(Fault::Shared),
        }
    }
}
