//! A lease that is kept while its holder lives.

use std::fmt;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::{FenceToken, Lease, LeaseError, Leases, Renewed, Term};

/// A lease that a task of the guard's own keeps renewing, until it is given back, lost or dropped.
///
/// [`Guard::lost`] is cancelled a margin before the lease would end by this process's monotonic clock, whatever the reason: the backend
/// is away, somebody else has the lease, the process was paused. Work under the lease ends when it is. That alone does not stop a process
/// that is paused between looking and writing: [`fence_in`](super::fence_in) does.
///
/// Dropping it stops the renewals and gives nothing back; the lease ends by itself. [`Guard::step_down`] gives it back at once.
pub struct Guard {
    leases: Leases,
    lease: Lease,
    stops_at: watch::Receiver<Instant>,
    lost: CancellationToken,
    keeper: AbortOnDropHandle<()>,
}

impl Guard {
    /// Keeps a lease from now on. Needs a Tokio runtime.
    ///
    /// ```
    /// use std::time::Duration;
    /// use platform_core::Sources;
    /// use platform_core::lease::{Guard, Holder, LeaseName, Leases, MemoryLeases, Term, Ttl};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let sources = Sources::system();
    /// let leases = Leases::new(MemoryLeases::new(&sources), &sources);
    /// let term = Term::lasting(Ttl::new(Duration::from_secs(15))?);
    /// let name = LeaseName::platform("close-month")?;
    /// let lease = leases.try_acquire(&name, term.ttl(), &Holder::new("me")?).await?.ok_or("it is free")?;
    ///
    /// let guard = Guard::keep(&leases, lease, term);
    /// assert!(guard.is_held());
    /// guard.step_down().await?;
    /// # Ok(()) }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(example()).unwrap();
    /// ```
    pub fn keep(leases: &Leases, lease: Lease, term: Term) -> Self {
        let lost = CancellationToken::new();
        let (tell, stops_at) = watch::channel(lease.valid_until - term.margin());
        let keeper = Keeper {
            leases: leases.clone(),
            lease: lease.clone(),
            term,
            tell,
        };
        // Made outside of the task: it fires also when the task panics, is aborted or never begins.
        let fires = lost.clone().drop_guard();
        let keeper = tokio::spawn(async move {
            let _fires = fires;
            keeper.run().await;
        });
        Self {
            leases: leases.clone(),
            lease,
            stops_at,
            lost,
            keeper: AbortOnDropHandle::new(keeper),
        }
    }

    /// The lease, for proving it. Its end is that of when it was taken.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Which holder this is.
    pub fn token(&self) -> FenceToken {
        self.lease.token
    }

    /// Cancelled when work under the lease has to end.
    pub fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// May work under the lease go on, as far as this process knows? Also right in the first moment after a pause, before the task of the
    /// guard has run.
    pub fn is_held(&self) -> bool {
        !self.lost.is_cancelled() && Instant::now() < *self.stops_at.borrow()
    }

    /// Stops renewing and gives the lease back, so that the next holder need not wait. Whoever works under the lease has to have ended.
    ///
    /// # Errors
    /// [`LeaseError`]; the lease ends by itself then.
    pub async fn step_down(self) -> Result<(), LeaseError> {
        self.keeper.abort();
        self.lost.cancel();
        // A renewal that is under way comes too late: what is over is not renewed.
        self.leases.release(&self.lease).await
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("lease", &self.lease)
            .field("is_held", &self.is_held())
            .finish_non_exhaustive()
    }
}

/// The task of a guard.
struct Keeper {
    leases: Leases,
    lease: Lease,
    term: Term,
    tell: watch::Sender<Instant>,
}

impl Keeper {
    /// Until the lease is lost, or has to be taken for lost.
    async fn run(mut self) {
        let mut wait = self.between();
        loop {
            let stops_at = self.stops_at();
            sleep_until((Instant::now() + wait).min(stops_at)).await;
            let name = &self.lease.name;
            if Instant::now() >= stops_at {
                tracing::warn!(lease.name = %name, "the lease {name} ran out before it could be renewed");
                return;
            }
            let renewal = timeout_at(stops_at, self.leases.renew(&self.lease, self.term.ttl()));
            wait = match renewal.await {
                Ok(Ok(Renewed::Held(lease))) => {
                    self.lease = lease;
                    self.tell.send_replace(self.stops_at());
                    self.between()
                }
                Ok(Ok(Renewed::Lost)) => {
                    tracing::warn!(lease.name = %name, lease.token = %self.lease.token, "the lease {name} is lost");
                    return;
                }
                Ok(Err(error)) => {
                    tracing::warn!(
                        lease.name = %name, error = crate::error_chain(&error),
                        "the lease {name} could not be renewed and is tried again"
                    );
                    self.between() / 4
                }
                Err(_) => {
                    tracing::warn!(lease.name = %name, "the lease {name} ran out while it could not be renewed");
                    return;
                }
            };
        }
    }

    fn stops_at(&self) -> Instant {
        self.lease.valid_until - self.term.margin()
    }

    /// A third of the lease: two renewals may fail for long before it is lost.
    fn between(&self) -> Duration {
        self.term.ttl().as_duration() / 3
    }
}
