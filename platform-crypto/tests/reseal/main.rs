//! Sealing tables anew while others read and write.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bad_rows;
mod destroying;
mod moving;
mod persons;
mod racing;
mod support;
