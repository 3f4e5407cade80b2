//! The audit trail of the running server: what it proves, to whom, and what it does when somebody tampers with it.

mod archive;
mod bad_input;
mod crash;
mod metrics;
mod operator;
mod proof;
mod report;
mod restore;
mod support;
