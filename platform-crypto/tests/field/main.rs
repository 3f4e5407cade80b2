//! Sealing and opening, through the public surface.

#![expect(clippy::unwrap_used, reason = "tests")]

mod binding;
mod budget;
mod columns;
mod compiles;
mod confidential;
mod corpus;
mod encoding;
mod keys;
mod nonces;
#[cfg(feature = "pg")]
mod pg;
mod python;
mod rfc;
mod support;
mod wycheproof;
