//! What a superuser of the database can do to a trail, and what its verification says of it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod acknowledged;
mod columns;
mod live;
mod nameless;
mod rows;
mod scenes;
mod since;
mod sizes;
mod support;
mod tree;
mod untouched;
