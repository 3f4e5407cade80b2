//! Reports over a tenant's trail.

mod access;
mod cursor;
mod error;
mod events;
mod integrity;
mod kind;
mod page;
mod render;
mod row;
mod running;

pub use access::UserAccess;
pub use cursor::{InvalidCursor, ReportCursor};
pub use error::ReportError;
pub use events::{ConfigurationChange, DataExport, FailedSignIn, KeyOperation, PrivilegedAccess};
pub use integrity::Integrity;
pub use kind::{InvalidRange, ReportKind, ReportRange};
pub use page::ReportPage;
pub use render::ReportRows;
pub use row::ReportRow;
pub use running::{REPORTED, ReportFormat, ReportOptions, ReportSummary, RunningReport, report};
