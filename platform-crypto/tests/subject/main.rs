//! Keys of data subjects, erasure, legal holds and blind indexes.

#![expect(clippy::unwrap_used, reason = "tests")]

mod file_store;
mod puncturable;
