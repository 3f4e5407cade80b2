//! Making and loading the key of a data subject.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use platform_core::pg::TenantTx;
use platform_core::{RequestContext, TenantId, error_chain};

use super::cache::LoadedSegment;
use super::changes::{self, NewSubject};
use super::rows::{self, SubjectRow, SubjectState};
use super::wrap::SubjectPlace;
use super::{PuncturableKey, Revision, SegmentId, Slot, SubjectId, SubjectKey};
use crate::keyring::{Inner, TenantKeys};
use crate::{DataKey, ErasureStoreError, FieldKey, KeyError, Keyring, ProviderError, Purpose};

/// Slots that are drawn at a time. When all of them are taken, the segment is about full and the next one is begun.
const CANDIDATES: usize = 16;

/// How often somebody else may get in between.
const TRIES: u32 = 8;

const NOT_LOADED: &str = "the tenant's key that wraps the data subject's cannot be had now";

/// What became of a subject's key.
pub(super) enum RowKey {
    Key(DataKey),
    /// In this database or outside it, for good.
    Destroyed,
    /// The tenant's key that wraps it is not at hand, which is not the end of it.
    Unavailable,
}

impl Keyring {
    /// The key of a data subject, made if the subject has none, for sealing fields in the same transaction.
    ///
    /// Works on the transaction's connection alone, so it may be called inside one; nothing is made if that is rolled back. Until it
    /// ends nobody erases the subject. The first subject of a tenant, and one in about ten thousand after it, writes to the
    /// [erasure store](crate::ErasureStore); all others on a warm cache ask only the database. Fields are opened with
    /// [`keys_for`](Keyring::keys_for), which finds the key by the id in their headers.
    ///
    /// # Errors
    /// [`KeyError::SubjectErased`] for good once an erasure has begun. [`KeyError::NoErasureStore`] and
    /// [`KeyError::ErasureKeyLost`] are for the operator; for the others see [`keys`](Keyring::keys).
    pub async fn ensure_subject(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        subject: SubjectId,
    ) -> Result<SubjectKey, KeyError> {
        Box::pin(self.inner.ensure_subject(tx, ctx, subject)).await
    }
}

impl Inner {
    async fn ensure_subject(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        subject: SubjectId,
    ) -> Result<SubjectKey, KeyError> {
        if tx.tenant() != ctx.tenant() {
            return Err(KeyError::ForeignTransaction);
        }
        for _ in 0..TRIES {
            if let Some(row) = rows::share(tx, subject).await? {
                return self.load_subject(tx, ctx, row).await;
            }
            if let Some(made) = self.make_subject(tx, ctx, subject).await? {
                return Ok(made);
            }
            // Somebody else has made it, or has taken the slot, or has destroyed the tenant's key.
            self.invalidate(ctx.tenant()).await;
        }
        Err(KeyError::Corrupt)
    }

    async fn load_subject(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        mut row: SubjectRow,
    ) -> Result<SubjectKey, KeyError> {
        let SubjectPlace {
            subject,
            key: id,
            segment,
            ..
        } = row.place;
        if row.state != SubjectState::Live {
            return Err(KeyError::SubjectErased(subject));
        }
        let now = self.sources.now();
        if let Some(loaded) = self.subjects.key(ctx.tenant(), id, now).await {
            let key = loaded.key.ok_or(KeyError::SubjectErased(subject))?;
            return Ok(SubjectKey::new(ctx.tenant(), subject, key));
        }
        let generation = self.subjects.generation();
        let mut keys = self.tenant_keys_in(tx, ctx, Purpose::Data).await?;
        if !knows_wrapping(&keys, &row) {
            self.invalidate(ctx.tenant()).await;
            keys = self.tenant_keys_in(tx, ctx, Purpose::Data).await?;
            // It may have come under a newer key since it was read, and the older one may be gone.
            row = rows::share(tx, subject).await?.ok_or(KeyError::Corrupt)?;
        }
        let loaded = self.segment_of(segment).await?;
        let key = match open_row(&row, &keys, &loaded)? {
            RowKey::Key(key) => FieldKey::new(key),
            RowKey::Destroyed => return Err(KeyError::SubjectErased(subject)),
            RowKey::Unavailable if is_refused(&keys, &row) => return Err(ProviderError::Refused.into()),
            RowKey::Unavailable => return Err(ProviderError::unavailable(NOT_LOADED).into()),
        };
        self.subjects
            .keep_key(ctx.tenant(), id, Some(key.clone()), (generation, now))
            .await;
        Ok(SubjectKey::new(ctx.tenant(), subject, key))
    }

    async fn make_subject(
        &self,
        tx: &mut TenantTx,
        ctx: &RequestContext,
        subject: SubjectId,
    ) -> Result<Option<SubjectKey>, KeyError> {
        let keys = self.tenant_keys_in(tx, ctx, Purpose::Data).await?;
        let sealing = keys.sealing(self.sources.now()).ok_or(KeyError::Corrupt)?.id;
        let tenant_key = keys.find(sealing).ok_or(KeyError::Corrupt)?;
        let (segment, slot, loaded) = self.free_slot(tx, ctx.tenant()).await?;
        let slot_key = loaded.key.slot_key(slot).ok_or(KeyError::Corrupt)?;
        let key = DataKey::generate(&self.sources);
        let place = SubjectPlace {
            subject,
            key: key.id(),
            segment,
            slot,
        };
        let new = NewSubject {
            place,
            wrapped_by: sealing,
            wrapped: &place.wrap(&key, tenant_key.key.data_key(), &slot_key, &self.sources),
            created_at: self.sources.now(),
        };
        let inserted = changes::insert(tx, &new).await?;
        Ok(inserted.then(|| SubjectKey::new(ctx.tenant(), subject, FieldKey::new(key))))
    }

