//! Archiving months.

use std::path::PathBuf;
use std::time::Duration;

use platform_core::pg::{Db, DbError};
use platform_core::{RequestContext, TenantId};
use serde_json::json;

use super::file::{Lock, write_new};
use super::folder::{MANIFEST, blocking, read_note};
use super::range::{self, MonthRange};
use super::write::Job;
use super::{Archive, ArchiveError, ArchiveManifest, ArchiveMonth};
use crate::{Action, Activity, AuditLog, Event, LogKey, Outcome, RETENTION, Severity, Visibility};

/// A month of the trail began to be archived.
pub const ARCHIVED: Action = Action::new("audit.archive");

/// How long after its end a month is archived: transactions that gave positions in it have ended by then.
const SETTLED_AFTER: Duration = Duration::from_secs(600);

/// What is to be archived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ArchiveOptions {
    /// Whose trail; every tenant's unless one is named.
    pub tenant: Option<TenantId>,
    /// Which month; every one that is over unless one is named.
    pub month: Option<ArchiveMonth>,
}

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArchiveSummary {
    /// Months of tenants that were written.
    pub written: u64,
    /// Events in them.
    pub events: u64,
    /// Months of tenants that were in the archive already.
    pub present: u64,
    /// Months of tenants in which nothing got a position.
    pub empty: u64,
    /// Months of tenants that are not over, or of which a part is not covered by a signed checkpoint yet.
    pub waiting: u64,
}

/// What became of one month.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArchiveOutcome {
    /// It was written.
    Written(ArchiveManifest),
    /// It was there.
    Present(ArchiveManifest),
    /// Nothing got a position in it.
    Empty,
    /// It is not over, or a part of it is not covered by a signed checkpoint yet.
    Waiting,
}

/// Writes months of trails into an archive: every event that got its position in the month, what is hidden from the tenant included, in
/// the form of a whole export that can be verified alone, compressed, with a manifest that the log signs.
///
/// A month is written once, when it is over and a signed checkpoint covers all of it; where it ends, the next one begins, so that the
/// files of a tenant follow one another without a gap. Running it again does what is left to do, also after a crash. It is recorded.
///
/// ```no_run
/// use platform_audit::{Archive, ArchiveError, ArchiveOptions, AuditLog, LogKey, archive};
/// use platform_core::pg::Db;
///
/// async fn every_night(db: &Db, audit: &AuditLog, key: &LogKey) -> Result<(), ArchiveError> {
///     let folder = Archive::directory("/var/lib/platform/audit-archive");
///     let summary = archive(db, audit, key, &folder, &ArchiveOptions::default()).await?;
///     tracing::info!(written = summary.written, waiting = summary.waiting, "archived the audit trail");
///     Ok(())
/// }
/// ```
///
/// # Errors
/// [`ArchiveError`]: what was written until then is whole.
pub async fn archive(
    db: &Db,
    log: &AuditLog,
    key: &LogKey,
    archive: &Archive,
    options: &ArchiveOptions,
) -> Result<ArchiveSummary, ArchiveError> {
    let mut summary = ArchiveSummary::default();
    let mut after = None;
    while let Some(tenant) = next_tenant(db, options.tenant, after).await? {
        after = Some(tenant);
        for month in months(db, tenant, options.month).await? {
            match archive.month_of(db, log, key, tenant, month).await? {
                ArchiveOutcome::Written(manifest) => {
                    summary.written += 1;
                    summary.events = summary.events.saturating_add(manifest.events);
                }
                ArchiveOutcome::Present(_) => summary.present += 1,
                ArchiveOutcome::Empty => summary.empty += 1,
                ArchiveOutcome::Waiting => summary.waiting += 1,
            }
        }
    }
    Ok(summary)
}

