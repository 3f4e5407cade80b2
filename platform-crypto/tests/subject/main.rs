//! Keys of data subjects, erasure, legal holds and blind indexes.

#![expect(clippy::unwrap_used, reason = "tests")]

mod blind_index;
mod crash;
mod erasure;
mod failing;
mod file_store;
mod holds;
mod index_rotation;
mod normalizers;
mod puncturable;
mod restore;
mod subjects;
mod support;
