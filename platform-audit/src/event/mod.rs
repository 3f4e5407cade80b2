//! What an event says, and the bounds it keeps.

mod action;
mod build;
mod check;
mod retention;
mod target;
mod words;

pub use action::{ACTION_VERSION_MAX, Action};
pub use build::Event;
pub(crate) use check::{CheckedJson, check, fits};
pub use check::{DETAIL_BYTES_MAX, InvalidEvent, TARGETS_MAX};
pub use retention::{InvalidRetention, Retention};
pub use target::Target;
pub use words::{Activity, Outcome, Severity, UnknownWord, Visibility};