impl Archive {
    /// Archives one month of one tenant, as [`archive`] does.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub async fn month_of(
        &self,
        db: &Db,
        log: &AuditLog,
        key: &LogKey,
        tenant: TenantId,
        month: ArchiveMonth,
    ) -> Result<ArchiveOutcome, ArchiveError> {
        let origin = key.origin(tenant);
        let folder = self.month(&origin, month)?;
        if let Some(manifest) = present(&folder, key, tenant).await? {
            return Ok(ArchiveOutcome::Present(manifest));
        }
        if db.sources().now() < month.ends_at() + SETTLED_AFTER {
            return Ok(ArchiveOutcome::Waiting);
        }
        let ctx = RequestContext::system(tenant, "archive events", db.sources());
        let Some(range) = range_of(db, &ctx, month).await? else {
            return Ok(ArchiveOutcome::Waiting);
        };
        if range.first == range.end {
            return Ok(ArchiveOutcome::Empty);
        }
        let log_folder = self.log(&origin)?;
        let _lock = blocking(log_folder.clone(), move || Lock::of(&log_folder)).await?;
        // While this one waited, another may have written it.
        if let Some(manifest) = present(&folder, key, tenant).await? {
            return Ok(ArchiveOutcome::Present(manifest));
        }
        let job = Job {
            db,
            log,
            key,
            ctx: &ctx,
            month,
            range,
            folder,
        };
        job.run().await.map(ArchiveOutcome::Written)
    }
}

impl Job<'_> {
    async fn run(&self) -> Result<ArchiveManifest, ArchiveError> {
        let manifest = match self.adopt().await? {
            Some(manifest) => manifest,
            None => {
                self.record().await?;
                self.write().await?
            }
        };
        let signer = self.key.signer(self.ctx.tenant());
        let path = self.folder.join(MANIFEST);
        let note = manifest.sign(&signer).ok_or(ArchiveError::NotSigned { path })?;
        let folder = self.folder.clone();
        let write = move || write_new(&folder, MANIFEST, &note.to_string());
        blocking(self.folder.clone(), write).await?;
        Ok(manifest)
    }

    async fn record(&self) -> Result<(), ArchiveError> {
        let MonthRange { first, end } = self.range;
        let event = Event::new(ARCHIVED, Outcome::Success)
            .activity(Activity::Export)
            .severity(Severity::Low)
            .visibility(Visibility::Platform)
            .target("archive", self.month.to_string())
            .detail(json!({ "first_seq": first, "last_seq": end.saturating_sub(1) }));
        self.log.record_alone(self.db, self.ctx, event).await?;
        Ok(())
    }
}

/// The manifest of a month that is in the archive.
async fn present(
    folder: &std::path::Path,
    key: &LogKey,
    tenant: TenantId,
) -> Result<Option<ArchiveManifest>, ArchiveError> {
    let path = folder.join(MANIFEST);
    let read: PathBuf = path.clone();
    let Some(note) = blocking(path.clone(), move || read_note(&read)).await? else {
        return Ok(None);
    };
    let opened = ArchiveManifest::open(&note, &key.origin(tenant), &key.verifiers(tenant));
    opened.map(Some).map_err(|_| ArchiveError::NotSigned { path })
}

async fn range_of(db: &Db, ctx: &RequestContext, month: ArchiveMonth) -> Result<Option<MonthRange>, DbError> {
    let mut read = db.read(ctx).await?;
    let waits = range::waits(&mut read, month.ends_at()).await?;
    let range = range::of_month(&mut read, month).await?;
    read.finish().await?;
    Ok(range.filter(|_| !waits))
}

/// The months that are wanted: one, or those from the first position on that are over.
async fn months(
    db: &Db,
    tenant: TenantId,
    wanted: Option<ArchiveMonth>,
) -> Result<Vec<ArchiveMonth>, DbError> {
    if let Some(month) = wanted {
        return Ok(vec![month]);
    }
    let ctx = RequestContext::system(tenant, "archive events", db.sources());
    let mut read = db.read(&ctx).await?;
    let first = range::first_month(&mut read).await?;
    read.finish().await?;
    let this = ArchiveMonth::of(db.sources().now());
    let first = first.into_iter();
    Ok(first
        .flat_map(|first| std::iter::successors(Some(first), |month| Some(month.next())))
        .take_while(|month| *month < this)
        .collect())
}

/// The tenant after one of those whose log was ever signed, in the order of their ids; only the one that is wanted.
async fn next_tenant(
    db: &Db,
    wanted: Option<TenantId>,
    after: Option<TenantId>,
) -> Result<Option<TenantId>, DbError> {
    if wanted.is_some() {
        return Ok(wanted.filter(|_| after.is_none()));
    }
    let mut tx = db.begin_as(&RETENTION).await?;
    let next = sqlx::query_scalar(
        "select tenant_id from platform_audit.checkpoint where $1::uuid is null or tenant_id > $1 order by tenant_id limit 1",
    )
    .bind(after)
    .fetch_optional(&mut tx)
    .await?;
    tx.commit().await?;
    Ok(next)
}
