//! Months of a trail in files, for whoever has to keep them longer or elsewhere.

mod adopt;
mod error;
mod file;
mod folder;
mod manifest;
mod month;
mod pruned;
mod range;
mod run;
mod write;

pub use error::ArchiveError;
pub use folder::Archive;
pub(crate) use folder::Archived;
pub use manifest::{ArchiveManifest, ArchiveManifestInvalid};
pub use month::{ArchiveMonth, InvalidMonth};
pub use run::{ARCHIVED, ArchiveOptions, ArchiveOutcome, ArchiveSummary, archive};
