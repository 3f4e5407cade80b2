//! A proof that somebody keeps next to an event, and checks without asking anybody.
//!
//! The text is that of C2SP `tlog-proof`, version 1.

mod bundle;
mod event;

pub use bundle::{EXTRA_BYTES_MAX, MalformedProof, PROOF_BYTES_MAX, ProofBundle};
pub use event::{ProofError, Verified, verify_event};
