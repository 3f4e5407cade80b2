//! Tagging the rows of a blind index under the newest version of the index key.

use std::collections::HashSet;

use platform_core::RequestContext;
use platform_core::pg::TenantTx;
use platform_core::uuid::Uuid;

use super::{FailureReason, page};
use crate::keyring::{KeyError, Keyring};
use crate::row::ColumnParts;
use crate::{BlindIndex, KeyId, Keys, OpenError, RowId, Sealed, Secret, TagError, Tagged};

/// A column and the index in which its rows are tagged.
pub(super) struct Indexed<'a> {
    pub(super) column: &'a ColumnParts,
    pub(super) index: &'a BlindIndex,
}

impl Keyring {
    /// Tags the next rows that have no tag under the newest version; `None` when there are none.
    ///
    /// The rows are locked before they are read: whoever changes a value tags its row after us, or we wait for them. A value that
    /// cannot be opened cannot be found either, so its row loses its tags.
    pub(super) async fn retag(
        &self,
        ctx: &RequestContext,
        indexed: &Indexed<'_>,
        limit: u32,
    ) -> Result<Option<u64>, KeyError> {
        let mut read = self.inner.db.read(ctx).await?;
        let behind = self.rows_to_retag(&mut read, indexed.index, limit).await?;
        read.finish().await?;
        if behind.is_empty() {
            return Ok(None);
        }
        let rows: Vec<Uuid> = behind.into_iter().map(RowId::as_uuid).collect();
        let (asked, keys) = self.keys_of(ctx, indexed, &rows).await?;

        let mut tx = self.inner.db.begin(ctx).await?;
        let mut lost: HashSet<Uuid> = rows.iter().copied().collect();
        let mut tagged = 0;
        for (row, bytes) in page::hold(&mut tx, indexed.column, &rows).await? {
            let value = Sealed::from_bytes(bytes);
            match keys.open(&indexed.column.column.at(ctx.tenant(), row), &value) {
                Ok(plain) if self.tag_anew(&mut tx, ctx, indexed, row, &plain).await? => {
                    tagged += 1;
                    lost.remove(&row);
                }
                Ok(_) => {}
                // Written a moment ago, under a key that was not asked for: the next step knows it.
                Err(OpenError::UnknownKey(key)) if !asked.contains(&key) => {
                    lost.remove(&row);
                }
                // A key that cannot be unwrapped may be mended; its values stay where they can be found.
                Err(OpenError::KeyUnavailable) => return Err(KeyError::Corrupt),
                Err(error) => warn(ctx, indexed, row, FailureReason::of(&error).as_str()),
            }
        }
        for row in lost {
            self.untag(&mut tx, indexed.index, row).await?;
        }
        tx.commit().await?;
        Ok(Some(tagged))
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

    /// Whether the row can be found by the value from now on.
    async fn tag_anew(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        indexed: &Indexed<'_>,
        row: Uuid,
        plain: &Secret<Vec<u8>>,
    ) -> Result<bool, KeyError> {
        let Ok(text) = std::str::from_utf8(plain.expose()) else {
            warn(ctx, indexed, row, "not_text");
            return Ok(false);
        };
        match self.tag(tx, ctx, indexed.index, &Tagged::new(row, text)).await {
            Ok(()) => return Ok(true),
            Err(TagError::Keys(error)) => return Err(error),
            Err(TagError::Taken) => warn(ctx, indexed, row, "taken"),
            Err(TagError::NotIndexable(_)) => warn(ctx, indexed, row, "not_indexable"),
        }
        Ok(false)
    }
}

fn warn(ctx: &RequestContext, indexed: &Indexed<'_>, row: Uuid, reason: &str) {
    tracing::warn!(
        tenant.id = %ctx.tenant(),
        index = indexed.index.name(),
        row.id = %row,
        reason,
        "a row lost its tags and cannot be found by its value any more: {reason}",
    );
}
