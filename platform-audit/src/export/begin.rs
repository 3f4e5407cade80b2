//! Beginning an export.

use platform_core::pg::{Db, TenantRead};
use platform_core::{RequestContext, RequestMeta};

use super::encoder::Encoder;
use super::pages::{Pages, pending};
use super::running::Stage;
use super::totals::Totals;
use super::{Export, ExportError, ExportId, RunningExport, Selection, audited};
use crate::prove::{StoredCheckpoint, read_tiles};
use crate::{AuditLog, Checkpoint, CompactRange, LogKey, NodeHash, ProveError, TileId};

impl AuditLog {
    /// Begins an export: chooses the newest signed checkpoint, and records that the trail is exported before anything of it is given
    /// out. `key` signs the manifest.
    ///
    /// ```no_run
    /// use platform_audit::{AuditLog, Export, ExportError, LogKey};
    /// use platform_core::RequestContext;
    /// use platform_core::pg::Db;
    ///
    /// async fn export(db: &Db, log: &AuditLog, key: &LogKey, ctx: &RequestContext) -> Result<Vec<u8>, ExportError> {
    ///     let mut export = log.export(db, key, ctx, Export::whole()).await?;
    ///     let mut file = Vec::new();
    ///     while let Some(chunk) = export.next().await? {
    ///         file.extend(chunk);
    ///     }
    ///     Ok(file)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`ExportError`]: nothing is given out.
    pub async fn export(
        &self,
        db: &Db,
        key: &LogKey,
        ctx: &RequestContext,
        export: Export,
    ) -> Result<RunningExport, ExportError> {
        let filter = export.selection.filter();
        filter.check()?;
        let mut read = db.read(ctx).await?;
        let newest = self.checkpoint(&mut read).await?;
        let checkpoint = newest.ok_or(ExportError::NoCheckpoint)?;
        check_signed(&checkpoint, key, ctx)?;
        let (first, size) = (export.selection.first_seq(), checkpoint.head.size);
        if first > size {
            return Err(ExportError::FirstSeq { size });
        }
        let range = range_below(&mut read, first).await?;
        let pending = pending(&mut read, export.reader, &filter, size).await?;
        read.finish().await?;

        let id = ExportId::generate(db.sources());
        self.record_alone(db, ctx, audited::begun(id, &export, size))
            .await?;
        let wanted = match &export.selection {
            Selection::Whole { .. } => None,
            Selection::Selected(filter) => Some(filter.clone()),
        };
        Ok(RunningExport {
            log: self.clone(),
            db: db.clone(),
            key: key.clone(),
            ctx: without_deadline(ctx),
            id,
            filter,
            made_at: db.sources().now(),
            range,
            pending,
            encoder: Encoder::new(export.format, key.origin(ctx.tenant())),
            pages: Pages::new(wanted, export.reader, first, checkpoint.head),
            next_checkpoint: first.max(1),
            totals: Totals::default(),
            stage: Stage::Head,
            checkpoint,
            export,
        })
    }
}

/// Whether the note is by the log and says what the columns say.
pub(crate) fn check_signed(
    checkpoint: &StoredCheckpoint,
    key: &LogKey,
    ctx: &RequestContext,
) -> Result<(), ExportError> {
    let tenant = ctx.tenant();
    let opened = Checkpoint::open(&checkpoint.note, &key.origin(tenant), &key.verifiers(tenant));
    match opened {
        Ok(opened) if *opened.head() == checkpoint.head => Ok(()),
        _ => {
            let size = checkpoint.head.size;
            Err(ProveError::Damaged { size }.into())
        }
    }
}

/// What a verifier needs to begin with this position.
pub(crate) async fn range_below(read: &mut TenantRead, first: u64) -> Result<Vec<NodeHash>, ExportError> {
    let tiles = read_tiles(read, &TileId::right_edge(first)).await?;
    let range = CompactRange::from_source(first, &tiles).map_err(ProveError::damaged(first))?;
    Ok(range.hashes().to_vec())
}

/// The same context for work that goes on after the answer has begun: it has its own limit.
pub(crate) fn without_deadline(ctx: &RequestContext) -> RequestContext {
    if ctx.meta().deadline.is_none() {
        return ctx.clone();
    }
    let meta = RequestMeta {
        deadline: None,
        ..ctx.meta().clone()
    };
    let mut free = RequestContext::authenticated(ctx.tenant(), ctx.principal().clone(), meta);
    if let Some(principal) = ctx.acts_for() {
        free = free.on_behalf_of(principal.clone());
    }
    if let Some(session) = ctx.session() {
        free = free.in_session(session);
    }
    if let Some(key) = ctx.api_key() {
        free = free.with_api_key(key);
    }
    free
}
