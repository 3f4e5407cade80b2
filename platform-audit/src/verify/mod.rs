//! Checking a whole trail, or the end of one, in one pass and in constant memory.

mod finding;
mod position;
mod ranges;
mod settle;
mod verifier;

pub use finding::{FINDINGS_MAX, Finding, Report};
pub use position::Position;
pub use verifier::{HeadRefused, Verifier, WINDOW, verify_entries};
