//! Leases.

mod cuts;
mod fence;
mod guard;
mod leader;
mod liars;
mod suite;
mod support;
