//! Rows as JSON and as a table.

use std::borrow::Cow;

use platform_core::pg::TenantRead;
use serde_json::Value;

use super::{
    ConfigurationChange, DataExport, FailedSignIn, KeyOperation, PrivilegedAccess, ReportCursor, ReportError,
    ReportKind, ReportPage, ReportRange, ReportRow, UserAccess,
};
use crate::export::csv_row;
use crate::{AuditLog, Reader};

/// A page of a report, its rows as JSON objects.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportRows {
    /// The rows, each with every column of the report.
    pub rows: Vec<Value>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<ReportCursor>,
}

/// The columns of a report, in order.
pub(super) const fn columns(kind: ReportKind) -> &'static [&'static str] {
    match kind {
        ReportKind::AccessByUser => UserAccess::COLUMNS,
        ReportKind::PrivilegedAccess => PrivilegedAccess::COLUMNS,
        ReportKind::FailedSignIns => FailedSignIn::COLUMNS,
        ReportKind::ConfigurationChanges => ConfigurationChange::COLUMNS,
        ReportKind::KeyOperations => KeyOperation::COLUMNS,
        ReportKind::Exports => DataExport::COLUMNS,
        ReportKind::Integrity => super::Integrity::COLUMNS,
    }
}

/// A page of whichever report over a range.
pub(super) async fn page_of(
    log: &AuditLog,
    read: &mut TenantRead,
    (kind, reader): (ReportKind, Reader),
    range: ReportRange,
    page: &ReportPage,
) -> Result<ReportRows, ReportError> {
    match kind {
        ReportKind::AccessByUser => rows::<UserAccess>(log, read, reader, range, page).await,
        ReportKind::PrivilegedAccess => rows::<PrivilegedAccess>(log, read, reader, range, page).await,
        ReportKind::FailedSignIns => rows::<FailedSignIn>(log, read, reader, range, page).await,
        ReportKind::ConfigurationChanges => rows::<ConfigurationChange>(log, read, reader, range, page).await,
        ReportKind::KeyOperations => rows::<KeyOperation>(log, read, reader, range, page).await,
        ReportKind::Exports => rows::<DataExport>(log, read, reader, range, page).await,
        ReportKind::Integrity => Err(ReportError::NoRange),
    }
}

async fn rows<R: ReportRow>(
    log: &AuditLog,
    read: &mut TenantRead,
    reader: Reader,
    range: ReportRange,
    page: &ReportPage,
) -> Result<ReportRows, ReportError> {
    let found: Vec<R> = log.report_page(read, reader, range, page).await?;
    let wanted = page.limit.clamp(1, ReportPage::LIMIT_MAX);
    let is_full = u32::try_from(found.len()) == Ok(wanted);
    let next = found.last().filter(|_| is_full).map(ReportRow::cursor);
    let rows = found.iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
    Ok(ReportRows { rows, next })
}

/// The line with the names of the columns.
pub(super) fn csv_header(kind: ReportKind) -> Result<Vec<u8>, ReportError> {
    Ok(csv_row(columns(kind).iter().map(|name| Cow::Borrowed(*name)))?)
}

/// A row as a line of a table: texts as they are, what is absent empty, anything else as JSON.
pub(super) fn csv_line(kind: ReportKind, row: &Value) -> Result<Vec<u8>, ReportError> {
    let cell = |column: &&str| match row.get(column) {
        None | Some(Value::Null) => Cow::Borrowed(""),
        Some(Value::String(text)) => Cow::Borrowed(text.as_str()),
        Some(other) => Cow::Owned(other.to_string()),
    };
    Ok(csv_row(columns(kind).iter().map(cell))?)
}
