//! Keys for tests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use platform_core::Sources;
use platform_core::pg::Db;
use zeroize::Zeroizing;

use crate::{
    ErasureStore, ErasureStoreError, Keyring, KeyringBuilder, LocalRoot, Revision, SegmentId, StoredSegment,
};

/// A keyring over a database for tests, which many tests may share: its root key is always the same, and its erasures are kept in
/// the memory of the process.
///
/// ```no_run
/// # async fn example() {
/// use platform_core::testing::TestDb;
///
/// let test = TestDb::shared(&[&platform_crypto::MIGRATIONS]).await;
/// let keyring = platform_crypto::testing::keyring(&test.db()).await;
/// # }
/// ```
///
/// # Panics
/// When the database fails.
pub async fn keyring(db: &Db) -> Keyring {
    builder(db)
        .open()
        .await
        .expect("the keyring of a test database opens")
}

/// The same before it is opened, for a test with times or a log of its own.
pub fn builder(db: &Db) -> KeyringBuilder {
    Keyring::builder(db, Arc::new(root(db.sources()))).erasure(Arc::new(MemoryErasureStore))
}

/// The root key of every test.
pub fn root(sources: &Sources) -> LocalRoot {
    LocalRoot::insecure_for_tests(sources)
}

type Segments = HashMap<SegmentId, (Revision, Vec<u8>)>;

static SEGMENTS: Mutex<Option<Segments>> = Mutex::new(None);

/// Puncturable keys in the memory of the process, shared by all its tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct MemoryErasureStore;

#[async_trait]
impl ErasureStore for MemoryErasureStore {
    async fn load(&self, id: SegmentId) -> Result<Option<StoredSegment>, ErasureStoreError> {
        let segments = SEGMENTS.lock().unwrap_or_else(PoisonError::into_inner);
        let stored = segments.as_ref().and_then(|segments| segments.get(&id));
        Ok(stored.map(|(revision, bytes)| StoredSegment {
            revision: *revision,
            bytes: Zeroizing::new(bytes.clone()),
        }))
    }

    async fn store(
        &self,
        id: SegmentId,
        over: Revision,
        bytes: &[u8],
    ) -> Result<Revision, ErasureStoreError> {
        let mut segments = SEGMENTS.lock().unwrap_or_else(PoisonError::into_inner);
        let segments = segments.get_or_insert_default();
        let present = segments
            .get(&id)
            .map_or(Revision::ABSENT, |(revision, _)| *revision);
        if present != over {
            return Err(ErasureStoreError::Conflict);
        }
        let next = Revision(over.0 + 1);
        segments.insert(id, (next, bytes.to_vec()));
        Ok(next)
    }
}
