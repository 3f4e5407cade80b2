//! Which root keys a database has been sealed under.

use platform_core::pg::{Db, DbError, TenantTx};
use platform_core::uuid::Uuid;
use platform_core::{RequestContext, Sources, TenantId, Timestamp};

use super::KeyError;
use super::handle::Keyring;
use crate::{
    DataKey, KeyId, KeyProvider, ProviderError, Purpose, RootKeyRecord, RootKeyRef, WrapContext, WrappedKey,
};

/// Processes that start at the same moment on an empty database.
const TRIES: usize = 8;

/// A root key under which keys of tenants may be wrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RootKeyInfo {
    /// What the provider calls it.
    pub root: RootKeyRef,
    /// When the database first saw it.
    pub created_at: Timestamp,
}

struct Known {
    record: RootKeyRecord,
    probe: WrappedKey,
    probe_id: KeyId,
    created_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Stored {
    reference: String,
    derivation: Option<String>,
    probe_key_id: Vec<u8>,
    probe: Vec<u8>,
    created_at: Timestamp,
}

impl Keyring {
    /// The root keys of a database, newest first. All of them are needed to read what it holds.
    ///
    /// # Errors
    /// [`KeyError::Db`] when the database fails.
    pub async fn root_keys(db: &Db) -> Result<Vec<RootKeyInfo>, KeyError> {
        let mut tx = begin(db).await?;
        let known = known(&mut tx).await?;
        tx.rollback().await?;
        let info = |known: Known| RootKeyInfo {
            root: known.record.root,
            created_at: known.created_at,
        };
        Ok(known.into_iter().map(info).collect())
    }

