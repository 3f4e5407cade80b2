//! Sessions: what is stored of them, what is remembered of them, and how they end.

mod cache;
mod error;
mod find;
mod list;
mod metrics;
mod proof;
mod proved;
mod step_up;
mod stored;
mod touch;
mod trail;

pub(crate) use self::cache::Sessions;
pub(crate) use self::proof::Proof;
pub(crate) use self::proved::{cap, proved};
pub(crate) use self::stored::{EndReason, NewSession, end_all, hold_credential, open, proof_of};

pub use self::error::SessionError;
pub use self::list::SessionInfo;
pub use self::step_up::StepUp;