    /// A slot that nobody has, in the newest segment that is not full.
    async fn free_slot(
        &self,
        tx: &mut TenantTx,
        tenant: TenantId,
    ) -> Result<(SegmentId, Slot, Arc<LoadedSegment>), KeyError> {
        let newest = rows::newest_segment(&mut *tx, tenant).await?;
        if let Some(number) = newest {
            let id = SegmentId { tenant, number };
            // There are subjects in it: a store that does not have it has lost it.
            let segment = self.segment_of(id).await?;
            if let Some(slot) = self.draw_slot(tx, id, &segment).await? {
                return Ok((id, slot, segment));
            }
        }
        let mut number = newest.map_or(0, |newest| newest.saturating_add(1));
        for _ in 0..TRIES {
            let id = SegmentId { tenant, number };
            let segment = self.segment_or_new(id).await?;
            if let Some(slot) = self.draw_slot(tx, id, &segment).await? {
                return Ok((id, slot, segment));
            }
            // All punctured: by subjects that are not in this database any more, because it was restored from a backup.
            number = number.saturating_add(1);
        }
        Err(KeyError::Corrupt)
    }

    async fn draw_slot(
        &self,
        tx: &mut TenantTx,
        id: SegmentId,
        segment: &LoadedSegment,
    ) -> Result<Option<Slot>, KeyError> {
        let drawn = std::iter::repeat_with(|| Slot::draw(&self.sources)).take(CANDIDATES);
        let candidates: Vec<Slot> = drawn.filter(|slot| !segment.key.is_punctured(*slot)).collect();
        rows::free_slot(tx, id, &candidates).await
    }

    /// A segment in which there are subjects.
    pub(super) async fn segment_of(&self, id: SegmentId) -> Result<Arc<LoadedSegment>, KeyError> {
        let segment = self.subjects.segment(id, &self.sources).await?;
        segment.ok_or(KeyError::ErasureKeyLost(id.number))
    }

    /// The segments of these subjects, without those that are lost.
    pub(super) async fn segments_of(
        &self,
        rows: impl Iterator<Item = &SubjectRow>,
    ) -> Result<HashMap<SegmentId, Arc<LoadedSegment>>, KeyError> {
        let ids: HashSet<SegmentId> = rows.map(|row| row.place.segment).collect();
        let mut segments = HashMap::with_capacity(ids.len());
        for id in ids {
            match self.segment_of(id).await {
                Ok(segment) => {
                    segments.insert(id, segment);
                }
                Err(error @ KeyError::ErasureKeyLost(_)) => tracing::error!(
                    tenant.id = %id.tenant,
                    segment = id.number,
                    error = %error_chain(&error),
                    "the fields of the data subjects of a segment cannot be opened",
                ),
                Err(error) => return Err(error),
            }
        }
        Ok(segments)
    }

    async fn segment_or_new(&self, id: SegmentId) -> Result<Arc<LoadedSegment>, KeyError> {
        if let Some(segment) = self.subjects.segment(id, &self.sources).await? {
            return Ok(segment);
        }
        let new = PuncturableKey::generate(&self.sources);
        let stored = self
            .subjects
            .store_segment(id, Revision::ABSENT, new, &self.sources)
            .await;
        match stored {
            Err(KeyError::ErasureStore(error)) if matches!(*error, ErasureStoreError::Conflict) => {
                // Somebody else has made it.
                self.segment_of(id).await
            }
            other => other,
        }
    }
}

/// Whether the tenant's key that wraps a subject's is among these.
pub(super) fn knows_wrapping(keys: &TenantKeys, row: &SubjectRow) -> bool {
    row.wrapped
        .as_ref()
        .is_none_or(|(by, _)| keys.find(*by).is_some() || keys.refused(*by))
}

/// Whether the provider refuses the tenant's key that wraps a subject's, which is not the end of the subject's key.
fn is_refused(keys: &TenantKeys, row: &SubjectRow) -> bool {
    let wrapped = row.wrapped.as_ref();
    wrapped.is_some_and(|(by, _)| keys.refused(*by))
}

/// The key of a subject. Only its own state or a punctured slot says that it is destroyed.
pub(super) fn open_row(
    row: &SubjectRow,
    keys: &TenantKeys,
    segment: &LoadedSegment,
) -> Result<RowKey, KeyError> {
    if row.state != SubjectState::Live {
        return Ok(RowKey::Destroyed);
    }
    let Some(slot_key) = segment.key.slot_key(row.place.slot) else {
        return Ok(RowKey::Destroyed);
    };
    let (wrapped_by, wrapped) = row.wrapped.as_ref().ok_or(KeyError::Corrupt)?;
    let Some(tenant_key) = keys.find(*wrapped_by) else {
        return Ok(RowKey::Unavailable);
    };
    let key = row.place.unwrap(wrapped, tenant_key.key.data_key(), &slot_key);
    key.map(RowKey::Key).map_err(|_| KeyError::Corrupt)
}

/// Tells the operator of a row that cannot be unwrapped.
pub(super) fn report_corrupt(tenant: TenantId, row: &SubjectRow) {
    tracing::error!(
        tenant.id = %tenant,
        subject.id = %row.place.subject,
        key.id = %row.place.key,
        "the key of a data subject cannot be unwrapped: its row was altered",
    );
}
