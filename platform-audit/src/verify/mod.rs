//! Checking a whole trail, or the end of one, in one pass and in constant memory.

mod claim;
mod entries;
mod feed;
mod file;
mod finding;
mod head;
mod ledger;
mod places;
mod position;
mod ranges;
mod report;
mod resume;
mod row_state;
mod settle;
mod spans;
mod trust;
mod verifier;

pub use entries::verify_entries;
pub use file::{
    EXPORT_LINE_BYTES_MAX, ExportInvalid, ExportManifest, ExportManifestInvalid, verify_export,
    verify_signed_export,
};
pub use finding::Finding;
pub use head::HeadRefused;
pub use position::{Absence, Position};
pub use report::{FINDINGS_MAX, ProducerNumbers, Report};
pub use resume::{MalformedResumePoint, ResumePoint};
pub use trust::Trust;
pub use verifier::{Verifier, WINDOW};

pub(crate) use feed::Feed;
pub(crate) use ranges::TileHash;
pub(crate) use row_state::RowState;
