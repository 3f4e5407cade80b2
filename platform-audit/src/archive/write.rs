//! Writing a month.

use std::path::PathBuf;

use platform_core::pg::{Db, TenantRead};
use platform_core::uuid::Uuid;
use platform_core::{RequestContext, Timestamp};

use super::file::{Packed, Unfinished};
use super::folder::blocking;
use super::manifest::ArchiveManifest;
use super::pruned::pruned;
use super::range::MonthRange;
use super::{ArchiveError, ArchiveMonth};
use crate::export::{ExportId, Head, Line, Place, Totals, Why, checkpoints, entries_of, places, range_below};
use crate::retention::Pruned;
use crate::{
    AuditLog, Checkpoint, CompactRange, EXPORT_FORMAT, EventFilter, LeafHash, LogKey, StoredCheckpoint,
};

/// Positions that are read at once. An entry has 64 KiB at most.
const BATCH: u64 = 256;

/// A month that is to be written.
pub(super) struct Job<'a> {
    pub(super) db: &'a Db,
    pub(super) log: &'a AuditLog,
    pub(super) key: &'a LogKey,
    pub(super) ctx: &'a RequestContext,
    pub(super) month: ArchiveMonth,
    pub(super) range: MonthRange,
    pub(super) folder: PathBuf,
}

/// A month on its way into its file.
struct Writing<'a> {
    job: &'a Job<'a>,
    /// `None` while a chunk is written on another thread.
    file: Option<Unfinished>,
    totals: Totals,
    /// The tree up to the last position that was written.
    tree: CompactRange,
    /// Looked up when the first event is missing.
    pruned: Option<Pruned>,
}

impl Job<'_> {
    /// The name of the file.
    pub(super) fn file_name(&self) -> String {
        format!("events-{}-{}.jsonl.gz", self.range.first, self.last())
    }

    fn last(&self) -> u64 {
        self.range.end.saturating_sub(1)
    }

    /// Writes the file, and gives what is to be signed of it. The lock of the log is held.
    pub(super) async fn write(&self) -> Result<ArchiveManifest, ArchiveError> {
        let mut read = self.db.read(self.ctx).await?;
        let checkpoint = self.checkpoint(&mut read).await?;
        let below = range_below(&mut read, self.range.first).await;
        let below = below.map_err(|_| self.damaged(self.range.first))?;
        read.finish().await?;
        let tree = CompactRange::from_parts(self.range.first, below.clone());
        let folder = self.folder.clone();
        let mut writing = Writing {
            job: self,
            file: Some(blocking(folder.clone(), move || Unfinished::begin(&folder)).await?),
            totals: Totals::default(),
            tree: tree.map_err(|_| self.damaged(self.range.first))?,
            pruned: None,
        };
        writing.head(&checkpoint, &below).await?;
        writing.positions().await?;
        if writing.tree.head() != checkpoint.head {
            return Err(self.damaged(self.last()));
        }
        writing.end().await
    }

    /// The checkpoint that the month ends with.
    async fn checkpoint(&self, read: &mut TenantRead) -> Result<StoredCheckpoint, ArchiveError> {
        let below = self.range.end.checked_add(1);
        let stored = self.log.checkpoints(read, below, 1).await?.into_iter().next();
        let stored = stored.filter(|stored| stored.head.size == self.range.end);
        let stored = stored.ok_or_else(|| self.damaged(self.last()))?;
        let tenant = self.ctx.tenant();
        match Checkpoint::open(
            &stored.note,
            &self.key.origin(tenant),
            &self.key.verifiers(tenant),
        ) {
            Ok(opened) if *opened.head() == stored.head => Ok(stored),
            _ => Err(self.damaged(self.last())),
        }
    }

    fn damaged(&self, seq: u64) -> ArchiveError {
        ArchiveError::Damaged {
            tenant: self.ctx.tenant(),
            seq,
        }
    }

    pub(super) fn manifest(&self, contents: Contents, packed: Packed) -> ArchiveManifest {
        ArchiveManifest {
            month: self.month.to_string(),
            file: self.file_name(),
            format: EXPORT_FORMAT.to_owned(),
            first_seq: self.range.first,
            last_seq: self.last(),
            events: contents.events,
            leaves: contents.leaves,
            checkpoint_size: self.range.end,
            sha256: contents.sha256,
            packed_bytes: packed.bytes,
            packed_sha256: packed.sha256,
        }
    }
}

/// What a file has in it, unpacked.
pub(super) struct Contents {
    pub(super) events: u64,
    pub(super) leaves: u64,
    pub(super) sha256: String,
}

