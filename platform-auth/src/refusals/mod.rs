//! Recording who was refused, without letting whoever asks in vain fill the trail.

mod ledger;
#[cfg(feature = "http")]
mod watch;

use std::time::Duration;

use platform_audit::Event;
use platform_core::{RequestContext, error_chain};

pub(crate) use self::ledger::{Ledger, Who};

use crate::auth::Inner;
use crate::trail::{self, Asked};
use crate::{Auth, Fault, ThrottleLimit};

/// How many refusals are recorded one by one. Past that they are counted, and the count stands in the next event.
///
/// They are counted in this process, so several instances record as many times more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusalConfig {
    /// For each caller who has signed in: 20 at once, then one a minute.
    pub caller: ThrottleLimit,
    /// For all those of a tenant together whom nobody knows, such as who fails to sign in under an address that no user has: 300 at
    /// once, then one a second.
    pub strangers: ThrottleLimit,
    /// How many callers are remembered: 16,384. Past that, those who come new count as strangers.
    pub entries_max: usize,
}

impl Default for RefusalConfig {
    fn default() -> Self {
        Self {
            caller: ThrottleLimit {
                burst: 20,
                recovery: Duration::from_secs(60),
            },
            strangers: ThrottleLimit {
                burst: 300,
                recovery: Duration::from_secs(1),
            },
            entries_max: 16_384,
        }
    }
}

impl Auth {
    /// Records refusals that were counted and that no event has told of for `age`; in how many events. Call it now and then, and
    /// with no age at the end of the process. The runtime module does.
    ///
    /// # Errors
    /// [`Fault`]: what could not be recorded is still counted.
    pub async fn record_counted_refusals(&self, age: Duration) -> Result<usize, Fault> {
        let inner = &*self.inner;
        let now = inner.sources.now();
        let mut left = inner.refusals.take_left(now - age, now).into_iter();
        let mut recorded = 0;
        while let Some(some) = left.next() {
            let ctx = RequestContext::system(some.who.tenant, "count refusals", &inner.sources);
            let event = trail::uncounted(some.who.caller, some.uncounted, some.since);
            if let Err(error) = inner.audit.record_refusal(&inner.db, &ctx, event).await {
                for some in std::iter::once(some).chain(left) {
                    inner.refusals.put_back(some, now);
                }
                return Err(error.into());
            }
            recorded += 1;
        }
        Ok(recorded)
    }

    /// Records that a caller was refused. What cannot be recorded is logged and counted.
    pub(crate) async fn record_refused(&self, ctx: &RequestContext, code: &'static str, asked: Asked) {
        let who = Who {
            tenant: ctx.tenant(),
            caller: ctx.principal().id(),
        };
        let refused = |more| trail::refused(&asked, code, more);
        if let Err(error) = self.inner.record_refusal(ctx, who, refused).await {
            tracing::error!(
                error = error_chain(&error),
                "a refusal could not be recorded, it is counted"
            );
        }
    }
}

impl Inner {
    /// Records that somebody was refused, or counts it where too many were. `event` is told how many were only counted before.
    pub(crate) async fn record_refusal(
        &self,
        ctx: &RequestContext,
        who: Who,
        event: impl FnOnce(u64) -> Event,
    ) -> Result<(), Fault> {
        match self.refusals.admit(who, self.sources.now()) {
            Some(more) => self.record_admitted(ctx, who, (event(more), more)).await,
            None => Ok(()),
        }
    }

    /// Records a refusal that the ledger has admitted, with how many its event tells of beside it.
    pub(crate) async fn record_admitted(
        &self,
        ctx: &RequestContext,
        who: Who,
        (event, more): (Event, u64),
    ) -> Result<(), Fault> {
        match self.audit.record_refusal(&self.db, ctx, event).await {
            Ok(_) => Ok(()),
            Err(error) => {
                self.refusals.give_back(who, more);
                Err(error.into())
            }
        }
    }
}
