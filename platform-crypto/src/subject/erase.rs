//! Erasing a data subject.

use platform_core::pg::{DbError, TenantTx};
use platform_core::{RequestContext, Timestamp};
use serde_json::json;

use super::rows::{self, SubjectRow, SubjectState};
use super::{ErasureStoreError, Hold, PuncturableKey, SegmentId, Slot, SubjectId, changes, hold};
use crate::index;
use crate::keyring::{Change, Inner, notify};
use crate::{KeyError, KeyEvent, KeyEventKind, KeyId, Keyring};

/// How often another process may get in between.
const TRIES: u32 = 64;

/// A data subject is erased: nothing that was sealed under its key can be read again, by anybody, from any backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Erased {
    /// Who.
    pub subject: SubjectId,
    /// The key that is gone.
    pub key: KeyId,
    /// When it was asked for; from then on nothing was opened.
    pub requested_at: Timestamp,
    /// When it was done.
    pub destroyed_at: Timestamp,
}

/// What is known of a data subject's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubjectInfo {
    /// Who.
    pub subject: SubjectId,
    /// The id of its key.
    pub key: KeyId,
    /// Whether its fields can be read.
    pub state: SubjectState,
    /// When the key was made.
    pub created_at: Timestamp,
    /// When the erasure was asked for.
    pub erase_requested_at: Option<Timestamp>,
    /// When the key was destroyed.
    pub destroyed_at: Option<Timestamp>,
}

/// Why a data subject was not erased.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EraseError {
    /// Legal holds stand on the subject. Nothing was changed, and the refusal was recorded.
    #[error("the data subject is under {} legal hold(s)", .holds.len())]
    Held {
        /// Those that stand.
        holds: Vec<Hold>,
    },
    /// The subject never had a key. Its tags in blind indexes are deleted all the same.
    #[error("the data subject has no key")]
    NotFound,
    /// The database, the erasure store or the log failed. If the erasure had begun, nothing of the subject is opened any more, and
    /// [`Keyring::resume_erasures`] finishes it; or call again.
    #[error("the data subject could not be erased yet")]
    Keys(#[from] KeyError),
}

impl Keyring {
    /// Erases a data subject: destroys its key here, in every other process and in every backup of the database.
    ///
    /// Three steps, each durable before the next begins, and a crash between them is made good by calling again or by
    /// [`resume_erasures`](Keyring::resume_erasures): in one transaction the subject is marked, so that its fields are refused from
    /// then on, and its tags in blind indexes are deleted; the subject's slot of the erasure key is punctured, outside the database;
    /// the wrapped key is dropped. Other processes hear of the first step at once, and within the keyring's time-to-live if the
    /// message is lost. What they have loaded of the erasure key and of the subject's stays in their memory for longer, although they
    /// open nothing with it: for two times-to-live, and when the store of erasure keys is unavailable for the grace of the keyring and
    /// one more. Who reads the memory of a process can use it until then. The sealed bytes stay in their tables and are noise; delete
    /// those rows if you can.
    ///
    /// What stays in backups: that there was a subject with this id, and its tags. With the tenant's index key somebody could still
    /// check a guess at an erased value against the tags of an old backup.
    ///
    /// Erasing a subject that is erased already changes nothing and succeeds.
    ///
    /// # Errors
    /// [`EraseError`].
    pub async fn erase(&self, ctx: &RequestContext, subject: SubjectId) -> Result<Erased, EraseError> {
        let mut tx = self.inner.db.begin(ctx).await?;
        match self.begin_erasure(&mut tx, ctx, subject).await {
            Ok(()) => tx.commit().await?,
            Err(EraseError::NotFound) => {
                // Its tags go, although it has no key.
                tx.commit().await?;
                return Err(EraseError::NotFound);
            }
            Err(EraseError::Held { holds }) => {
                tx.rollback().await?;
                self.record_refused_erasure(ctx, subject, &holds).await?;
                return Err(EraseError::Held { holds });
            }
            Err(error) => return Err(error),
        }
        self.finish_erasure(ctx, subject).await
    }

