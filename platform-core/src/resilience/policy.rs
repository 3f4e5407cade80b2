//! A policy: one dependency, and how it is called.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, timeout_at};

use super::budget::Budget;
use super::bulkhead::{Bulkhead, NoRoom};
use super::circuit::Circuit;
use super::metrics::PolicyMetrics;
use super::{BreakerState, Fault, FaultKind, InvalidPolicy, PolicyConfig, PolicyError, RetryConfig};
use crate::metrics::Metrics;
use crate::{RequestContext, Sources};

/// Makes the policies of a service and registers what is counted of them. Make one, and a policy of it for each dependency.
#[derive(Clone)]
pub struct Policies {
    sources: Sources,
    metrics: PolicyMetrics,
    names: Arc<Mutex<HashSet<&'static str>>>,
}

impl Policies {
    /// No policies yet. Registers `circuit_breaker_state`, `dependency_retries_total` and `dependency_refusals_total`.
    pub fn new(sources: &Sources, metrics: &Metrics) -> Self {
        Self {
            sources: sources.clone(),
            metrics: PolicyMetrics::register(metrics),
            names: Arc::default(),
        }
    }

    /// The policy of a dependency. The name labels its metrics; it is given once.
    ///
    /// # Errors
    /// [`InvalidPolicy`] names a limit that cannot be, or says that the name is taken.
    pub fn policy(&self, name: &'static str, config: PolicyConfig) -> Result<Policy, InvalidPolicy> {
        config.check()?;
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if !names.insert(name) {
            return Err(InvalidPolicy {
                limit: "the name",
                must: "of one policy only",
            });
        }
        Ok(Policy(Arc::new(Inner {
            name,
            bulkhead: Bulkhead::new(config.bulkhead),
            circuit: Circuit::new(name, config.breaker, self.metrics.state(name)),
            budget: Budget::new(config.retry),
            config,
            sources: self.sources.clone(),
            metrics: self.metrics.clone(),
        })))
    }
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Policies")
    }
}

/// How one dependency is called; see the [module](super). Cheap to clone, and clones share their limits.
#[derive(Clone)]
pub struct Policy(Arc<Inner>);

struct Inner {
    name: &'static str,
    config: PolicyConfig,
    bulkhead: Bulkhead,
    circuit: Circuit,
    budget: Budget,
    sources: Sources,
    metrics: PolicyMetrics,
}

impl Policy {
    /// Makes a call once. For calls that must not happen twice.
    ///
    /// Dropping the future drops the call.
    ///
    /// # Errors
    /// [`PolicyError`], by what the caller can do about it.
    pub async fn once<T, E, F, Fut>(&self, ctx: &RequestContext, call: F) -> Result<T, PolicyError<E>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: Fault,
    {
        let deadline = self.deadline(ctx);
        let _room = self.enter(deadline).await?;
        self.attempt(deadline, call).await
    }

    /// Makes a call once that belongs to no request, such as a worker's: the policy's own limit is its deadline.
    ///
    /// # Errors
    /// As [`once`](Self::once).
    pub async fn in_background<T, E, F, Fut>(&self, call: F) -> Result<T, PolicyError<E>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: Fault,
    {
        let deadline = Instant::now() + self.0.config.timeout;
        let _room = self.enter(deadline).await?;
        self.attempt(deadline, call).await
    }

    /// Makes a call that may happen several times as if it had happened once, and makes it again when it fails in a way that passes: at
    /// most as often as configured, no later than the deadline, and only out of the budget that calls have earned.
    ///
    /// # Errors
    /// [`PolicyError`]; of several tries that of the last.
    pub async fn idempotent<T, E, F, Fut>(
        &self,
        ctx: &RequestContext,
        mut call: F,
    ) -> Result<T, PolicyError<E>>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: Fault,
    {
        let deadline = self.deadline(ctx);
        let _room = self.enter(deadline).await?;
        self.0.budget.earn();
        let mut tries = 1;
        loop {
            let failure = match self.attempt(deadline, &mut call).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let wait = self.0.config.retry.wait(tries, &self.0.sources);
            let is_in_time = Instant::now() + wait < deadline;
            let may_retry = tries < self.0.config.retry.tries_max && is_in_time && passes(&failure);
            if !may_retry || !self.0.budget.spend() {
                return Err(failure);
            }
            sleep(wait).await;
            tries += 1;
            self.0.metrics.retried(self.0.name);
        }
    }

    /// The policy's name.
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// What the breaker is at.
    pub fn state(&self) -> BreakerState {
        self.0.circuit.state()
    }

    /// When everything has to be done.
    fn deadline(&self, ctx: &RequestContext) -> Instant {
        let limit = self.0.config.timeout;
        let left = ctx.meta().deadline.map_or(limit, |deadline| {
            Duration::try_from(deadline - self.0.sources.now()).unwrap_or(Duration::ZERO)
        });
        Instant::now() + left.min(limit)
    }

    async fn enter<E>(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, PolicyError<E>> {
        if Instant::now() >= deadline {
            return Err(self.deadline_exceeded());
        }
        match self.0.bulkhead.enter(deadline).await {
            Ok(room) => Ok(room),
            Err(NoRoom::DeadlineExceeded) => Err(self.deadline_exceeded()),
            Err(NoRoom::Full) => {
                self.0.metrics.refused(self.0.name, "full");
                Err(PolicyError::Full {
                    dependency: self.0.name,
                })
            }
        }
    }

    /// One try, if the breaker lets it through.
    async fn attempt<T, E, F, Fut>(&self, deadline: Instant, call: F) -> Result<T, PolicyError<E>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: Fault,
    {
        let dependency = self.0.name;
        let passage = self.0.circuit.admit().map_err(|refused| {
            self.0.metrics.refused(dependency, "open");
            PolicyError::Open {
                dependency,
                retry_after: refused.retry_after,
            }
        })?;
        let begun = Instant::now();
        let try_timeout = self.0.config.try_timeout;
        match timeout_at(deadline.min(begun + try_timeout), call()).await {
            Ok(Ok(answer)) => {
                passage.answered(None);
                Ok(answer)
            }
            Ok(Err(source)) => {
                passage.answered(Some(source.kind()));
                Err(PolicyError::Failed { dependency, source })
            }
            Err(_) => {
                // A request that had next to no time left says nothing of the dependency.
                if begun.elapsed() * 10 >= try_timeout {
                    passage.answered(Some(FaultKind::Transient));
                }
                Err(self.deadline_exceeded())
            }
        }
    }

    fn deadline_exceeded<E>(&self) -> PolicyError<E> {
        self.0.metrics.refused(self.0.name, "deadline");
        PolicyError::DeadlineExceeded {
            dependency: self.0.name,
        }
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("name", &self.0.name)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// Does the failure pass, so that another try may succeed?
fn passes<E: Fault>(failure: &PolicyError<E>) -> bool {
    match failure {
        PolicyError::Failed { source, .. } => source.kind() == FaultKind::Transient,
        // One try that was too slow.
        PolicyError::DeadlineExceeded { .. } => true,
        PolicyError::Full { .. } | PolicyError::Open { .. } => false,
    }
}

impl RetryConfig {
    /// What is waited after so many tries: anything up to a bound that doubles, so that callers who failed together do not come back
    /// together.
    fn wait(&self, tries: u32, sources: &Sources) -> Duration {
        let doublings = tries.saturating_sub(1).min(31);
        let longest = self.first_wait.saturating_mul(1 << doublings).min(self.wait_max);
        let longest_us = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(u64::from_le_bytes(sources.bytes()) % longest_us.saturating_add(1).max(1))
    }
}
