//! The keys of data subjects behind a list of sealed values.

use platform_core::RequestContext;

use super::ensure::{RowKey, knows_wrapping, open_row, report_corrupt};
use super::rows::{self, SubjectRow, SubjectState};
use crate::keyring::Inner;
use crate::{FieldKey, KeyError, KeyId, Keys};

/// Keys that are unwrapped before others get a turn.
const UNWRAPS_AT_A_TIME: usize = 64;

impl Inner {
    /// The same keys with those of the subjects behind `ids`: one query for all that are not in memory. What is behind an id that is no
    /// subject's is left out.
    pub(crate) async fn with_subjects(
        &self,
        ctx: &RequestContext,
        mut keys: Keys,
        ids: &[KeyId],
    ) -> Result<Keys, KeyError> {
        let tenant = ctx.tenant();
        let (generation, now) = (self.subjects.generation(), self.sources.now());
        let mut unknown = Vec::new();
        for id in ids {
            match self.subjects.key(tenant, *id, now).await {
                Some(loaded) => keys = with(keys, *id, loaded.key),
                None => unknown.push(*id),
            }
        }
        if unknown.is_empty() {
            return Ok(keys);
        }
        let mut read = self.db.read(ctx).await?;
        let rows = rows::by_keys(&mut read, tenant, &unknown).await?;
        read.finish().await?;
        for (id, opened) in self.open_rows(ctx, rows).await? {
            let key = match opened {
                Opened::Key(key) => Some(key),
                Opened::Destroyed => None,
                Opened::Unavailable => {
                    keys = keys.with_unavailable(id);
                    continue;
                }
            };
            self.subjects
                .keep_key(tenant, id, key.clone(), (generation, now))
                .await;
            keys = with(keys, id, key);
        }
        Ok(keys)
    }

    async fn open_rows(
        &self,
        ctx: &RequestContext,
        mut rows: Vec<SubjectRow>,
    ) -> Result<Vec<(KeyId, Opened)>, KeyError> {
        let is_live = |row: &&SubjectRow| row.state == SubjectState::Live;
        let gone = |row: &SubjectRow| (row.place.key, Opened::Destroyed);
        if !rows.iter().any(|row| is_live(&row)) {
            return Ok(rows.iter().map(gone).collect());
        }
        let mut keys = self.tenant_keys(ctx).await?;
        if !rows.iter().filter(is_live).all(|row| knows_wrapping(&keys, row)) {
            self.invalidate(ctx.tenant()).await;
            keys = self.tenant_keys(ctx).await?;
            // They may have come under a newer key since they were read, and the older one may be gone.
            let ids: Vec<KeyId> = rows.iter().map(|row| row.place.key).collect();
            let mut read = self.db.read(ctx).await?;
            rows = rows::by_keys(&mut read, ctx.tenant(), &ids).await?;
            read.finish().await?;
        }
        let mut opened: Vec<_> = rows.iter().filter(|row| !is_live(row)).map(gone).collect();
        let segments = self.segments_of(rows.iter().filter(is_live)).await?;
        for (done, row) in rows.iter().filter(is_live).enumerate() {
            let key = match segments.get(&row.place.segment) {
                Some(segment) => open_row(row, &keys, segment),
                None => Ok(RowKey::Unavailable),
            };
            let key = match key {
                Ok(RowKey::Key(key)) => Opened::Key(FieldKey::new(key)),
                Ok(RowKey::Destroyed) => Opened::Destroyed,
                Ok(RowKey::Unavailable) => Opened::Unavailable,
                // One row does not keep the others from being read.
                Err(_) => {
                    report_corrupt(ctx.tenant(), row);
                    Opened::Unavailable
                }
            };
            opened.push((row.place.key, key));
            if done % UNWRAPS_AT_A_TIME == UNWRAPS_AT_A_TIME - 1 {
                tokio::task::yield_now().await;
            }
        }
        Ok(opened)
    }
}

/// What became of a subject's key.
enum Opened {
    Key(FieldKey),
    Destroyed,
    /// It cannot be had now: the tenant's key that wraps it is not at hand, its segment is lost, or its row was altered.
    Unavailable,
}

fn with(keys: Keys, id: KeyId, key: Option<FieldKey>) -> Keys {
    match key {
        Some(key) => keys.with_opening(key),
        None => keys.with_destroyed(id),
    }
}
