//! Moving the keys of data subjects under the tenant's newest key.

use platform_core::RequestContext;

use super::ensure::open_row;
use super::{changes, rows};
use crate::keyring::Inner;
use crate::{KeyError, KeyId, Keyring};

impl Keyring {
    /// Wraps up to `limit` of the tenant's subject keys anew that are still under an older key of the tenant; how many were left to
    /// do. Call it until that is 0, and the older key can be destroyed. What the subjects' keys have sealed stays as it is.
    ///
    /// Works beside reads, writes and erasures, and beside itself.
    ///
    /// # Errors
    /// [`KeyError`]. What was done stays done; call it again.
    pub async fn rewrap_subjects(&self, ctx: &RequestContext, limit: u32) -> Result<usize, KeyError> {
        Box::pin(self.inner.rewrap_subjects(ctx, limit)).await
    }
}

impl Keyring {
    /// How many of the tenant's subject keys are still under another key than the one that wraps now.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn subjects_to_rewrap(&self, ctx: &RequestContext) -> Result<u64, KeyError> {
        let keys = self.inner.tenant_keys(ctx).await?;
        let Some(sealing) = keys.sealing(self.inner.sources.now()).map(|sealing| sealing.id) else {
            return Ok(0);
        };
        let mut read = self.inner.db.read(ctx).await?;
        let left = rows::count_not_wrapped_by(&mut read, ctx.tenant(), sealing).await?;
        read.finish().await?;
        Ok(left)
    }
}

impl Inner {
    pub(crate) async fn rewrap_subjects(&self, ctx: &RequestContext, limit: u32) -> Result<usize, KeyError> {
        let keys = self.tenant_keys(ctx).await?;
        let Some(sealing) = keys.sealing(self.sources.now()).map(|sealing| sealing.id) else {
            return Ok(0);
        };
        let ids = keys.data().iter().map(|key| key.info.id);
        let older: Vec<KeyId> = ids.take_while(|id| *id != sealing).collect();
        if older.is_empty() {
            return Ok(0);
        }
        let mut read = self.db.read(ctx).await?;
        let mut rows = rows::wrapped_by(&mut read, ctx.tenant(), &older, limit).await?;
        read.finish().await?;
        // In the same order for everybody who does this at the same time.
        rows.sort_unstable_by_key(|row| row.place.subject);
        let new = keys.find(sealing).ok_or(KeyError::Corrupt)?;
        let segments = self.segments_of(rows.iter()).await?;
        let mut wrapped = Vec::with_capacity(rows.len());
        let mut punctured = Vec::new();
        for row in &rows {
            let segment = segments.get(&row.place.segment).ok_or(KeyError::Corrupt)?;
            let Some(slot_key) = segment.key.slot_key(row.place.slot) else {
                punctured.push(row.clone());
                continue;
            };
            let key = open_row(row, &keys, segment)?.ok_or(KeyError::Corrupt)?;
            let bytes = row.place.wrap(&key, new.key.data_key(), &slot_key, &self.sources);
            wrapped.push((row, bytes));
        }
        let mut tx = self.db.begin(ctx).await?;
        for (row, bytes) in &wrapped {
            if let Some((old, _)) = row.wrapped {
                changes::replace_wrapping(&mut tx, row.place, old, (sealing, bytes)).await?;
            }
        }
        tx.commit().await?;
        // They came back with a backup of the database.
        self.bury(ctx, &punctured).await?;
        Ok(rows.len())
    }
}
