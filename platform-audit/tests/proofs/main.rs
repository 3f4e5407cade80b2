//! The tree, the notes, the entries and the verifier, by their public surface alone.

#![expect(clippy::unwrap_used, reason = "tests")]

mod any_entry;
mod bundles;
mod checkpoints;
mod consistency;
mod entries;
mod garbage;
mod inclusion;
mod json;
mod keys;
mod moving;
mod notes;
mod python;
mod roots;
mod support;
mod tampering;
mod tiles;
mod trail;
mod trails;