    /// The first step of an [erasure](Self::erase), in a transaction of the caller's in which more is taken away: marks the subject,
    /// so that its fields are refused once the transaction commits, and deletes its tags in blind indexes. Go on with
    /// [`finish_erasure`](Self::finish_erasure) after the commit.
    ///
    /// # Errors
    /// [`EraseError`]; roll the transaction back, but for [`EraseError::NotFound`], after which it may be committed: the tags of the
    /// subject that has no key are deleted in it. After [`EraseError::Held`] call
    /// [`record_refused_erasure`](Self::record_refused_erasure).
    pub async fn begin_erasure(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        subject: SubjectId,
    ) -> Result<(), EraseError> {
        Box::pin(self.inner.begin_erasure(tx, ctx, subject)).await
    }

    /// The other steps of an erasure that has begun: destroys the subject's slot outside the database, then drops the wrapped key.
    ///
    /// # Errors
    /// [`EraseError::NotFound`] when it has not begun, [`EraseError::Keys`] when it has to be called again.
    pub async fn finish_erasure(
        &self,
        ctx: &RequestContext,
        subject: SubjectId,
    ) -> Result<Erased, EraseError> {
        let inner = &*self.inner;
        let mut read = inner.db.read(ctx).await?;
        let row = rows::by_subject(&mut read, ctx.tenant(), subject).await?;
        read.finish().await?;
        let row = row
            .filter(|row| row.state != SubjectState::Live)
            .ok_or(EraseError::NotFound)?;
        // Once more, because the commit was the caller's.
        inner.apply(Change::Subject(ctx.tenant(), row.place.key)).await;
        Ok(Box::pin(inner.finish_erasure(ctx, &row)).await?)
    }

    /// Records that an erasure was refused, in a transaction of its own.
    ///
    /// # Errors
    /// [`KeyError`] when it could not be recorded.
    pub async fn record_refused_erasure(
        &self,
        ctx: &RequestContext,
        subject: SubjectId,
        holds: &[Hold],
    ) -> Result<(), KeyError> {
        let ids: Vec<_> = holds.iter().map(|hold| hold.id).collect();
        let event = KeyEvent::new(KeyEventKind::SubjectEraseRefused, "subject", subject.to_string());
        let event = event.detail(json!({ "holds": ids })).denied("legal_hold");
        self.inner.record_alone(ctx, &event).await
    }

    /// Finishes up to `limit` erasures of the tenant that were interrupted; how many. [`maintain`](Keyring::maintain) does it too.
    ///
    /// # Errors
    /// [`KeyError`]; call it again.
    pub async fn resume_erasures(&self, ctx: &RequestContext, limit: u32) -> Result<usize, KeyError> {
        Box::pin(self.inner.resume_erasures(ctx, limit)).await
    }

    /// What is known of a subject's key; nothing when it never had one.
    ///
    /// # Errors
    /// [`KeyError::Db`] when the database fails.
    pub async fn subject(
        &self,
        ctx: &RequestContext,
        subject: SubjectId,
    ) -> Result<Option<SubjectInfo>, KeyError> {
        let mut read = self.inner.db.read(ctx).await?;
        let row = rows::by_subject(&mut read, ctx.tenant(), subject).await?;
        read.finish().await?;
        Ok(row.map(|row| row.info()))
    }
}

impl Inner {
    /// The first step.
    async fn begin_erasure(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        subject: SubjectId,
    ) -> Result<(), EraseError> {
        if tx.tenant() != ctx.tenant() {
            return Err(KeyError::ForeignTransaction.into());
        }
        hold::lock(tx, subject).await?;
        let row = rows::lock(tx, subject).await?;
        if row.as_ref().is_some_and(|row| row.state != SubjectState::Live) {
            return Ok(());
        }
        let holds = hold::standing(&mut *tx, ctx, subject).await?;
        if !holds.is_empty() {
            return Err(EraseError::Held { holds });
        }
        let tags = index::delete_of_subject(tx, subject).await?;
        let row = row.ok_or(EraseError::NotFound)?;
        changes::begin_erasure(tx, subject, self.sources.now()).await?;
        let event = event(KeyEventKind::SubjectEraseRequest, &row).detail(json!({ "tags": tags }));
        self.log.record(tx, ctx, &event).await.map_err(KeyError::from)?;
        notify(tx, &Change::Subject(ctx.tenant(), row.place.key)).await?;
        Ok(())
    }

