//! Erasures again, after the database or the store was restored.

use platform_core::RequestContext;
use serde_json::json;

use super::erase::event;
use super::rows::{self, SubjectRow, SubjectState};
use super::{SegmentId, Slot, changes};
use crate::index;
use crate::keyring::{Change, Inner, notify};
use crate::{KeyError, KeyEventKind, Keyring};

impl Keyring {
    /// Brings the tenant's table of subjects and the erasure store together after one of them was restored from a backup; how many
    /// subjects were erased again.
    ///
    /// A subject that the database takes for alive, but whose slot is punctured, was erased after the backup was made: it is marked
    /// as erased and its tags are deleted. It cannot be read before that either. The other way round, slots of erased subjects that
    /// an old copy of the store has brought back are punctured again. Legal holds do not matter: what is gone is gone.
    ///
    /// # Errors
    /// [`KeyError`]. What was done stays done; call it again.
    pub async fn replay_erasures(&self, ctx: &RequestContext) -> Result<usize, KeyError> {
        Box::pin(self.inner.replay_erasures(ctx)).await
    }
}

impl Inner {
    async fn replay_erasures(&self, ctx: &RequestContext) -> Result<usize, KeyError> {
        let mut read = self.db.read(ctx).await?;
        let newest = rows::newest_segment(&mut read, ctx.tenant()).await?;
        read.finish().await?;
        let mut replayed = 0;
        for number in newest.map_or(0..0, |newest| 0..newest.saturating_add(1)) {
            let id = SegmentId {
                tenant: ctx.tenant(),
                number,
            };
            replayed += self.replay_segment(ctx, id).await?;
        }
        Ok(replayed)
    }

    async fn replay_segment(&self, ctx: &RequestContext, id: SegmentId) -> Result<usize, KeyError> {
        let mut read = self.db.read(ctx).await?;
        let rows = rows::by_segment(&mut read, id).await?;
        read.finish().await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let segment = self.subjects.load_segment(id, &self.sources).await?;
        let segment = segment.ok_or(KeyError::ErasureKeyLost(id.number))?;
        let is_punctured = |row: &SubjectRow| segment.key.is_punctured(row.place.slot);
        let (destroyed, standing): (Vec<_>, Vec<_>) = rows
            .into_iter()
            .partition(|row| row.state == SubjectState::Destroyed);
        let risen: Vec<Slot> = destroyed
            .iter()
            .filter(|row| !is_punctured(row))
            .map(|row| row.place.slot)
            .collect();
        if !risen.is_empty() {
            self.puncture(id, &risen).await?;
        }
        let undead: Vec<SubjectRow> = standing.into_iter().filter(is_punctured).collect();
        self.bury(ctx, &undead).await?;
        Ok(undead.len())
    }

    /// Marks subjects as erased whose slots are punctured.
    pub(super) async fn bury(&self, ctx: &RequestContext, rows: &[SubjectRow]) -> Result<(), KeyError> {
        for row in rows {
            let subject = row.place.subject;
            let now = self.sources.now();
            let mut tx = self.db.begin(ctx).await?;
            let Some(row) = rows::lock(&mut tx, subject).await? else {
                continue;
            };
            if row.state == SubjectState::Destroyed {
                continue;
            }
            changes::begin_erasure(&mut tx, subject, now).await?;
            changes::destroy(&mut tx, subject, now).await?;
            let tags = index::delete_of_subject(&mut tx, subject).await?;
            let event =
                event(KeyEventKind::SubjectErase, &row).detail(json!({ "tags": tags, "replayed": true }));
            self.log.record(&mut tx, ctx, &event).await?;
            let change = Change::Subject(ctx.tenant(), row.place.key);
            notify(&mut tx, &change).await?;
            tx.commit().await?;
            self.apply(change).await;
        }
        Ok(())
    }
}
