//! Puncturable keys in Vault.

use std::collections::BTreeMap;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{ErasureStore, ErasureStoreError, Revision, SegmentId, StoredSegment};
use crate::{Expected, KvV2, Secret, VaultError};

/// The name under which a segment stands in its secret.
const FIELD: &str = "segment";

/// Puncturable keys as secrets of Vault's KV v2, one for each segment: `<prefix>/<tenant>/<number>`.
///
/// A segment is written with check-and-set, and then every older version of the secret is destroyed, so that Vault itself does not
/// keep what was erased. Snapshots of Vault's storage do: keep them no longer than an erasure may take. The login needs `create`,
/// `read` and `update` on `<mount>/data/<prefix>/*`, `read` on `<mount>/metadata/<prefix>/*` and `update` on
/// `<mount>/destroy/<prefix>/*`. A segment has up to 390 kB as a secret, below the limit of 1 MiB of Vault's integrated storage;
/// Consul as storage has 512 kB.
#[derive(Debug, Clone)]
pub struct VaultErasureStore {
    kv: KvV2,
    prefix: String,
}

impl VaultErasureStore {
    /// The store below `prefix` in this mount, such as `platform/erasure`.
    pub fn new(kv: KvV2, prefix: impl Into<String>) -> Self {
        Self {
            kv,
            prefix: prefix.into(),
        }
    }

    fn path(&self, id: SegmentId) -> String {
        format!("{}/{}/{}", self.prefix, id.tenant, id.number)
    }

    /// Destroys every version before this one that is not destroyed yet.
    async fn destroy_before(&self, path: &str, version: u64) -> Result<(), VaultError> {
        let Some(known) = self.kv.metadata(path).await? else {
            return Ok(());
        };
        let older = known
            .versions
            .iter()
            .filter(|old| old.version < version && !old.destroyed);
        let older: Vec<u64> = older.map(|old| old.version).collect();
        match older.is_empty() {
            true => Ok(()),
            false => self.kv.destroy(path, &older).await,
        }
    }
}

#[async_trait]
impl ErasureStore for VaultErasureStore {
    async fn load(&self, id: SegmentId) -> Result<Option<StoredSegment>, ErasureStoreError> {
        let Some(secret) = self.kv.read(&self.path(id)).await? else {
            return Ok(None);
        };
        let revision = Revision(secret.version());
        let text = secret.field(FIELD).map_or("", |text| text.expose());
        // What is not base64 is no segment either, which whoever asked for it finds out.
        let bytes = Zeroizing::new(STANDARD.decode(text).unwrap_or_default());
        Ok(Some(StoredSegment { revision, bytes }))
    }

    async fn store(
        &self,
        id: SegmentId,
        over: Revision,
        bytes: &[u8],
    ) -> Result<Revision, ErasureStoreError> {
        let path = self.path(id);
        let text = Secret::new(STANDARD.encode(bytes));
        let fields = BTreeMap::from([(FIELD.to_owned(), text)]);
        let expected = match over {
            Revision::ABSENT => Expected::Absent,
            Revision(version) => Expected::Version(version),
        };
        let version = self.kv.write(&path, &fields, expected).await?;
        self.destroy_before(&path, version).await?;
        Ok(Revision(version))
    }
}

impl From<VaultError> for ErasureStoreError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Conflict => Self::Conflict,
            other => Self::Unavailable(other.into()),
        }
    }
}
