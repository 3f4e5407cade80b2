//! What is kept in memory of data subjects' keys.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::future::Cache;
use platform_core::{Sources, TenantId, Timestamp, error_chain};
use tokio::time::timeout;

use super::{ErasureStore, ErasureStoreError, PuncturableKey, Revision, SegmentId};
use crate::keyring::single::{Single, Waited};
use crate::keyring::{PATIENCE, RETRY_AFTER_MAX};
use crate::{FieldKey, KeyError, KeyId};

/// How many keys of data subjects are kept at most. Each takes about 1 KiB and as much again for every column it is used for: with ten
/// sealed columns 220 MB in all.
const SUBJECT_KEYS_MAX: u64 = 20_000;

/// How many seeds of erasure keys are kept in memory: about 20 MB.
const NODES_MAX: u64 = 400_000;

/// The store of erasure keys and what was loaded from it, and the subjects' keys that were unwrapped.
pub(crate) struct Subjects {
    store: Option<Arc<dyn ErasureStore>>,
    ttl: Duration,
    /// How long after it was loaded a segment is used while the store is unavailable.
    grace: Duration,
    segments: Cache<SegmentId, Arc<LoadedSegment>>,
    /// Loading them anew: one does it for all who wait.
    loading: Cache<SegmentId, Arc<Single>>,
    keys: Cache<(TenantId, KeyId), LoadedSubject>,
    /// Goes up with every message that a subject's key is out of date.
    generation: AtomicU64,
    /// Erasures of this process wait for one another instead of running into conflicts.
    pub(super) puncturing: tokio::sync::Mutex<()>,
}

/// A segment as it was loaded.
pub(super) struct LoadedSegment {
    pub(super) key: Arc<PuncturableKey>,
    loaded_at: Timestamp,
    /// When the store is asked again.
    fresh_until: Timestamp,
}

/// A subject's key as it was loaded.
#[derive(Clone)]
pub(super) struct LoadedSubject {
    /// `None` when it is destroyed.
    pub(super) key: Option<FieldKey>,
    loaded_at: Timestamp,
}

