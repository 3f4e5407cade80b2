//! The audit trail through a real database.

#![expect(clippy::unwrap_used, reason = "tests")]

mod bounds;
mod insert_only;
mod recording;
mod support;
