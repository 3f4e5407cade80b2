//! The keys of data subjects behind a list of sealed values.

use platform_core::RequestContext;

use super::ensure::{is_unavailable, knows_wrapping, open_row};
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
        for (id, opened) in self.open_rows(ctx, &rows).await? {
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
        rows: &[SubjectRow],
    ) -> Result<Vec<(KeyId, Opened)>, KeyError> {
        let is_live = |row: &&SubjectRow| row.state == SubjectState::Live;
        let gone = rows.iter().filter(|row| !is_live(row));
        let mut opened: Vec<_> = gone.map(|row| (row.place.key, Opened::Destroyed)).collect();
        if opened.len() == rows.len() {
            return Ok(opened);
        }
        let mut keys = self.tenant_keys(ctx).await?;
        if !rows.iter().filter(is_live).all(|row| knows_wrapping(&keys, row)) {
            self.invalidate(ctx.tenant()).await;
            keys = self.tenant_keys(ctx).await?;
        }
        let segments = self.segments_of(rows.iter().filter(is_live)).await?;
        for (done, row) in rows.iter().filter(is_live).enumerate() {
            if is_unavailable(&keys, row) {
                opened.push((row.place.key, Opened::Unavailable));
                continue;
            }
            let segment = segments.get(&row.place.segment).ok_or(KeyError::Corrupt)?;
            let key = open_row(row, &keys, segment)?;
            let key = key.map_or(Opened::Destroyed, |key| Opened::Key(FieldKey::new(key)));
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
    /// The tenant's key that wraps it cannot be had now.
    Unavailable,
}

fn with(keys: Keys, id: KeyId, key: Option<FieldKey>) -> Keys {
    match key {
        Some(key) => keys.with_opening(key),
        None => keys.with_destroyed(id),
    }
}
