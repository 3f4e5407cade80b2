//! Decisions against a reference that looks at every holding, one by one.

#![expect(clippy::unwrap_used, reason = "tests")]

mod decisions;
mod limits;
mod proofs;