    /// Forgets a root key under which there is nothing any more, so that services can be started without it. `false` when the
    /// database does not know it.
    ///
    /// It needs no keyring, because a service that was not given the root key cannot open one.
    ///
    /// # Errors
    /// [`KeyError::RootKeyInUse`] when a key of any tenant is still wrapped under it: [rewrap](Keyring::rewrap) first.
    pub async fn retire_root(db: &Db, root: &RootKeyRef) -> Result<bool, KeyError> {
        let mut tx = begin(db).await?;
        let deleted = sqlx::query("delete from platform_crypto.root_key where reference = $1")
            .bind(root.as_str())
            .execute(&mut tx)
            .await
            .map_err(DbError::from);
        // The foreign key looks at the keys of all tenants, which no transaction of ours could.
        let deleted = match deleted {
            Err(DbError::Conflict { .. }) => return Err(KeyError::RootKeyInUse(root.clone())),
            other => other?,
        };
        tx.commit().await?;
        Ok(deleted.rows_affected() == 1)
    }
}

/// Makes sure that the provider has the root keys of this database, and that the database knows the current one.
pub(super) async fn open(db: &Db, provider: &dyn KeyProvider, sources: &Sources) -> Result<(), KeyError> {
    for _ in 0..TRIES {
        let mut tx = begin(db).await?;
        let known = known(&mut tx).await?;
        tx.rollback().await?;
        let records: Vec<RootKeyRecord> = known.iter().map(|known| known.record.clone()).collect();
        let current = provider.prepare(&records).await.map_err(refused)?;
        for root in &known {
            check(provider, root).await?;
        }
        follow(db, provider, &known).await?;
        if records.iter().any(|record| record.root == current.root) {
            return Ok(());
        }
        if register(db, provider, sources, &current, &records).await? {
            tracing::info!(root.reference = %current.root, "the root key {} is new to this database", current.root);
            return Ok(());
        }
    }
    Err(KeyError::Corrupt)
}

/// Makes sure of the same, and leaves the database as it is.
pub(super) async fn look(db: &Db, provider: &dyn KeyProvider) -> Result<(), KeyError> {
    let mut tx = begin(db).await?;
    let known = known(&mut tx).await?;
    tx.rollback().await?;
    let records: Vec<RootKeyRecord> = known.iter().map(|known| known.record.clone()).collect();
    provider.prepare(&records).await.map_err(refused)?;
    for root in &known {
        check(provider, root).await?;
    }
    Ok(())
}

/// A root key can have the right name and be another one.
async fn check(provider: &dyn KeyProvider, known: &Known) -> Result<(), KeyError> {
    match provider
        .unwrap(&probe_context(known.probe_id), &known.probe)
        .await
    {
        Ok(_) => Ok(()),
        Err(ProviderError::Refused) => Err(KeyError::WrongRootKey(known.record.root.clone())),
        Err(error) => Err(refused(error)),
    }
}

/// Has the probe of the current root key follow it to its newest version, where the provider has versions: an older one may be closed
/// as soon as no key of a tenant is under it.
pub(super) async fn rewrap(db: &Db, provider: &dyn KeyProvider) -> Result<(), KeyError> {
    let mut tx = begin(db).await?;
    let known = known(&mut tx).await?;
    tx.rollback().await?;
    follow(db, provider, &known).await
}

async fn follow(db: &Db, provider: &dyn KeyProvider, known: &[Known]) -> Result<(), KeyError> {
    let current = provider.current();
    let Some(known) = known.iter().find(|known| known.record.root == current) else {
        return Ok(());
    };
    let context = probe_context(known.probe_id);
    let Some(fresh) = provider.rewrap(&context, &known.probe).await? else {
        return Ok(());
    };
    let mut tx = begin(db).await?;
    // Whoever was faster has written as good a one.
    sqlx::query("update platform_crypto.root_key set probe = $3 where reference = $1 and probe = $2")
        .bind(current.as_str())
        .bind(&known.probe.bytes)
        .bind(&fresh.bytes)
        .execute(&mut tx)
        .await
        .map_err(DbError::from)?;
    tx.commit().await?;
    Ok(())
}

fn refused(error: ProviderError) -> KeyError {
    match error {
        ProviderError::UnknownRoot(root) => KeyError::RootKeyMissing(root),
        other => other.into(),
    }
}

/// Stores a root key, unless another process has stored one since `records` were read.
async fn register(
    db: &Db,
    provider: &dyn KeyProvider,
    sources: &Sources,
    current: &RootKeyRecord,
    records: &[RootKeyRecord],
) -> Result<bool, KeyError> {
    let probe = DataKey::generate(sources);
    let wrapped = provider.wrap(&probe_context(probe.id()), &probe).await?;
    let mut tx = begin(db).await?;
    sqlx::query("lock table platform_crypto.root_key in share row exclusive mode")
        .execute(&mut tx)
        .await?;
    let now_known = known(&mut tx).await?;
    if !now_known.iter().map(|known| &known.record).eq(records) {
        tx.rollback().await?;
        return Ok(false);
    }
    sqlx::query(
        "insert into platform_crypto.root_key (reference, derivation, probe_key_id, probe, created_at)
         values ($1, $2, $3, $4, $5)",
    )
    .bind(current.root.as_str())
    .bind(current.phc.as_deref())
    .bind(probe.id().as_bytes().as_slice())
    .bind(&wrapped.bytes)
    .bind(sources.now())
    .execute(&mut tx)
    .await?;
    tx.commit().await?;
    Ok(true)
}

/// The root keys, newest first.
async fn known(tx: &mut TenantTx) -> Result<Vec<Known>, KeyError> {
    let stored = sqlx::query_as::<_, Stored>(
        "select reference, derivation, probe_key_id, probe, created_at from platform_crypto.root_key
         order by created_at desc, reference limit 1000",
    )
    .fetch_all(tx)
    .await?;
    stored.into_iter().map(Known::try_from).collect()
}

impl TryFrom<Stored> for Known {
    type Error = KeyError;

    fn try_from(stored: Stored) -> Result<Self, KeyError> {
        let root: RootKeyRef = stored.reference.parse().map_err(|_| KeyError::Corrupt)?;
        Ok(Self {
            record: RootKeyRecord {
                root: root.clone(),
                phc: stored.derivation,
            },
            probe: WrappedKey {
                root,
                bytes: stored.probe,
            },
            probe_id: KeyId::try_from(stored.probe_key_id.as_slice()).map_err(|_| KeyError::Corrupt)?,
            created_at: stored.created_at,
        })
    }
}

/// Root keys belong to no tenant, and so does this transaction: it sees tables without tenants alone.
async fn begin(db: &Db) -> Result<TenantTx, KeyError> {
    let ctx = RequestContext::system(nobody(), "look after root keys", db.sources());
    Ok(db.begin(&ctx).await?)
}

fn probe_context(key: KeyId) -> WrapContext {
    WrapContext {
        tenant: nobody(),
        purpose: Purpose::Data,
        key,
    }
}

fn nobody() -> TenantId {
    TenantId::from_stored(Uuid::nil())
}
