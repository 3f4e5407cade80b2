//! Taking the trail, or a part of it, out of the platform.

mod audited;
mod begin;
mod chosen;
mod encoder;
mod entries;
mod error;
mod lines;
mod manifest;
mod ocsf;
mod pages;
mod request;
mod running;
mod store;
mod table;
mod totals;

pub use audited::{EXPORT_FINISHED, EXPORTED};
#[cfg(feature = "keys")]
pub(crate) use begin::check_signed;
pub(crate) use begin::range_below;
pub(crate) use begin::without_deadline;
pub(crate) use entries::{entries_of, visibility_of};
pub use error::ExportError;
pub use lines::EXPORT_FORMAT;
pub(crate) use lines::{Head, Line, Why};
pub(crate) use manifest::sign_manifest;
pub use manifest::{MANIFEST_FORMAT, StoredManifest};
pub use ocsf::{OCSF_VERSION, ocsf_event};
pub(crate) use pages::{Place, checkpoints, places};
pub use request::{Export, ExportFormat, Selection};
pub use running::RunningExport;
#[cfg(feature = "keys")]
pub(crate) use store::store as store_manifest;
pub(crate) use table::csv_row;
pub(crate) use totals::Totals;

platform_core::id_type! {
    /// Names an export.
    pub struct ExportId;
}
