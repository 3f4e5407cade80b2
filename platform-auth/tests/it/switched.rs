//! What a service needs from outside and can be without for a while.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use platform_crypto::testing::MemoryErasureStore;
use platform_crypto::{
    DataKey, ErasureStore, ErasureStoreError, KeyProvider, LocalRoot, ProviderError, Revision, RootKeyRef,
    SegmentId, StoredSegment, WrapContext, WrappedKey,
};

/// A provider of root keys that can be away.
#[derive(Debug)]
pub(crate) struct Switched {
    root: LocalRoot,
    away: AtomicBool,
}

impl Switched {
    pub(crate) fn over(root: LocalRoot) -> Self {
        Self {
            root,
            away: AtomicBool::new(false),
        }
    }

    /// Goes away, or comes back.
    pub(crate) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    fn here(&self) -> Result<&LocalRoot, ProviderError> {
        match self.away.load(Ordering::SeqCst) {
            true => Err(ProviderError::unavailable("switched off")),
            false => Ok(&self.root),
        }
    }
}

#[async_trait]
impl KeyProvider for Switched {
    fn current(&self) -> RootKeyRef {
        self.root.current()
    }

    fn holds(&self, root: &RootKeyRef) -> bool {
        self.root.holds(root)
    }

    async fn wrap(&self, context: &WrapContext, key: &DataKey) -> Result<WrappedKey, ProviderError> {
        self.here()?.wrap(context, key).await
    }

    async fn unwrap(&self, context: &WrapContext, wrapped: &WrappedKey) -> Result<DataKey, ProviderError> {
        self.here()?.unwrap(context, wrapped).await
    }

    async fn rewrap(
        &self,
        context: &WrapContext,
        wrapped: &WrappedKey,
    ) -> Result<Option<WrappedKey>, ProviderError> {
        self.here()?.rewrap(context, wrapped).await
    }

    async fn health(&self) -> Result<(), ProviderError> {
        self.here().map(|_| ())
    }
}

/// A store of erasures that can be away.
#[derive(Debug, Default)]
pub(crate) struct SwitchedStore {
    away: AtomicBool,
}

impl SwitchedStore {
    /// Goes away, or comes back.
    pub(crate) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    fn here(&self) -> Result<MemoryErasureStore, ErasureStoreError> {
        match self.away.load(Ordering::SeqCst) {
            true => Err(ErasureStoreError::Unavailable("switched off".into())),
            false => Ok(MemoryErasureStore),
        }
    }
}

#[async_trait]
impl ErasureStore for SwitchedStore {
    async fn load(&self, id: SegmentId) -> Result<Option<StoredSegment>, ErasureStoreError> {
        self.here()?.load(id).await
    }

    async fn store(
        &self,
        id: SegmentId,
        over: Revision,
        bytes: &[u8],
    ) -> Result<Revision, ErasureStoreError> {
        self.here()?.store(id, over, bytes).await
    }
}
