//! Recording events.

mod draft;
mod existing;
mod in_tx;
mod insert;
mod log;
#[cfg(feature = "http")]
mod metrics;
mod refusal;
mod unaudited;

pub(crate) use draft::Draft;
pub(crate) use log::Counters;
pub use log::{AuditCounts, AuditError, AuditLog, TRACKED_TENANTS_MAX};
