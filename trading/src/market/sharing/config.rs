//! What a market is shared by.

use std::fmt;
use std::time::Duration;

use platform_core::bus::{Bus, Topic};
use platform_core::lease::{Campaign, Holder, InvalidTtl, LeaseName, Leases, Term, Ttl};
use platform_core::resilience::{BreakerConfig, Policy, PolicyConfig, RetryConfig};

/// How several instances share one market: which of them publishes is decided by a lease, and the others hear it over a bus.
///
/// The lease is the database's, so that there is one leader at a time whatever becomes of the bus, and who lost it is not believed any
/// more: a frame carries the leader's fencing token. The bus may lose anything at any time; instances that hear nothing show their last
/// quotes, which grow stale.
#[derive(Clone)]
pub struct SharedMarket {
    pub(super) bus: Bus,
    pub(super) leases: Leases,
    holder: Holder,
    term: Term,
    pub(super) source: Policy,
    pub(super) topic: Topic,
    pub(super) whole_every: Duration,
}

impl SharedMarket {
    /// A market whose frames go over `bus`. `holder` names this instance to operators. `source` stands before what this instance hears
    /// while another one leads; make it of [`SharedMarket::source_policy`].
    ///
    /// A leader that dies is followed by another within the length of its lease, four seconds, and half a second.
    pub fn new(bus: &Bus, leases: &Leases, holder: Holder, source: Policy) -> Self {
        let ttl = Ttl::new(Duration::from_secs(4)).expect("four seconds are between 100 ms and an hour");
        Self {
            bus: bus.clone(),
            leases: leases.clone(),
            holder,
            term: Term::lasting(ttl),
            source,
            topic: Topic::public("trading.quotes").expect("a name of letters"),
            whole_every: Duration::from_secs(2),
        }
    }

    /// The same with a lease of another length, at least 100 ms.
    ///
    /// # Errors
    /// [`InvalidTtl`].
    pub fn lease_lasting(self, lasts: Duration) -> Result<Self, InvalidTtl> {
        Ok(Self {
            term: Term::lasting(Ttl::new(lasts)?),
            ..self
        })
    }

    /// The same with another time between two frames that hold every quote: two seconds unless it is told. They are what an instance
    /// that has missed something waits for.
    #[must_use]
    pub fn whole_frame_every(self, interval: Duration) -> Self {
        Self {
            whole_every: interval.max(Duration::from_millis(10)),
            ..self
        }
    }

    /// The limits before what an instance hears: a frame is waited for five seconds, after which all quotes are stale; where of at least
    /// ten waits half were in vain, what is heard is left out for thirty seconds, and then three frames have to be sound.
    ///
    /// Waits are counted over a minute, because ten of five seconds have no room in less.
    pub fn source_policy() -> PolicyConfig {
        let deadline = Duration::from_secs(5);
        PolicyConfig {
            timeout: deadline,
            try_timeout: deadline,
            breaker: BreakerConfig {
                window: Duration::from_secs(60),
                failure_percent: 50,
                calls_min: 10,
                open_for: Duration::from_secs(30),
                probes: 3,
            },
            retry: RetryConfig {
                tries_max: 1,
                ..RetryConfig::default()
            },
            ..PolicyConfig::default()
        }
    }

    /// Somebody who waits for the lease asks for it often: nothing is quoted until somebody has it.
    pub(super) fn campaign(&self) -> Campaign {
        let name = LeaseName::platform("trading.market").expect("a name of letters");
        Campaign::new(name, self.holder.clone(), self.term).retry_after(self.term.ttl().as_duration() / 8)
    }
}

impl fmt::Debug for SharedMarket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedMarket")
            .field("bus", &self.bus)
            .field("holder", &self.holder)
            .field("term", &self.term)
            .field("whole_every", &self.whole_every)
            .finish_non_exhaustive()
    }
}
