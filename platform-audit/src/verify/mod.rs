//! Checking a whole trail, or the end of one, in one pass and in constant memory.

mod export;
mod finding;
mod head;
mod position;
mod ranges;
mod settle;
mod verifier;

pub use export::verify_entries;
pub use finding::{FINDINGS_MAX, Finding, Report};
pub use head::HeadRefused;
pub use position::Position;
pub use verifier::{Verifier, WINDOW};
