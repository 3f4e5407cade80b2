//! The numbers that a process gives to the events it records, and its word for which of them are there.

mod counting;
mod read_back;
mod spans;
mod tenant_count;
mod watched;
mod worker;

pub(crate) use counting::{Counting, Ticket};
pub use worker::{AuditRound, AuditWorker};
