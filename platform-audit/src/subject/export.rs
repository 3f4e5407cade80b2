//! Giving a person what the trail has about them.

use std::fmt;

use platform_core::pg::{Db, TenantRead};
use platform_core::uuid::Uuid;
use platform_core::{RequestContext, Timestamp, error_chain};
use platform_crypto::{KeyId, Keyring, Keys, SubjectId};
use serde::Serialize;
use serde_json::json;

use super::SubjectExportError;
use super::opened::opened;
use super::seqs::{SUBJECT_EVENTS_MAX, places_of, seqs_about};
use crate::export::{
    ExportId, Head, Line, Place, Totals, check_signed, entries_of, sign_manifest, store_manifest,
    without_deadline,
};
use crate::prove::{StoredCheckpoint, inclusions};
use crate::{
    Action, Activity, AuditLog, EXPORT_FORMAT, Entry, Event, EventFilter, ExportError, InclusionProof,
    LeafHash, LogKey, Outcome, RecordedEvent, Severity, StoredRow, sealed_keys,
};

/// What the trail has about a person began to be given out.
pub const SUBJECT_EXPORTED: Action = Action::new("subject.export");

/// Such an export came to its end, or failed on the way.
pub const SUBJECT_EXPORT_FINISHED: Action = Action::new("subject.export_finish");

/// Events that are held at once. An entry has 64 KiB at most.
const BATCH: usize = 64;

/// An export of the events about a data subject on its way: ask for one chunk after the other.
///
/// It is an export of the format [`EXPORT_FORMAT`], of selected events with their proofs, and is verified like every other. After an
/// event with sealed values comes a line `{"kind":"opened","seq":n,"changes":"…"}` whose JSON text says what they are: those of the subject
/// itself, never those of others that the same event holds. Once the subject is erased, it says that.
pub struct SubjectExport {
    pub(super) log: AuditLog,
    pub(super) db: Db,
    pub(super) key: LogKey,
    pub(super) keyring: Keyring,
    pub(super) ctx: RequestContext,
    pub(super) id: ExportId,
    pub(super) subject: SubjectId,
    /// The key of the subject, destroyed or not; `None` when nothing was ever sealed for it.
    pub(super) sealed_by: Option<KeyId>,
    pub(super) made_at: Timestamp,
    pub(super) checkpoint: StoredCheckpoint,
    pub(super) seqs: Vec<i64>,
    /// How many of them were given out.
    pub(super) done: usize,
    pub(super) totals: Totals,
    pub(super) stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Head,
    Body,
    Over,
}

/// What a sealed change of the event before it says.
#[derive(Serialize)]
struct OpenedLine<'a> {
    kind: &'static str,
    seq: u64,
    changes: &'a str,
}

/// What is signed and kept of it.
#[derive(Serialize)]
struct SubjectManifest {
    export_id: ExportId,
    tenant_id: platform_core::TenantId,
    subject_id: SubjectId,
    format: &'static str,
    selection: &'static str,
    checkpoint_size: u64,
    events: u64,
    bytes: u64,
    sha256: String,
    #[serde(with = "platform_core::time::serde::rfc3339")]
    made_at: Timestamp,
    #[serde(with = "platform_core::time::serde::rfc3339")]
    finished_at: Timestamp,
}

impl AuditLog {
    /// Begins to give out what the trail has about a data subject (GDPR, article 15): every event that the subject did, that was done
    /// for it or that has it among its targets, with its proof, and what was sealed for it opened. Events that are hidden from the
    /// tenant are left out. Recorded before the first byte.
    ///
    /// ```no_run
    /// use platform_audit::{AuditLog, LogKey, SubjectExportError};
    /// use platform_core::RequestContext;
    /// use platform_core::pg::Db;
    /// use platform_crypto::{Keyring, SubjectId};
    ///
    /// async fn about(
    ///     (db, audit): (&Db, &AuditLog), (key, keyring): (&LogKey, &Keyring), ctx: &RequestContext, who: SubjectId,
    /// ) -> Result<Vec<u8>, SubjectExportError> {
    ///     let mut export = audit.export_subject(db, (key, keyring), ctx, who).await?;
    ///     let mut file = Vec::new();
    ///     while let Some(chunk) = export.next().await? {
    ///         file.extend(chunk);
    ///     }
    ///     Ok(file)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`SubjectExportError`]: nothing is given out.
    pub async fn export_subject(
        &self,
        db: &Db,
        (key, keyring): (&LogKey, &Keyring),
        ctx: &RequestContext,
        subject: SubjectId,
    ) -> Result<SubjectExport, SubjectExportError> {
        let mut read = db.read(ctx).await?;
        let newest = self.checkpoint(&mut read).await?;
        let checkpoint = newest.ok_or(ExportError::NoCheckpoint)?;
        check_signed(&checkpoint, key, ctx)?;
        let seqs = seqs_about(&mut read, subject, checkpoint.head.size).await?;
        read.finish().await?;
        if seqs.len() > SUBJECT_EVENTS_MAX {
            return Err(SubjectExportError::TooMany);
        }
        let sealed_by = keyring.subject(ctx, subject).await?.map(|info| info.key);
        let id = ExportId::generate(db.sources());
        let export = SubjectExport {
            log: self.clone(),
            db: db.clone(),
            key: key.clone(),
            keyring: keyring.clone(),
            ctx: without_deadline(ctx),
            id,
            subject,
            sealed_by,
            made_at: db.sources().now(),
            checkpoint,
            seqs,
            done: 0,
            totals: Totals::default(),
            stage: Stage::Head,
        };
        let detail =
            json!({ "export": id, "events": export.seqs.len(), "size": export.checkpoint.head.size });
        let event = export.event(SUBJECT_EXPORTED, Outcome::Success).detail(detail);
        self.record_alone(db, ctx, event)
            .await
            .map_err(ExportError::from)?;
        Ok(export)
    }
}

