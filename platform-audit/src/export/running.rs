//! An export on its way.

use std::fmt;

use platform_core::pg::Db;
use platform_core::time::Duration;
use platform_core::{RequestContext, Timestamp, error_chain};

use super::encoder::Encoder;
use super::error::ExportError;
use super::lines::{EXPORT_FORMAT, Head, Why};
use super::manifest::{Manifest, format_name};
use super::pages::{Batch, Pages, Place, checkpoints};
use super::request::{Export, ExportFormat, Selection};
use super::totals::Totals;
use super::{ExportId, audited, store, visibility_of};
use crate::prove::{StoredCheckpoint, inclusions};
use crate::{AuditLog, EventFilter, InclusionProof, LeafHash, LogKey, NodeHash, Visibility};

/// How long an export may take.
const TIME_MAX: Duration = Duration::hours(1);

/// An export that has begun: ask for one chunk after the other.
///
/// It holds neither a connection nor a transaction between chunks, and no more than one chunk of about a hundred events in memory, so
/// whoever takes it may be as slow as an hour allows. Its positions are those of one checkpoint, so that it is consistent all the
/// same; only what is deleted meanwhile because its time is over is exported as deleted.
pub struct RunningExport {
    pub(super) log: AuditLog,
    pub(super) db: Db,
    pub(super) key: LogKey,
    pub(super) ctx: RequestContext,
    pub(super) id: ExportId,
    pub(super) export: Export,
    pub(super) filter: EventFilter,
    pub(super) made_at: Timestamp,
    pub(super) checkpoint: StoredCheckpoint,
    /// The roots of the full subtrees before the first position.
    pub(super) range: Vec<NodeHash>,
    pub(super) pending: u64,
    pub(super) encoder: Encoder,
    pub(super) pages: Pages,
    /// The smallest checkpoint that was not looked for.
    pub(super) next_checkpoint: u64,
    pub(super) totals: Totals,
    pub(super) stage: Stage,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Head,
    Body,
    End,
    Over,
}

impl RunningExport {
    /// Its name, under which the manifest is found when it has come to its end.
    pub const fn id(&self) -> ExportId {
        self.id
    }