impl Subjects {
    pub(crate) fn new(
        store: Option<Arc<dyn ErasureStore>>,
        (ttl, grace): (Duration, Duration),
        keys_max: u64,
    ) -> Self {
        let idle = ttl.saturating_mul(2);
        let weigh = |_: &SegmentId, segment: &Arc<LoadedSegment>| {
            u32::try_from(segment.key.nodes())
                .unwrap_or(u32::MAX)
                .saturating_add(1)
        };
        Self {
            store,
            ttl,
            grace,
            segments: Cache::builder()
                .max_capacity(NODES_MAX)
                .weigher(weigh)
                .time_to_idle(ttl.max(grace).saturating_add(ttl))
                .build(),
            loading: Cache::builder()
                .max_capacity(NODES_MAX)
                .time_to_idle(idle)
                .build(),
            keys: Cache::builder()
                .max_capacity(keys_max.min(SUBJECT_KEYS_MAX))
                .time_to_idle(idle)
                .build(),
            generation: AtomicU64::new(0),
            puncturing: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn store(&self) -> Result<&Arc<dyn ErasureStore>, KeyError> {
        self.store.as_ref().ok_or(KeyError::NoErasureStore)
    }

    /// A segment, loaded if need be; nothing when it was never made. What was loaded serves for the grace while the store is
    /// unavailable: whoever was erased in the meantime is so in the database, which is asked in any case.
    pub(super) async fn segment(
        &self,
        id: SegmentId,
        sources: &Sources,
    ) -> Result<Option<Arc<LoadedSegment>>, KeyError> {
        if let Some(segment) = self.fresh_segment(id, sources).await {
            return Ok(Some(segment));
        }
        let single = self.loading.get_with(id, async { Arc::default() }).await;
        let turn = match single.wait(|| None::<Infallible>).await {
            Waited::Done(never) => match never {},
            Waited::Failed(error) => return Err(error),
            Waited::Turn(turn) => turn,
        };
        let loaded = match self.fresh_segment(id, sources).await {
            // Somebody else has loaded it, while this one waited.
            Some(segment) => Ok(Some(segment)),
            None => self.reload_segment(id, sources).await,
        };
        turn.end(&loaded);
        loaded
    }

    async fn fresh_segment(&self, id: SegmentId, sources: &Sources) -> Option<Arc<LoadedSegment>> {
        let segment = self.segments.get(&id).await?;
        let now = sources.now();
        (segment.loaded_at <= now && now < segment.fresh_until).then_some(segment)
    }

    /// From the store, or for want of an answer what was loaded before.
    async fn reload_segment(
        &self,
        id: SegmentId,
        sources: &Sources,
    ) -> Result<Option<Arc<LoadedSegment>>, KeyError> {
        let now = sources.now();
        let cached = self.segments.get(&id).await;
        let Some(kept) = cached.and_then(|cached| self.kept(&cached, now)) else {
            return self.load_segment(id, sources).await;
        };
        let reason = match timeout(PATIENCE, self.load_segment(id, sources)).await {
            Ok(Err(error)) if is_unavailable(&error) => error_chain(&error),
            Ok(loaded) => return loaded,
            Err(_) => "no answer in time".to_owned(),
        };
        tracing::error!(tenant.id = %id.tenant, error = reason, "the store of erasure keys cannot be asked");
        Ok(Some(self.keep_segment(id, kept).await))
    }

    /// An old segment for another moment, if its grace is not over.
    fn kept(&self, old: &LoadedSegment, now: Timestamp) -> Option<LoadedSegment> {
        let ends_at = old.loaded_at + self.grace;
        let retry_at = now + (self.ttl / 10).min(RETRY_AFTER_MAX);
        (old.loaded_at <= now && now < ends_at).then(|| LoadedSegment {
            key: Arc::clone(&old.key),
            loaded_at: old.loaded_at,
            fresh_until: retry_at.min(ends_at),
        })
    }

    /// The same, always from the store.
    pub(super) async fn load_segment(
        &self,
        id: SegmentId,
        sources: &Sources,
    ) -> Result<Option<Arc<LoadedSegment>>, KeyError> {
        let loaded_at = sources.now();
        let Some(stored) = self.store()?.load(id).await? else {
            return Ok(None);
        };
        let key =
            PuncturableKey::decode(id, &stored.bytes).map_err(|_| KeyError::ErasureKeyLost(id.number))?;
        let segment = self.loaded(key, loaded_at);
        Ok(Some(self.keep_segment(id, segment).await))
    }

    /// Stores a segment over a revision.
    pub(super) async fn store_segment(
        &self,
        id: SegmentId,
        over: Revision,
        key: PuncturableKey,
        sources: &Sources,
    ) -> Result<Arc<LoadedSegment>, KeyError> {
        let loaded_at = sources.now();
        self.store()?.store(id, over, &key.encode(id)).await?;
        let segment = self.loaded(key, loaded_at);
        Ok(self.keep_segment(id, segment).await)
    }

    fn loaded(&self, key: PuncturableKey, loaded_at: Timestamp) -> LoadedSegment {
        LoadedSegment {
            key: Arc::new(key),
            loaded_at,
            fresh_until: loaded_at + self.ttl,
        }
    }

    async fn keep_segment(&self, id: SegmentId, segment: LoadedSegment) -> Arc<LoadedSegment> {
        let segment = Arc::new(segment);
        self.segments.insert(id, Arc::clone(&segment)).await;
        segment
    }

    /// A subject's key, if it may be used without asking the database.
    pub(super) async fn key(&self, tenant: TenantId, id: KeyId, now: Timestamp) -> Option<LoadedSubject> {
        let loaded = self.keys.get(&(tenant, id)).await?;
        self.is_fresh(loaded.loaded_at, now).then_some(loaded)
    }

    /// Read it before the database is read, and keep with it what was read.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Keeps a key, unless a message about some key has come since the database was read for it.
    pub(super) async fn keep_key(
        &self,
        tenant: TenantId,
        id: KeyId,
        key: Option<FieldKey>,
        (generation, loaded_at): (u64, Timestamp),
    ) {
        self.keys
            .insert((tenant, id), LoadedSubject { key, loaded_at })
            .await;
        // Whoever raises the generation after this look removes the key after that.
        if self.generation() != generation {
            self.keys.invalidate(&(tenant, id)).await;
        }
    }

    /// A subject's key is out of date.
    pub(crate) async fn forget(&self, tenant: TenantId, id: KeyId) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.keys.invalidate(&(tenant, id)).await;
    }

    /// Messages may have been missed.
    pub(crate) fn forget_everything(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.keys.invalidate_all();
    }

    /// A clock that was set back makes what was loaded old, not young.
    fn is_fresh(&self, loaded_at: Timestamp, now: Timestamp) -> bool {
        loaded_at <= now && now < loaded_at + self.ttl
    }
}

fn is_unavailable(error: &KeyError) -> bool {
    matches!(error, KeyError::ErasureStore(error) if matches!(**error, ErasureStoreError::Unavailable(_)))
}
