//! A report on its way.

use std::fmt;
use std::str::FromStr;

use platform_core::RequestContext;
use platform_core::pg::Db;
use platform_core::time::format_description::well_known::Rfc3339;
use serde_json::{Value, json};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use super::render::{ReportRows, csv_header, csv_line, page_of};
use super::{Integrity, ReportError, ReportKind, ReportPage, ReportRange};
use crate::export::without_deadline;
use crate::{Action, Activity, AuditLog, Event, LogKey, Outcome, Reader, UnknownWord};

/// A report was read.
pub const REPORTED: Action = Action::new("audit.report");

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReportFormat {
    /// JSON Lines: an object for each row.
    #[default]
    Json,
    /// A table for spreadsheets, with a line of names.
    Csv,
}

/// Which report, over which time and in which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportOptions {
    /// Which.
    pub kind: ReportKind,
    /// Over which time; `None` for that of the integrity alone.
    pub range: Option<ReportRange>,
    /// In which form.
    pub format: ReportFormat,
    /// For whose eyes.
    pub reader: Reader,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportSummary {
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Writes a whole report. That it is read is recorded in the trail ([`REPORTED`]) before the first row.
///
/// ```no_run
/// use platform_audit::{AuditLog, LogKey, Reader, ReportError, ReportFormat, ReportKind, ReportOptions, ReportRange, report};
/// use platform_core::RequestContext;
/// use platform_core::pg::Db;
///
/// async fn sign_ins(
///     db: &Db, audit: &AuditLog, key: &LogKey, ctx: &RequestContext, range: ReportRange, file: &mut Vec<u8>,
/// ) -> Result<(), ReportError> {
///     let options = ReportOptions {
///         kind: ReportKind::FailedSignIns,
///         range: Some(range),
///         format: ReportFormat::Csv,
///         reader: Reader::Tenant,
///     };
///     let summary = report(db, audit, key, ctx, &options, file).await?;
///     tracing::info!(rows = summary.rows, "wrote a report");
///     Ok(())
/// }
/// ```
///
/// # Errors
/// [`ReportError`].
pub async fn report(
    db: &Db,
    log: &AuditLog,
    key: &LogKey,
    ctx: &RequestContext,
    options: &ReportOptions,
    out: &mut (impl AsyncWrite + Unpin),
) -> Result<ReportSummary, ReportError> {
    let mut running = log.report(db, key, ctx, *options).await?;
    let mut summary = ReportSummary::default();
    while let Some(chunk) = running.next().await? {
        out.write_all(&chunk).await?;
        let bytes = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        summary.bytes = summary.bytes.saturating_add(bytes);
    }
    out.flush().await?;
    summary.rows = running.rows;
    Ok(summary)
}

/// A report on its way: ask for one chunk after the other. It holds no connection between chunks, and one page of rows in memory. The
/// deadline of the request that asks for it is that of its beginning alone.
pub struct RunningReport {
    log: AuditLog,
    db: Db,
    key: LogKey,
    ctx: RequestContext,
    options: ReportOptions,
    stage: Stage,
    rows: u64,
    findings: Option<u64>,
}

enum Stage {
    Head,
    Page(ReportPage),
    Integrity,
    Over,
}

impl AuditLog {
    /// Begins a report over the tenant's trail, and records that it is read.
    ///
    /// # Errors
    /// [`ReportError`]: nothing is given out.
    pub async fn report(
        &self,
        db: &Db,
        key: &LogKey,
        ctx: &RequestContext,
        options: ReportOptions,
    ) -> Result<RunningReport, ReportError> {
        self.record_report(db, ctx, &options).await?;
        Ok(RunningReport {
            log: self.clone(),
            db: db.clone(),
            key: key.clone(),
            ctx: without_deadline(ctx),
            options,
            stage: Stage::Head,
            rows: 0,
            findings: None,
        })
    }

    /// One page of a report, its rows as JSON objects. The first page is recorded.
    ///
    /// # Errors
    /// [`ReportError`].
    pub async fn report_rows(
        &self,
        db: &Db,
        key: &LogKey,
        ctx: &RequestContext,
        options: &ReportOptions,
        page: &ReportPage,
    ) -> Result<ReportRows, ReportError> {
        if page.after.is_none() {
            self.record_report(db, ctx, options).await?;
        }
        let Some(range) = options.range else {
            let row = Integrity::of(db, self, key, ctx).await?;
            return Ok(ReportRows {
                rows: vec![serde_json::to_value(row)?],
                next: None,
            });
        };
        let mut read = db.read(ctx).await?;
        let which = (options.kind, options.reader);
        let rows = page_of(self, &mut read, which, range, page).await?;
        read.finish().await?;
        Ok(rows)
    }

    async fn record_report(
        &self,
        db: &Db,
        ctx: &RequestContext,
        options: &ReportOptions,
    ) -> Result<(), ReportError> {
        if options.range.is_none() != (options.kind == ReportKind::Integrity) {
            return Err(ReportError::NoRange);
        }
        let time = |at: platform_core::Timestamp| at.to_utc().format(&Rfc3339).ok();
        let detail = json!({
            "from": options.range.and_then(|range| time(range.from())),
            "to": options.range.and_then(|range| time(range.to())),
            "format": options.format.as_str(),
            "platform": options.reader == Reader::Platform,
        });
        let event = Event::new(REPORTED, Outcome::Success)
            .activity(Activity::Read)
            .target("audit_report", options.kind.as_str())
            .detail(detail);
        self.record_alone(db, ctx, event).await?;
        Ok(())
    }
}

impl RunningReport {
    /// The next bytes; `None` when there are no more.
    ///
    /// # Errors
    /// [`ReportError`]: it will not come to its end. Every further call gives `None`.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, ReportError> {
        loop {
            match self.step().await? {
                Some(chunk) if chunk.is_empty() => {}
                chunk => return Ok(chunk),
            }
        }
    }

    /// The same, and no bytes where a page has no rows.
    pub(crate) async fn step(&mut self) -> Result<Option<Vec<u8>>, ReportError> {
        let chunk = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Head => self.head()?,
            Stage::Page(page) => self.page(page).await?,
            Stage::Integrity => {
                let row = Integrity::of(&self.db, &self.log, &self.key, &self.ctx).await?;
                self.findings = Some(row.findings);
                self.written(&[serde_json::to_value(row)?])?
            }
            Stage::Over => return Ok(None),
        };
        Ok(Some(chunk))
    }

    /// How many things are wrong with the trail, once the report on its integrity was read; `None` before, and of every other report.
    pub const fn findings(&self) -> Option<u64> {
        self.findings
    }

    fn head(&mut self) -> Result<Vec<u8>, ReportError> {
        self.stage = match self.options.range {
            Some(_) => Stage::Page(ReportPage::first(ReportPage::LIMIT_MAX)),
            None => Stage::Integrity,
        };
        match self.options.format {
            ReportFormat::Json => Ok(Vec::new()),
            ReportFormat::Csv => csv_header(self.options.kind),
        }
    }

    async fn page(&mut self, page: ReportPage) -> Result<Vec<u8>, ReportError> {
        let range = self.options.range.ok_or(ReportError::NoRange)?;
        let which = (self.options.kind, self.options.reader);
        let mut read = self.db.read(&self.ctx).await?;
        let found = page_of(&self.log, &mut read, which, range, &page).await?;
        read.finish().await?;
        if let Some(next) = found.next {
            self.stage = Stage::Page(ReportPage {
                after: Some(next),
                ..page
            });
        }
        self.written(&found.rows)
    }

    fn written(&mut self, rows: &[Value]) -> Result<Vec<u8>, ReportError> {
        let mut chunk = Vec::new();
        for row in rows {
            match self.options.format {
                ReportFormat::Json => {
                    serde_json::to_writer(&mut chunk, row)?;
                    chunk.push(b'\n');
                }
                ReportFormat::Csv => chunk.extend(csv_line(self.options.kind, row)?),
            }
            self.rows = self.rows.saturating_add(1);
        }
        Ok(chunk)
    }
}

impl fmt::Debug for RunningReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningReport")
            .field("options", &self.options)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

impl ReportFormat {
    /// The word for it: `json` or `csv`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }
}

impl FromStr for ReportFormat {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        [Self::Json, Self::Csv]
            .into_iter()
            .find(|format| format.as_str() == word)
            .ok_or(UnknownWord {
                kind: "report format",
            })
    }
}