    /// The next bytes; `None` when there are no more. By then the manifest is stored.
    ///
    /// The future may be dropped and asked for again, but for the one that gives the last bytes.
    ///
    /// # Errors
    /// [`ExportError`]: it will not come to its end, and what was given out is not to be used. That is recorded if it can be, and
    /// every further call gives `None`.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, ExportError> {
        loop {
            match self.step().await? {
                Some(chunk) if chunk.is_empty() => {}
                chunk => return Ok(chunk),
            }
        }
    }

    /// The same, and no bytes where none of the positions that were looked at is wanted: for whoever asks in between whether anybody still
    /// wants the others.
    pub(crate) async fn step(&mut self) -> Result<Option<Vec<u8>>, ExportError> {
        match self.advance().await {
            Ok(chunk) => Ok(chunk),
            Err(error) => {
                self.stage = Stage::Over;
                self.record_failure(&error).await;
                Err(error)
            }
        }
    }

    /// Gives it up, for a reason of at most 128 characters that stands in the event of its end: for whoever will not ask for the rest,
    /// because nobody takes it. One that has come to its end is left as it is.
    pub async fn break_off(mut self, reason: &'static str) {
        if self.stage != Stage::Over {
            self.stage = Stage::Over;
            self.record_end(reason).await;
        }
    }

    async fn advance(&mut self) -> Result<Option<Vec<u8>>, ExportError> {
        if self.stage == Stage::Over {
            return Ok(None);
        }
        if self.db.sources().now() - self.made_at > TIME_MAX {
            return Err(ExportError::TooLong);
        }
        let chunk = match self.stage {
            Stage::Head => self.head()?,
            Stage::Body => self.positions().await?,
            Stage::End => return self.end().await,
            Stage::Over => Vec::new(),
        };
        if self.pages.is_done() {
            self.stage = Stage::End;
        } else {
            self.stage = Stage::Body;
        }
        self.totals.add_bytes(&chunk);
        Ok(Some(chunk))
    }

    fn head(&self) -> Result<Vec<u8>, ExportError> {
        let tenant = self.ctx.tenant();
        let head = Head {
            format: EXPORT_FORMAT,
            export_id: self.id,
            origin: &self.key.origin(tenant),
            tenant_id: tenant,
            made_at: self.made_at,
            filter: &self.filter,
            selection: self.export.selection.as_str(),
            first_seq: self.export.selection.first_seq(),
            size: self.checkpoint.head.size,
            range: &self.range,
            pending: self.pending,
            vkey: &self.key.verifier(tenant),
            checkpoint: &self.checkpoint.note,
        };
        let mut chunk = Vec::new();
        self.encoder.head(head, &mut chunk)?;
        Ok(chunk)
    }

    async fn positions(&mut self) -> Result<Vec<u8>, ExportError> {
        let mut read = self.db.read(&self.ctx).await?;
        let batch = self.pages.next(&mut read).await?;
        let json_lines = self.export.format == ExportFormat::JsonLines;
        let is_whole = matches!(self.export.selection, Selection::Whole { .. });
        let mut proofs = Vec::new();
        // The entries of a whole export prove themselves. Whoever reads a table has nothing to check but our signature under it.
        if !(json_lines && is_whole) {
            let leaves = batch.places.iter().map(|place| (place.seq, place.leaf));
            proofs = inclusions(&mut read, &self.checkpoint.head, leaves.collect()).await?;
        }
        let mut notes = Vec::new();
        let behind = batch.places.last().map_or(0, |last| last.seq.saturating_add(1));
        if json_lines && is_whole {
            notes = checkpoints(&mut read, self.next_checkpoint, behind).await?;
        }
        read.finish().await?;
        // From here on nothing is waited for, so that either all of this happens or nothing.
        let chunk = self.written(&batch, &proofs, notes)?;
        self.pages.taken(batch.places.len());
        self.next_checkpoint = self.next_checkpoint.max(behind);
        Ok(chunk)
    }

    fn written(
        &mut self,
        batch: &Batch,
        proofs: &[InclusionProof],
        notes: Vec<(u64, String)>,
    ) -> Result<Vec<u8>, ExportError> {
        let mut chunk = Vec::new();
        let mut notes = notes.into_iter().peekable();
        for (at, place) in batch.places.iter().enumerate() {
            while let Some((_, note)) = notes.next_if(|(size, _)| *size <= place.seq) {
                self.encoder.checkpoint(&note, &mut chunk)?;
            }
            let Some(entry) = batch.entries.get(&place.id) else {
                self.leaf(place, Why::Pruned, &mut chunk)?;
                continue;
            };
            // Bytes that do not say who may see them were altered, and are for whoever verifies them.
            let is_signed = LeafHash::of(entry) == place.leaf;
            if !is_signed && self.export.format != ExportFormat::JsonLines {
                return Err(ExportError::Damaged { seq: place.seq });
            }
            let visibility = visibility_of(entry).unwrap_or(Visibility::Tenant);
            if self.export.reader.sees(visibility) {
                self.encoder.event(place, entry, proofs.get(at), &mut chunk)?;
                self.totals.add_event();
            } else {
                self.leaf(place, Why::Withheld, &mut chunk)?;
            }
        }
        Ok(chunk)
    }

    /// A position without its event; of a selected export it is simply none.
    fn leaf(&mut self, place: &Place, why: Why, chunk: &mut Vec<u8>) -> Result<(), ExportError> {
        if matches!(self.export.selection, Selection::Whole { .. }) {
            self.encoder.leaf(place, why, chunk)?;
            self.totals.add_leaf(why);
        }
        Ok(())
    }

    /// Stores the manifest before the last bytes are given out: who has those can have it.
    async fn end(&mut self) -> Result<Option<Vec<u8>>, ExportError> {
        let mut chunk = Vec::new();
        let mut totals = self.totals.clone();
        self.encoder.end(&totals, &mut chunk)?;
        totals.add_bytes(&chunk);
        let manifest = self.manifest(&totals);
        let note = manifest.sign(&self.key.signer(self.ctx.tenant()))?;
        let mut tx = self.db.begin(&self.ctx).await?;
        store::store(&mut tx, self.id, &note).await?;
        let event = audited::finished(self.id, &totals, &manifest.sha256);
        self.log.record(&mut tx, &self.ctx, event).await?;
        tx.commit().await?;
        self.totals = totals;
        self.stage = Stage::Over;
        Ok((!chunk.is_empty()).then_some(chunk))
    }

    fn manifest(&self, totals: &Totals) -> Manifest<'_> {
        Manifest {
            export_id: self.id,
            tenant_id: self.ctx.tenant(),
            format: format_name(self.export.format),
            selection: self.export.selection.as_str(),
            filter: &self.filter,
            first_seq: self.export.selection.first_seq(),
            checkpoint_size: self.checkpoint.head.size,
            events: totals.events,
            withheld: totals.withheld,
            pruned: totals.pruned,
            pending: self.pending,
            bytes: totals.bytes,
            sha256: totals.sha256(),
            made_at: self.made_at,
            finished_at: self.db.sources().now(),
        }
    }

    async fn record_failure(&self, error: &ExportError) {
        let reason = match error {
            ExportError::TooLong => "too_long",
            ExportError::Damaged { .. } | ExportError::Unproven(_) => "damaged",
            ExportError::Db(_) => "unavailable",
            _ => "failed",
        };
        self.record_end(reason).await;
    }

    async fn record_end(&self, reason: &'static str) {
        let event = audited::failed(self.id, &self.totals, reason);
        if let Err(error) = self.log.record_alone(&self.db, &self.ctx, event).await {
            tracing::warn!(
                export.id = %self.id, error = error_chain(&error),
                "that an export failed could not be recorded"
            );
        }
    }
}

impl fmt::Debug for RunningExport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningExport")
            .field("id", &self.id)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}