impl SubjectExport {
    /// Its name, under which the manifest is found when it has come to its end.
    pub const fn id(&self) -> ExportId {
        self.id
    }

    /// The next bytes; `None` when there are no more. By then the manifest is stored.
    ///
    /// # Errors
    /// [`SubjectExportError`]: it will not come to its end, and what was given out is not to be used. That is recorded if it can be, and
    /// every further call gives `None`.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, SubjectExportError> {
        let advanced = match self.stage {
            Stage::Head => self.head().map(Some),
            Stage::Body if self.done < self.seqs.len() => self.events().await.map(Some),
            Stage::Body => self.end().await.map(Some),
            Stage::Over => Ok(None),
        };
        if let Err(error) = &advanced {
            self.stage = Stage::Over;
            self.record_failure(error).await;
        }
        advanced
    }

    /// Gives it up, for a reason of at most 128 characters that stands in the event of its end: for whoever will not ask for the rest,
    /// because nobody takes it. One that has come to its end is left as it is.
    pub async fn break_off(mut self, reason: &'static str) {
        if self.stage != Stage::Over {
            self.stage = Stage::Over;
            self.record_end(reason).await;
        }
    }

    fn head(&mut self) -> Result<Vec<u8>, SubjectExportError> {
        let tenant = self.ctx.tenant();
        let head = Head {
            format: EXPORT_FORMAT,
            export_id: self.id,
            origin: &self.key.origin(tenant),
            tenant_id: tenant,
            made_at: self.made_at,
            filter: &EventFilter::new(),
            selection: "selected",
            first_seq: 0,
            size: self.checkpoint.head.size,
            range: &[],
            pending: 0,
            vkey: &self.key.verifier(tenant),
            checkpoint: &self.checkpoint.note,
        };
        let mut chunk = Vec::new();
        line(&Line::Manifest(head), &mut chunk)?;
        self.stage = Stage::Body;
        self.totals.add_bytes(&chunk);
        Ok(chunk)
    }

    async fn events(&mut self) -> Result<Vec<u8>, SubjectExportError> {
        let end = self.done.saturating_add(BATCH).min(self.seqs.len());
        let seqs = &self.seqs[self.done..end];
        let mut read = self.db.read(&self.ctx).await?;
        let found = self.found(&mut read, seqs).await?;
        read.finish().await?;
        let keys = self.keys(&found).await?;
        let mut chunk = Vec::new();
        for event in &found {
            let Place { seq, .. } = event.place;
            let proof = Some(&event.proof);
            line(
                &Line::Event {
                    seq,
                    entry: &event.text,
                    proof,
                },
                &mut chunk,
            )?;
            self.totals.add_event();
            if let Some(changes) = opened(&event.recorded, event.tenant, self.sealed_by, &keys) {
                let opened = OpenedLine {
                    kind: "opened",
                    seq,
                    changes: &changes.to_string(),
                };
                serde_json::to_writer(&mut chunk, &opened).map_err(|_| ExportError::Manifest)?;
                chunk.push(b'\n');
            }
        }
        self.done = end;
        self.totals.add_bytes(&chunk);
        Ok(chunk)
    }

    /// The events of these positions that are still there.
    async fn found(&self, read: &mut TenantRead, seqs: &[i64]) -> Result<Vec<Found>, SubjectExportError> {
        let mut places = places_of(read, seqs).await?;
        let ids: Vec<Uuid> = places.iter().map(|place| place.id).collect();
        let mut entries = entries_of(read, &ids).await?;
        // What was deleted meanwhile because its time was over is not there to be given out.
        places.retain(|place| entries.contains_key(&place.id));
        let leaves = places.iter().map(|place| (place.seq, place.leaf)).collect();
        let proofs = inclusions(read, &self.checkpoint.head, leaves)
            .await
            .map_err(ExportError::from)?;
        let mut found = Vec::with_capacity(places.len());
        for (place, proof) in places.into_iter().zip(proofs) {
            let bytes = entries.remove(&place.id).unwrap_or_default();
            found.push(Found::read(place, proof, bytes)?);
        }
        Ok(found)
    }

    /// The subject's key, if anything of these events is sealed under it. Those of others are not asked for.
    async fn keys(&self, found: &[Found]) -> Result<Keys, SubjectExportError> {
        let changes = found.iter().filter_map(|event| event.recorded.changes.as_ref());
        let own = changes
            .flat_map(sealed_keys)
            .find(|key| self.sealed_by == Some(*key));
        Ok(self.keyring.keys_for(&self.ctx, own).await?)
    }

    /// Stores the manifest before the last bytes are given out: who has those can have it.
    async fn end(&mut self) -> Result<Vec<u8>, SubjectExportError> {
        let mut totals = self.totals.clone();
        let end = Line::End {
            events: totals.events,
            leaves: 0,
            sha256: totals.sha256(),
        };
        let mut chunk = Vec::new();
        line(&end, &mut chunk)?;
        totals.add_bytes(&chunk);
        let manifest = SubjectManifest {
            export_id: self.id,
            tenant_id: self.ctx.tenant(),
            subject_id: self.subject,
            format: EXPORT_FORMAT,
            selection: "subject",
            checkpoint_size: self.checkpoint.head.size,
            events: totals.events,
            bytes: totals.bytes,
            sha256: totals.sha256(),
            made_at: self.made_at,
            finished_at: self.db.sources().now(),
        };
        let note = sign_manifest(&manifest, &self.key.signer(self.ctx.tenant()))?;
        let mut tx = self.db.begin(&self.ctx).await?;
        store_manifest(&mut tx, self.id, &note).await?;
        let detail = json!({ "export": self.id, "events": totals.events, "bytes": totals.bytes, "sha256": totals.sha256() });
        let event = self
            .event(SUBJECT_EXPORT_FINISHED, Outcome::Success)
            .detail(detail);
        self.log
            .record(&mut tx, &self.ctx, event)
            .await
            .map_err(ExportError::from)?;
        tx.commit().await?;
        self.totals = totals;
        self.stage = Stage::Over;
        Ok(chunk)
    }

    async fn record_failure(&self, error: &SubjectExportError) {
        self.record_end(error.code()).await;
    }

    async fn record_end(&self, reason: &'static str) {
        let detail = json!({ "export": self.id, "events": self.totals.events });
        let event = self
            .event(SUBJECT_EXPORT_FINISHED, Outcome::Failure)
            .reason(reason)
            .detail(detail);
        if let Err(error) = self.log.record_alone(&self.db, &self.ctx, event).await {
            tracing::warn!(
                export.id = %self.id, error = error_chain(&error),
                "that an export failed could not be recorded"
            );
        }
    }

    fn event(&self, action: Action, outcome: Outcome) -> Event {
        Event::new(action, outcome)
            .activity(Activity::Export)
            .severity(Severity::Medium)
            .target("subject", self.subject.to_string())
    }
}

/// An event with everything that is given out of it.
struct Found {
    place: Place,
    proof: InclusionProof,
    text: String,
    tenant: platform_core::TenantId,
    recorded: RecordedEvent,
}

impl Found {
    fn read(place: Place, proof: InclusionProof, bytes: Vec<u8>) -> Result<Self, ExportError> {
        let damaged = || ExportError::Damaged { seq: place.seq };
        if LeafHash::of(&bytes) != place.leaf {
            return Err(damaged());
        }
        let entry = Entry::from_bytes(&bytes).map_err(|_| damaged())?;
        let tenant = entry.tenant;
        let recorded = RecordedEvent::of(StoredRow::of(entry), None)?;
        let text = String::from_utf8(bytes).map_err(|_| damaged())?;
        Ok(Self {
            place,
            proof,
            text,
            tenant,
            recorded,
        })
    }
}

impl fmt::Debug for SubjectExport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubjectExport")
            .field("id", &self.id)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

fn line(line: &Line<'_>, chunk: &mut Vec<u8>) -> Result<(), ExportError> {
    line.write_to(chunk).map_err(|_| ExportError::Manifest)
}
