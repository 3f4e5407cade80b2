//! The audit trail through a real database.

#![expect(clippy::unwrap_used, reason = "tests")]

mod appends;
mod attesting;
mod bounds;
mod catalogue;
mod changes;
mod columns;
mod forgotten;
mod idempotence;
mod insert_only;
#[cfg(feature = "keys")]
mod keys;
mod log_key;
mod months;
mod protected;
mod recording;
mod refusals;
mod restored;
#[cfg(feature = "keys")]
mod sealed_changes;
mod sealing;
mod self_check;
mod spool;
mod spool_crash;
mod stored_json;
mod stored_rows;
mod support;
mod upgrade;
mod work_list;
