//! Sealing the values of tables anew, so that an old key can be destroyed.

mod classify;
mod failure;
mod job;
mod page;
mod plan;
mod progress;
mod retag;
mod run;
mod sealing;
mod step;
mod uses;

pub use failure::{FailureReason, ResealFailure};
pub use progress::{ResealProgress, ResealState};
pub use run::{Pacing, ResealStep, Resealed};
pub(crate) use uses::table_that_uses;