    /// The second and the third step.
    pub(super) async fn finish_erasure(
        &self,
        ctx: &RequestContext,
        row: &SubjectRow,
    ) -> Result<Erased, KeyError> {
        if row.state != SubjectState::Destroyed {
            self.puncture(row.place.segment, &[row.place.slot]).await?;
        }
        let subject = row.place.subject;
        let mut tx = self.db.begin(ctx).await?;
        let mut row = rows::lock(&mut tx, subject).await?.ok_or(KeyError::Corrupt)?;
        if row.state == SubjectState::Erasing {
            let now = self.sources.now();
            changes::destroy(&mut tx, subject, now).await?;
            self.log
                .record(&mut tx, ctx, &event(KeyEventKind::SubjectErase, &row))
                .await?;
            let change = Change::Subject(ctx.tenant(), row.place.key);
            notify(&mut tx, &change).await?;
            tx.commit().await?;
            self.apply(change).await;
            row.destroyed_at = Some(now);
        }
        let times = row.erase_requested_at.zip(row.destroyed_at);
        let (requested_at, destroyed_at) = times.ok_or(KeyError::Corrupt)?;
        Ok(Erased {
            subject,
            key: row.place.key,
            requested_at,
            destroyed_at,
        })
    }

    pub(crate) async fn resume_erasures(&self, ctx: &RequestContext, limit: u32) -> Result<usize, KeyError> {
        let mut read = self.db.read(ctx).await?;
        let begun = rows::erasing(&mut read, ctx.tenant(), limit).await?;
        read.finish().await?;
        // One that cannot be finished now does not keep the others waiting.
        let mut failed = None;
        for row in &begun {
            if let Err(error) = self.finish_erasure(ctx, row).await {
                failed.get_or_insert(error);
            }
        }
        failed.map_or(Ok(begun.len()), Err)
    }

    /// Destroys slots of a segment; when it returns, that is durable. Also writes when they are destroyed already, because whoever
    /// did that may have died before it was.
    pub(super) async fn puncture(&self, id: SegmentId, slots: &[Slot]) -> Result<(), KeyError> {
        let _turn = self.subjects.puncturing.lock().await;
        for _ in 0..TRIES {
            let stored = self.subjects.store()?.load(id).await?;
            let stored = stored.ok_or(KeyError::ErasureKeyLost(id.number))?;
            let decoded = PuncturableKey::decode(id, &stored.bytes);
            let mut key = decoded.map_err(|_| KeyError::ErasureKeyLost(id.number))?;
            for slot in slots {
                key.puncture(*slot);
            }
            match self
                .subjects
                .store_segment(id, stored.revision, key, &self.sources)
                .await
            {
                Ok(_) => return Ok(()),
                Err(KeyError::ErasureStore(error)) if matches!(*error, ErasureStoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(ErasureStoreError::Conflict.into())
    }
}

impl SubjectRow {
    fn info(&self) -> SubjectInfo {
        SubjectInfo {
            subject: self.place.subject,
            key: self.place.key,
            state: self.state,
            created_at: self.created_at,
            erase_requested_at: self.erase_requested_at,
            destroyed_at: self.destroyed_at,
        }
    }
}

pub(super) fn event(kind: KeyEventKind, row: &SubjectRow) -> KeyEvent {
    KeyEvent::new(kind, "subject", row.place.subject.to_string()).about(row.place.key)
}

impl From<DbError> for EraseError {
    fn from(error: DbError) -> Self {
        Self::Keys(error.into())
    }
}