impl Writing<'_> {
    async fn head(
        &mut self,
        checkpoint: &StoredCheckpoint,
        below: &[crate::NodeHash],
    ) -> Result<(), ArchiveError> {
        let (job, tenant) = (self.job, self.job.ctx.tenant());
        let made_at: Timestamp = job.db.sources().now();
        let head = Head {
            format: EXPORT_FORMAT,
            export_id: ExportId::generate(job.db.sources()),
            origin: &job.key.origin(tenant),
            tenant_id: tenant,
            made_at,
            filter: &EventFilter::new(),
            selection: "whole",
            first_seq: job.range.first,
            size: job.range.end,
            range: below,
            pending: 0,
            vkey: &job.key.verifier(tenant),
            checkpoint: &checkpoint.note,
        };
        let mut chunk = Vec::new();
        self.line(&Line::Manifest(head), &mut chunk)?;
        self.write(chunk).await
    }

    async fn positions(&mut self) -> Result<(), ArchiveError> {
        let mut next_checkpoint = self.job.range.first.max(1);
        while self.tree.size() < self.job.range.end {
            let from = self.tree.size();
            let to = from.saturating_add(BATCH).min(self.job.range.end);
            let mut read = self.job.db.read(self.job.ctx).await?;
            let batch = places(&mut read, from, to).await?;
            let ids: Vec<Uuid> = batch.iter().map(|place| place.id).collect();
            let entries = entries_of(&mut read, &ids).await?;
            let notes = checkpoints(&mut read, next_checkpoint, to).await?;
            if entries.len() < batch.len() && self.pruned.is_none() {
                self.pruned = Some(pruned(&mut read).await?);
            }
            read.finish().await?;
            next_checkpoint = next_checkpoint.max(to);
            let mut notes = notes.into_iter().peekable();
            let mut chunk = Vec::new();
            for place in &batch {
                while let Some((_, note)) = notes.next_if(|(size, _)| *size <= place.seq) {
                    self.line(&Line::Checkpoint { note: &note }, &mut chunk)?;
                }
                self.position(place, entries.get(&place.id).map(Vec::as_slice), &mut chunk)?;
            }
            if self.tree.size() != to {
                return Err(self.job.damaged(self.tree.size()));
            }
            self.write(chunk).await?;
        }
        Ok(())
    }

    fn position(
        &mut self,
        place: &Place,
        entry: Option<&[u8]>,
        chunk: &mut Vec<u8>,
    ) -> Result<(), ArchiveError> {
        let Place { seq, leaf, .. } = *place;
        let damaged = self.job.damaged(seq);
        if self.tree.append(leaf) != Ok(seq) {
            return Err(damaged);
        }
        match entry {
            Some(bytes) if LeafHash::of(bytes) == leaf => {
                let Ok(entry) = std::str::from_utf8(bytes) else {
                    return Err(damaged);
                };
                let proof = None;
                self.line(&Line::Event { seq, entry, proof }, chunk)?;
                self.totals.add_event();
            }
            // Gone, and the trail itself says by right.
            None if self.pruned.as_ref().is_some_and(|pruned| pruned.covers(seq)) => {
                let why = Why::Pruned;
                self.line(&Line::Leaf { seq, leaf, why }, chunk)?;
                self.totals.add_leaf(why);
            }
            _ => return Err(damaged),
        }
        Ok(())
    }

    async fn end(mut self) -> Result<ArchiveManifest, ArchiveError> {
        let end = Line::End {
            events: self.totals.events,
            leaves: self.totals.leaves(),
            sha256: self.totals.sha256(),
        };
        let mut chunk = Vec::new();
        self.line(&end, &mut chunk)?;
        self.write(chunk).await?;
        let contents = Contents {
            events: self.totals.events,
            leaves: self.totals.leaves(),
            sha256: self.totals.sha256(),
        };
        let (file, name) = (self.file.take(), self.job.file_name());
        let finish = move || file.map(|file| file.finish(&name)).transpose();
        let packed = blocking(self.job.folder.clone(), finish).await?;
        let packed = packed.ok_or_else(|| self.job.damaged(self.job.last()))?;
        Ok(self.job.manifest(contents, packed))
    }

    fn line(&self, line: &Line<'_>, chunk: &mut Vec<u8>) -> Result<(), ArchiveError> {
        line.write_to(chunk)
            .map_err(|_| self.job.damaged(self.tree.size()))
    }

    async fn write(&mut self, chunk: Vec<u8>) -> Result<(), ArchiveError> {
        self.totals.add_bytes(&chunk);
        let Some(mut file) = self.file.take() else {
            return Ok(());
        };
        let written = blocking(self.job.folder.clone(), move || {
            file.write(&chunk)?;
            Ok(file)
        });
        self.file = Some(written.await?);
        Ok(())
    }
}
