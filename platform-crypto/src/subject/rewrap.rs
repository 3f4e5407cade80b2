//! Moving the keys of data subjects under the tenant's newest key.

use platform_core::RequestContext;
use serde_json::json;

use super::ensure::{RowKey, open_row, report_corrupt};
use super::rows::{self, SubjectRow};
use super::{SubjectId, changes};
use crate::keyring::{Inner, TenantKeys};
use crate::{DataKey, KeyError, KeyEvent, KeyEventKind, KeyId, Keyring};

/// Keys that are wrapped before others get a turn.
const WRAPS_AT_A_TIME: usize = 64;

impl Keyring {
    /// Wraps up to `limit` of the tenant's subject keys anew that are still under an older key of the tenant; how many were left to
    /// do. Call it until that is 0, and the older key can be destroyed. What the subjects' keys have sealed stays as it is.
    ///
    /// Works beside reads, writes and erasures, and beside itself. A key that cannot be unwrapped is logged and passed over.
    ///
    /// # Errors
    /// [`KeyError`]. What was done stays done; call it again. Once only keys are left that cannot be unwrapped,
    /// [`KeyError::Corrupt`] or [`KeyError::ErasureKeyLost`].
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
        let new = keys.find(sealing).ok_or(KeyError::Corrupt)?;
        let under = (sealing, new.key.data_key());
        // What cannot be wrapped anew does not keep the others under the old key.
        let mut failed = Vec::new();
        let mut cause = None;
        loop {
            let mut read = self.db.read(ctx).await?;
            let mut rows = rows::wrapped_by(&mut read, ctx.tenant(), &older, &failed, limit).await?;
            read.finish().await?;
            if rows.is_empty() {
                return cause.map_or(Ok(0), Err);
            }
            // In the same order for everybody who does this at the same time.
            rows.sort_unstable_by_key(|row| row.place.subject);
            let anew = Box::pin(self.wrap_anew(ctx, &keys, &rows, under)).await?;
            failed.extend(anew.failed);
            cause = cause.or(anew.cause);
            if anew.done > 0 {
                return Ok(anew.done);
            }
        }
    }

    async fn wrap_anew(
        &self,
        ctx: &RequestContext,
        keys: &TenantKeys,
        rows: &[SubjectRow],
        (sealing, new): (KeyId, &DataKey),
    ) -> Result<Anew, KeyError> {
        let segments = self.segments_of(rows.iter()).await?;
        let mut anew = Anew::default();
        let mut wrapped = Vec::with_capacity(rows.len());
        let mut punctured = Vec::new();
        for (number, row) in rows.iter().enumerate() {
            if number % WRAPS_AT_A_TIME == WRAPS_AT_A_TIME - 1 {
                tokio::task::yield_now().await;
            }
            let Some(segment) = segments.get(&row.place.segment) else {
                anew.fail(row, KeyError::ErasureKeyLost(row.place.segment.number));
                continue;
            };
            let Some(slot_key) = segment.key.slot_key(row.place.slot) else {
                punctured.push(row.clone());
                continue;
            };
            let Ok(RowKey::Key(key)) = open_row(row, keys, segment) else {
                report_corrupt(ctx.tenant(), row);
                anew.fail(row, KeyError::Corrupt);
                continue;
            };
            wrapped.push((row, row.place.wrap(&key, new, &slot_key, &self.sources)));
        }
        let mut tx = self.db.begin(ctx).await?;
        let mut changed = 0_usize;
        for (row, bytes) in &wrapped {
            if let Some((old, _)) = row.wrapped
                && changes::replace_wrapping(&mut tx, row.place, old, (sealing, bytes)).await?
            {
                changed += 1;
            }
        }
        if changed > 0 {
            // One for all of them: a person's key stays what it is.
            let event = KeyEvent::new(KeyEventKind::SubjectsRewrap, "key", sealing.to_string())
                .detail(json!({ "subjects": changed }));
            self.log.record(&mut tx, ctx, &event).await?;
        }
        tx.commit().await?;
        // They came back with a backup of the database.
        self.bury(ctx, &punctured).await?;
        anew.done = wrapped.len() + punctured.len();
        Ok(anew)
    }
}

/// What was wrapped anew.
#[derive(Default)]
struct Anew {
    done: usize,
    failed: Vec<SubjectId>,
    cause: Option<KeyError>,
}

impl Anew {
    fn fail(&mut self, row: &SubjectRow, error: KeyError) {
        self.failed.push(row.place.subject);
        self.cause.get_or_insert(error);
    }
}
