//! A small service that keeps personal fields sealed.
//!
//! It shows what the sealing of a column takes, and what it gives:
//!
//! 1. Three lines of set-up ([`shop::open_keyring`]), a struct with `#[derive(SealedRow)]`, and a stolen database tells nothing.
//! 2. The tenant's key is rotated, every value is sealed anew and the old key is destroyed, while the service reads and writes.
//! 3. A customer is erased, and stays erased when a backup from before is restored.
//!
//! Run it with `cargo run -p sealing`: [`story::tell`] prints what it does. Its PostgreSQL is one of its own, in a folder that is
//! removed at the end.

pub mod database;
mod load;
pub mod shop;
pub mod story;
