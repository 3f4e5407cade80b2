//! The tree, the notes, the entries and the verifier, by their public surface alone.

#![expect(clippy::unwrap_used, reason = "tests")]

mod acknowledged;
mod any_entry;
mod bundles;
mod checkpoints;
mod consistency;
mod entries;
mod export_file;
mod exports;
mod garbage;
mod hostile;
mod inclusion;
mod json;
mod keys;
mod malformed_exports;
mod manifests;
mod moving;
mod notes;
mod producers;
mod python;
mod roots;
mod signed_exports;
mod support;
mod tampering;
mod tiles;
mod trail;
mod trails;
