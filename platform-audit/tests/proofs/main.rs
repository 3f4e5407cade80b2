//! The tree, the notes, the entries and the verifier, by their public surface alone.

mod bundles;
mod checkpoints;
mod consistency;
mod entries;
mod garbage;
mod inclusion;
mod json;
mod keys;
mod notes;
mod python;
mod roots;
mod support;
mod tampering;
mod tiles;
mod trails;
