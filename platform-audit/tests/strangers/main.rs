//! Checkpoints, proofs and tiles, checked by programs that others have written, and theirs by ours.
//!
//! `signed_note` and `tlog_tiles` are the crates of a Certificate Transparency log; `pymerkle` is a Python package.

#![expect(clippy::unwrap_used, reason = "tests")]

mod notes;
mod pymerkle;
mod support;
mod tiles;
mod trees;
