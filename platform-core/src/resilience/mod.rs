//! How a service calls what it depends on: never for too long, never too many at once, not while it is down, and again only where that
//! is safe.
//!
//! A [`Policy`] stands before one dependency. A call passes, in this order,
//!
//! 1. the **deadline**: that of the request or the policy's own, whichever is sooner; nothing is begun or waited for after it;
//! 2. the **bulkhead**: so many calls at once, a bounded number waits for a bounded time, and the rest is refused;
//! 3. the **breaker**: while too many calls fail, none is made for a while; then a few are, to see;
//! 4. **retries**, of calls that the caller calls idempotent and of failures that pass, with full jitter and out of a budget, so that a
//!    dependency that is down is not asked the more for it.
//!
//! ```
//! use platform_core::metrics::Metrics;
//! use platform_core::resilience::{Fault, FaultKind, Policies, PolicyConfig, PolicyError};
//! use platform_core::{RequestContext, Sources, TenantId};
//!
//! #[derive(Debug, thiserror::Error)]
//! #[error("the carrier answered {0}")]
//! struct Answered(u16);
//!
//! impl Fault for Answered {
//!     fn kind(&self) -> FaultKind {
//!         match self.0 {
//!             503 | 504 => FaultKind::Transient,
//!             400..500 => FaultKind::Callers,
//!             _ => FaultKind::Lasting,
//!         }
//!     }
//! }
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let (sources, metrics) = (Sources::system(), Metrics::new());
//! let policies = Policies::new(&sources, &metrics);
//! let carrier = policies.policy("carrier", PolicyConfig::default())?;
//! let ctx = RequestContext::system(TenantId::generate(&sources), "track parcels", &sources);
//!
//! let mut answers = [Err(Answered(503)), Ok("on its way")].into_iter();
//! let place = carrier
//!     .idempotent(&ctx, || std::future::ready(answers.next().unwrap_or(Err(Answered(404)))))
//!     .await?;
//!
//! assert_eq!(place, "on its way");
//! assert!(metrics.encode().contains("circuit_breaker_state{name=\"carrier\"} 0"));
//! # Ok(()) }
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(example()).unwrap();
//! ```
//!
//! An open breaker makes a service degraded, not dead: [`Policy::state`] belongs into a soft check of readiness, never into liveness.

mod breaker;
mod budget;
mod bulkhead;
mod circuit;
mod config;
mod error;
mod fault;
#[cfg(feature = "http")]
mod http;
mod metrics;
mod policy;
mod window;

pub use breaker::BreakerState;
pub use config::{BreakerConfig, BulkheadConfig, InvalidPolicy, PolicyConfig, RetryConfig};
pub use error::PolicyError;
pub use fault::{Fault, FaultKind};
pub use policy::{Policies, Policy};
