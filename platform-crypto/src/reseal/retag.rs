//! Tagging the rows of a blind index under the newest version of the index key.

use std::collections::{BTreeSet, HashMap, HashSet};

use platform_core::RequestContext;
use platform_core::pg::TenantTx;
use platform_core::uuid::Uuid;

use super::{FailureReason, page};
use crate::keyring::{KeyError, Keyring};
use crate::row::ColumnParts;
use crate::{
    BlindIndex, KeyId, Keys, OpenError, RowId, Sealed, Secret, SubjectId, TagError, Tagged, index, subject,
};

/// A column and the index in which its rows are tagged.
pub(super) struct Indexed<'a> {
    pub(super) column: &'a ColumnParts,
    pub(super) index: &'a BlindIndex,
}

/// Rows that have no tag under the newest version, and whose they are.
type Behind = [(RowId, Option<SubjectId>)];

/// What became of some rows.
#[derive(Default)]
struct Retagged {
    tagged: u64,
    /// Whether the next look at these rows finds anything else than this one.
    moved: bool,
}

/// What became of a row.
enum Outcome {
    Tagged,
    /// There is no value any more by which it could be found.
    Gone(&'static str),
    /// The value cannot be read now: the row stays where it can be found, and under its old tags.
    Kept(&'static str),
}

impl Keyring {
    /// Tags the next rows that have no tag under the newest version; `None` when there are none, or none but such that cannot be read.
    ///
    /// The rows are locked before they are read: whoever changes a value tags its row after us, or we wait for them. A row whose value
    /// is gone for good loses its tags. One whose value cannot be read keeps those that it has, is named in the log, and is passed
    /// over.
    pub(super) async fn retag(
        &self,
        ctx: &RequestContext,
        indexed: &Indexed<'_>,
        limit: u32,
    ) -> Result<Option<u64>, KeyError> {
        let mut after = None;
        loop {
            let mut read = self.inner.db.read(ctx).await?;
            let behind = index::behind(&mut read, ctx.tenant(), indexed.index, (after, limit)).await?;
            read.finish().await?;
            let Some((last, _)) = behind.last() else {
                return Ok(None);
            };
            after = Some(*last);
            let retagged = Box::pin(self.retag_rows(ctx, indexed, &behind)).await?;
            if retagged.moved {
                return Ok(Some(retagged.tagged));
            }
        }
    }

    async fn retag_rows(
        &self,
        ctx: &RequestContext,
        indexed: &Indexed<'_>,
        behind: &Behind,
    ) -> Result<Retagged, KeyError> {
        let rows: Vec<Uuid> = behind.iter().map(|(row, _)| row.as_uuid()).collect();
        let (asked, keys) = self.keys_of(ctx, indexed, &rows).await?;

        let mut tx = self.inner.db.begin(ctx).await?;
        // Whoever writes or erases locks the subject before its rows, and so does this.
        let subjects: BTreeSet<SubjectId> = behind.iter().filter_map(|(_, subject)| *subject).collect();
        for subject in subjects {
            subject::share_state(&mut tx, subject).await?;
        }
        let held: HashMap<Uuid, Vec<u8>> = page::hold(&mut tx, indexed.column, &rows)
            .await?
            .into_iter()
            .collect();
        // As they are now that nobody changes the rows: an erasure may have taken the tags since they were looked at.
        let tags = index::still_tagged(&mut tx, indexed.index, &rows).await?;
        let mut done = Retagged::default();
        for row in rows {
            let Some(subject) = tags.get(&row).copied() else {
                done.moved = true;
                continue;
            };
            let outcome = match held.get(&row) {
                None => Outcome::Gone("deleted"),
                Some(bytes) => {
                    let value = Sealed::<Vec<u8>>::from_bytes(bytes.clone());
                    match keys.open(&indexed.column.column.at(ctx.tenant(), row), &value) {
                        Ok(plain) => {
                            self.tag_anew(&mut tx, ctx, indexed, (row, subject), &plain)
                                .await?
                        }
                        // Written a moment ago, under a key that was not asked for: the next step knows it.
                        Err(OpenError::UnknownKey(key)) if !asked.contains(&key) => {
                            done.moved = true;
                            continue;
                        }
                        Err(OpenError::KeyDestroyed(_)) => Outcome::Gone("key_destroyed"),
                        Err(error) => Outcome::Kept(FailureReason::of(&error).as_str()),
                    }
                }
            };
            match outcome {
                Outcome::Tagged => {
                    done.tagged += 1;
                    done.moved = true;
                }
                Outcome::Gone(reason) => {
                    self.untag(&mut tx, indexed.index, row).await?;
                    warn(ctx, indexed, row, reason, "lost its tags: its value is gone");
                    done.moved = true;
                }
                Outcome::Kept(reason) => {
                    warn(
                        ctx,
                        indexed,
                        row,
                        reason,
                        "keeps its old tags: its value cannot be read",
                    );
                }
            }
        }
        tx.commit().await?;
        Ok(done)
    }

    /// The keys of the values of these rows, and the ids by which they were asked for.
    async fn keys_of(
        &self,
        ctx: &RequestContext,
        indexed: &Indexed<'_>,
        rows: &[Uuid],
    ) -> Result<(HashSet<KeyId>, Keys), KeyError> {
        let mut tx = self.inner.db.begin(ctx).await?;
        let values = page::fetch(&mut tx, indexed.column, rows).await?;
        tx.rollback().await?;
        let ids = values
            .into_iter()
            .filter_map(|(_, bytes)| Sealed::<Vec<u8>>::from_bytes(bytes).key_id().ok());
        let asked: HashSet<KeyId> = ids.collect();
        let keys = self
            .keys_for(ctx, asked.iter().copied().collect::<Vec<_>>())
            .await?;
        Ok((asked, keys))
    }

    async fn tag_anew(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        indexed: &Indexed<'_>,
        (row, subject): (Uuid, Option<SubjectId>),
        plain: &Secret<Vec<u8>>,
    ) -> Result<Outcome, KeyError> {
        let Ok(text) = std::str::from_utf8(plain.expose()) else {
            return Ok(Outcome::Kept("not_text"));
        };
        let mut tagged = Tagged::new(row, text);
        if let Some(subject) = subject {
            tagged = tagged.of(subject);
        }
        match self.tag(tx, ctx, indexed.index, &tagged).await {
            Ok(()) => Ok(Outcome::Tagged),
            Err(TagError::Keys(KeyError::SubjectErased(_))) => Ok(Outcome::Gone("subject_erased")),
            Err(TagError::Keys(error)) => Err(error),
            Err(TagError::Taken) => Ok(Outcome::Gone("taken")),
            Err(TagError::NotIndexable(_)) => Ok(Outcome::Gone("not_indexable")),
        }
    }
}

fn warn(ctx: &RequestContext, indexed: &Indexed<'_>, row: Uuid, reason: &str, what: &str) {
    tracing::warn!(
        tenant.id = %ctx.tenant(),
        index = indexed.index.name(),
        row.id = %row,
        reason,
        "a row {what}: {reason}",
    );
}
