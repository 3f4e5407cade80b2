//! A piece of work that runs in one process of many.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Guard, Holder, Lease, LeaseName, Leases, Term};

/// Which work is to be led, by whom, and how.
#[derive(Debug, Clone)]
pub struct Campaign {
    name: LeaseName,
    holder: Holder,
    term: Term,
    retry: Duration,
    stop_limit: Duration,
}

impl Campaign {
    /// Tries for a lease again and again, after about a third of its length. Work that is told to stop with the process has ten seconds
    /// for it.
    pub fn new(name: LeaseName, holder: Holder, term: Term) -> Self {
        Self {
            name,
            holder,
            term,
            retry: term.ttl().as_duration() / 3,
            stop_limit: Duration::from_secs(10),
        }
    }

    /// The same with another wait between two tries. A half is taken off or added at random, so that many processes do not ask at once.
    #[must_use]
    pub fn retry_after(self, retry: Duration) -> Self {
        Self { retry, ..self }
    }

    /// The same with another limit for work that is told to stop with the process. The lease is kept meanwhile.
    #[must_use]
    pub fn stop_within(self, stop_limit: Duration) -> Self {
        Self { stop_limit, ..self }
    }
}

/// What work under a lease is given.
#[derive(Debug, Clone)]
pub struct Leadership {
    lease: Lease,
    stop: CancellationToken,
}

impl Leadership {
    /// The lease, for proving it in every transaction.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Cancelled when the work has to end: the lease is lost, or the process stops.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}

/// Why work ended.
enum End<E> {
    Done(Result<(), E>),
    Lost,
    Stopped,
}

impl Leases {
    /// Runs `work` in this process whenever it gets the lease, until `stop` is cancelled or the work is done.
    ///
    /// Where the lease is lost, the work is told to stop and waited for, and dropped when it has not ended within the margin of its
    /// [`Term`]: the lease is over then. Afterwards the lease is tried for again. Work that returns `Ok` without having been told to stop
    /// is done for good in this process; an error ends the campaign and is handed on. Either way the lease is given back.
    ///
    /// The work runs inside the returned future: whoever drops that drops the work, and the lease ends by itself. In a
    /// [`Worker`](crate::runtime::Worker), which starts it again after an error, it is one call:
    ///
    /// ```no_run
    /// # #[cfg(feature = "runtime")]
    /// # fn example(leases: platform_core::lease::Leases, campaign: platform_core::lease::Campaign) {
    /// use platform_core::runtime::Worker;
    ///
    /// let close_months = Worker::new("billing.close-months", move |stop| {
    ///     let (leases, campaign) = (leases.clone(), campaign.clone());
    ///     async move {
    ///         let led = leases.lead(&campaign, &stop, |leadership| async move {
    ///             while !leadership.stop().is_cancelled() {
    ///                 // … one transaction after another, each with `fence_in(&mut tx, leadership.lease())` …
    /// #               break;
    ///             }
    ///             Ok::<(), std::io::Error>(())
    ///         });
    ///         Ok(led.await?)
    ///     }
    /// });
    /// # drop(close_months);
    /// # }
    /// ```
    ///
    /// # Errors
    /// The error of the work. A backend that is away is waited for.
    pub async fn lead<F, Fut, E>(
        &self,
        campaign: &Campaign,
        stop: &CancellationToken,
        work: F,
    ) -> Result<(), E>
    where
        F: Fn(Leadership) -> Fut,
        Fut: Future<Output = Result<(), E>>,
    {
        while !stop.is_cancelled() {
            let Some(lease) = self.candidate(campaign).await else {
                stop.run_until_cancelled(sleep(self.pause(campaign))).await;
                continue;
            };
            let name = &campaign.name;
            tracing::info!(lease.name = %name, lease.token = %lease.token, "leading {name}");
            let guard = Guard::keep(self, lease, campaign.term);
            let end = Box::pin(serve(campaign, &guard, stop, &work)).await;
            // After its own length it is over by itself.
            match timeout(campaign.term.ttl().as_duration(), guard.step_down()).await {
                Ok(Ok(())) => tracing::info!(lease.name = %name, "no longer leading {name}"),
                Ok(Err(error)) => tracing::warn!(
                    lease.name = %name, error = crate::error_chain(&error),
                    "the lease {name} could not be given back"
                ),
                Err(_) => tracing::warn!(lease.name = %name, "giving the lease {name} back took too long"),
            }
            match end {
                End::Done(result) => return result,
                End::Stopped => return Ok(()),
                End::Lost => {}
            }
        }
        Ok(())
    }

    /// The lease, if this process gets it now.
    async fn candidate(&self, campaign: &Campaign) -> Option<Lease> {
        let name = &campaign.name;
        let ttl = campaign.term.ttl();
        // A lease that took longer to get than it lasts is of no use.
        let asked = timeout(ttl.as_duration(), self.try_acquire(name, ttl, &campaign.holder));
        match asked.await {
            Ok(Ok(lease)) => lease,
            Ok(Err(error)) => {
                tracing::warn!(lease.name = %name, error = crate::error_chain(&error), "the lease {name} cannot be asked for");
                None
            }
            Err(_) => {
                tracing::warn!(lease.name = %name, "asking for the lease {name} took too long");
                None
            }
        }
    }

    /// Half of the wait to one and a half of it.
    fn pause(&self, campaign: &Campaign) -> Duration {
        let half = campaign.retry / 2;
        let spread_us = u64::try_from(campaign.retry.as_micros()).unwrap_or(u64::MAX);
        let extra_us = u64::from_le_bytes(self.sources.bytes()) % spread_us.saturating_add(1).max(1);
        half + Duration::from_micros(extra_us)
    }
}

/// Runs the work until it ends, or until it has had its time for stopping.
async fn serve<F, Fut, E>(campaign: &Campaign, guard: &Guard, stop: &CancellationToken, work: &F) -> End<E>
where
    F: Fn(Leadership) -> Fut,
    Fut: Future<Output = Result<(), E>>,
{
    let leadership = Leadership {
        lease: guard.lease().clone(),
        stop: CancellationToken::new(),
    };
    let told = leadership.stop.clone();
    let mut working = Box::pin(work(leadership));
    let (reason, limit) = tokio::select! {
        done = &mut working => return End::Done(done),
        () = guard.lost().cancelled() => (End::Lost, campaign.term.margin()),
        () = stop.cancelled() => (End::Stopped, campaign.stop_limit),
    };
    told.cancel();
    let ended = tokio::select! {
        ended = timeout(limit, &mut working) => ended,
        // The process stops and loses its lease on top of that.
        () = guard.lost().cancelled(), if matches!(reason, End::Stopped) => {
            timeout(campaign.term.margin(), &mut working).await
        }
    };
    let name = &campaign.name;
    match ended {
        Ok(Ok(())) => reason,
        Ok(Err(error)) => End::Done(Err(error)),
        Err(_) => {
            tracing::warn!(lease.name = %name, "work under the lease {name} did not stop in time and was dropped");
            reason
        }
    }
}
