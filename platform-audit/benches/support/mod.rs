//! What the benchmarks share: a database, events, the processor's time, and how figures are printed.
//!
//! The database is found as the tests find theirs: that of `TEST_DATABASE_URL`, a superuser's URL, or else the tests' own server in
//! memory, which waits for no disk. Look at both: where commits wait for a disk, what a statement costs hides behind it.
#![allow(dead_code, unused_imports, reason = "each benchmark uses a part of it")]

mod measure;
mod trail;
mod without;

pub(crate) use measure::{Cost, Usage, load, low, median, micros, setting, spent};
pub(crate) use trail::{Place, context, event};
pub(crate) use without::{UNCHECKED, WITHOUT_INDEXES};
