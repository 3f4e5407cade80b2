//! What the trail has about a person: giving it out, and what stands against erasing it.

mod about;
mod erase;
mod error;
mod export;
mod obstacle;
mod opened;
mod seqs;

pub use erase::{ERASURE_REFUSED, EraseSubjectError};
pub use error::SubjectExportError;
pub use export::{SUBJECT_EXPORT_FINISHED, SUBJECT_EXPORTED, SubjectExport};
pub(crate) use obstacle::obstacle;
pub use obstacle::{ErasureBasis, ErasureRefused};
pub use seqs::SUBJECT_EVENTS_MAX;
