//! Reading a report page by page.

use platform_core::pg::{DbError, TenantRead};

use super::{ReportCursor, ReportRange, ReportRow};
use crate::{AuditLog, Reader};

/// Which part of a report to read: the rows after `after`, at most `limit` of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportPage {
    /// Where the page before it ended; `None` for the first.
    pub after: Option<ReportCursor>,
    /// How many rows; 1,000 at most are given.
    pub limit: u32,
}

impl ReportPage {
    /// The most rows that one page has.
    pub const LIMIT_MAX: u32 = 1_000;

    /// The first page.
    pub const fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }
}

impl AuditLog {
    /// A page of the report whose rows are of this type.
    ///
    /// ```no_run
    /// use platform_audit::{AuditLog, FailedSignIn, Reader, ReportPage, ReportRange};
    /// use platform_core::RequestContext;
    /// use platform_core::pg::{Db, DbError};
    ///
    /// async fn failed(db: &Db, audit: &AuditLog, ctx: &RequestContext, today: ReportRange) -> Result<usize, DbError> {
    ///     let mut read = db.read(ctx).await?;
    ///     let rows: Vec<FailedSignIn> =
    ///         audit.report_page(&mut read, Reader::Tenant, today, &ReportPage::first(1_000)).await?;
    ///     read.finish().await?;
    ///     Ok(rows.len())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`DbError`] as the database gives it.
    pub async fn report_page<R: ReportRow>(
        &self,
        read: &mut TenantRead,
        reader: Reader,
        range: ReportRange,
        page: &ReportPage,
    ) -> Result<Vec<R>, DbError> {
        let after = page.after.as_ref();
        let rows = sqlx::query_as(R::SQL)
            .bind(read.tenant())
            .bind(range.from)
            .bind(range.to)
            .bind(reader == Reader::Platform)
            .bind(after.map(|after| after.id))
            .bind(i64::from(page.limit.clamp(1, ReportPage::LIMIT_MAX)));
        // Planned for this range, so that only its months are looked at.
        let rows = match R::KIND {
            super::ReportKind::AccessByUser => rows
                .bind(after.and_then(|after| after.actor_kind.clone()))
                .bind(after.and_then(|after| after.action.clone())),
            _ => rows,
        };
        Ok(rows.persistent(false).fetch_all(&mut *read).await?)
    }
}
