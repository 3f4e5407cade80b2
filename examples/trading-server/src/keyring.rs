//! The keyring of the server: its root key, its erasure store, its life.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use platform_audit::AuditLog;
use platform_auth::{SealedInvitation, SealedMail, SealedPasskey, SealedTotp, SealedUser};
use platform_core::pg::{Db, Tenants};
use platform_core::runtime::Worker;
use platform_core::secrecy::{ExposeSecret, SecretString};
use platform_core::{RequestContext, Sources};
use platform_crypto::{
    ErasureStore, FileErasureStore, KeyError, KeyProvider, Keyring, LocalRoot, Passphrase, PassphraseRoot,
    RootChain, RootKeyError, RootKeyInfo, Secret, Vault, VaultConfig, VaultErasureStore, create_key_file,
};

use crate::config::{self, ErasurePlace, Keys, Place, RootKey, VaultLogin};
use crate::exit::Exit;
use crate::refusal::{OrRefuse, Refusal};

/// How many tenants are asked at most whether they have a user.
const TENANTS_ASKED: u32 = 200;

/// The keyring, and the Vault behind it where there is one.
#[derive(Debug)]
pub struct Opened {
    /// The keys of all tenants.
    pub keyring: Keyring,
    vault: Option<Arc<Vault>>,
}

impl Opened {
    /// Keeps the token of the Vault alive. `None` where there is no Vault.
    pub fn renewal(&self) -> Option<Worker> {
        let vault = self.vault.clone()?;
        Some(Worker::new("vault.token", move |stop| {
            let vault = Arc::clone(&vault);
            async move {
                vault.keep_renewed(stop).await;
                Ok(())
            }
        }))
    }
}

/// Opens the keyring over a migrated database. What happens to keys is recorded in `audit`.
///
/// # Errors
/// [`Refusal`] when the root key is missing, malformed, or not the one that this database was sealed under.
pub async fn open(db: &Db, keys: &Keys, audit: &AuditLog) -> Result<Opened, Refusal> {
    let (root, place) = configured(keys)?;
    let vault = vault_behind(db, root)?;
    let keyring = Keyring::builder(db, chain(db, root, &keys.previous, vault.as_ref()).await?)
        .ttl(keys.ttl)
        .grace(keys.grace)
        .log(Arc::new(audit.clone()))
        .erasure(erasure(place, vault.as_ref())?)
        .sealed::<SealedUser>()
        .sealed::<SealedTotp>()
        .sealed::<SealedMail>()
        .sealed::<SealedInvitation>()
        .sealed::<SealedPasskey>()
        .open()
        .await
        .map_err(refused)?;
    erasures_belong(db, &keyring).await?;
    Ok(Opened {
        keyring,
        vault: vault.map(|(client, _)| client),
    })
}

/// Looks whether the root key and the erasure store are there, answer and belong to the database, and makes nothing: `false` where the
/// server makes them at its first start.
///
/// # Errors
/// As [`open`].
pub async fn look(db: &Db, keys: &Keys) -> Result<bool, Refusal> {
    let (root, place) = configured(keys)?;
    let known = Keyring::root_keys(db).await.or_refuse(Exit::Unavailable)?;
    if let RootKey::OwnFile(path) = root
        && !path.exists()
    {
        return may_be_made(path, &known).map(|()| false);
    }
    let vault = vault_behind(db, root)?;
    let chain = chain(db, root, &keys.previous, vault.as_ref()).await?;
    let mut builder = Keyring::builder(db, chain);
    match place {
        ErasurePlace::Folder(folder) if !folder.exists() => {
            if let Some(known) = known.first() {
                let error = anyhow!(
                    "the folder of erasures {} is missing, and this database was sealed under the root key {}: mount it, or restore it \
                     from its copy",
                    folder.display(),
                    known.root
                );
                return Err(Refusal::new(Exit::Configuration, error));
            }
        }
        place => builder = builder.erasure(erasure(place, vault.as_ref())?),
    }
    let keyring = builder.check().await.map_err(refused)?;
    if !known.is_empty() {
        erasures_belong(db, &keyring).await?;
    }
    keyring.health().await.or_refuse(Exit::Unavailable)?;
    Ok(!known.is_empty())
}

fn configured(keys: &Keys) -> Result<(&RootKey, &ErasurePlace), Refusal> {
    let (Some(root), Some(place)) = (&keys.root, &keys.erasure) else {
        let error = anyhow!(
            "the root key is not configured: set keys.file, keys.passphrase, keys.root or vault.address, and keys.erasure_dir"
        );
        return Err(Refusal::new(Exit::Configuration, error));
    };
    Ok((root, place))
}

fn vault_behind<'a>(db: &Db, root: &'a RootKey) -> Result<Option<VaultBehind<'a>>, Refusal> {
    Ok(match root {
        RootKey::Vault(vault) => Some((client(vault, db.sources())?, vault)),
        _ => None,
    })
}

/// Refuses an erasure store that does not belong to the database, such as the empty folder below a volume that is not mounted. The
/// first tenant with a user tells.
async fn erasures_belong(db: &Db, keyring: &Keyring) -> Result<(), Refusal> {
    let tenants = Tenants::new(db).list(None, TENANTS_ASKED).await;
    for tenant in tenants.or_refuse(Exit::Unavailable)? {
        let ctx = RequestContext::system(tenant.id, "check the erasure store", db.sources());
        if keyring.check_erasure_store(&ctx).await.map_err(refused)? {
            return Ok(());
        }
    }
    Ok(())
}

fn refused(error: KeyError) -> Refusal {
    let exit = match error.is_unavailable() {
        true => Exit::Unavailable,
        false => Exit::Configuration,
    };
    Refusal::new(exit, error)
}

/// The root key that wraps, and those before it. Passphrases make one provider: which of them a remembered key was derived from
/// shows only when it is derived again.
async fn chain(
    db: &Db,
    root: &RootKey,
    previous: &[RootKey],
    vault: Option<&VaultBehind<'_>>,
) -> Result<Arc<dyn KeyProvider>, Refusal> {
    let (older_passphrases, previous): (Vec<_>, Vec<_>) = previous
        .iter()
        .partition(|previous| matches!((root, previous), (RootKey::Passphrase(_), RootKey::Passphrase(_))));
    let current = match root {
        RootKey::Passphrase(current) => {
            let mut current = PassphraseRoot::new(passphrase(current)?, db.sources());
            for older in older_passphrases {
                if let RootKey::Passphrase(older) = older {
                    current = current.with_older(passphrase(older)?);
                }
            }
            Arc::new(current)
        }
        root => provider(db, root, vault).await?,
    };
    let mut chain = RootChain::new(current);
    for previous in previous {
        chain = chain.with_older(provider(db, previous, None).await?);
    }
    Ok(Arc::new(chain))
}

fn passphrase(text: &SecretString) -> Result<Passphrase, Refusal> {
    Passphrase::new(text.expose_secret()).or_refuse(Exit::Configuration)
}

type VaultBehind<'a> = (Arc<Vault>, &'a config::Vault);

async fn provider(
    db: &Db,
    root: &RootKey,
    vault: Option<&VaultBehind<'_>>,
) -> Result<Arc<dyn KeyProvider>, Refusal> {
    let sources = db.sources();
    Ok(match root {
        RootKey::OwnFile(path) => {
            make_once(db, path).await?;
            Arc::new(LocalRoot::from_key_file(path, sources).or_refuse(Exit::Configuration)?)
        }
        RootKey::File(path) => {
            Arc::new(LocalRoot::from_key_file(path, sources).or_refuse(Exit::Configuration)?)
        }
        RootKey::Text(text) => {
            let root = LocalRoot::from_text(text.expose_secret(), sources);
            Arc::new(root.or_refuse(Exit::Configuration)?)
        }
        RootKey::Passphrase(text) => Arc::new(PassphraseRoot::new(passphrase(text)?, sources)),
        RootKey::Vault(settings) => {
            let client = match vault {
                Some((client, _)) => Arc::clone(client),
                None => client(settings, sources)?,
            };
            let transit = client.transit(&settings.transit_mount, &settings.transit_key);
            Arc::new(transit.or_refuse(Exit::Configuration)?)
        }
    })
}

fn client(settings: &config::Vault, sources: &Sources) -> Result<Arc<Vault>, Refusal> {
    let secret = |text: &SecretString| Secret::new(text.expose_secret().to_owned());
    let login = match &settings.login {
        VaultLogin::Token(Place::Here(token)) => platform_crypto::VaultLogin::Token(secret(token)),
        VaultLogin::Token(Place::File(path)) => platform_crypto::VaultLogin::TokenFile(path.clone()),
        VaultLogin::AppRole {
            role_id,
            secret_id: Place::Here(secret_id),
        } => platform_crypto::VaultLogin::app_role(role_id, secret(secret_id)),
        VaultLogin::AppRole {
            role_id,
            secret_id: Place::File(path),
        } => platform_crypto::VaultLogin::AppRoleFile {
            mount: "approle".to_owned(),
            role_id: role_id.clone(),
            secret_id: path.clone(),
        },
    };
    // Well inside a request's deadline: a Vault that hangs has to fail in time for the keys that are still good to be used.
    let config = VaultConfig::new(&settings.address)
        .or_refuse(Exit::Configuration)?
        .with_timeout(Duration::from_secs(2))
        .with_attempts(2, Duration::from_millis(100));
    Vault::new(config, login, sources).or_refuse(Exit::Configuration)
}

fn erasure(place: &ErasurePlace, vault: Option<&VaultBehind<'_>>) -> Result<Arc<dyn ErasureStore>, Refusal> {
    Ok(match (place, vault) {
        (ErasurePlace::Vault, Some((client, settings))) => {
            let kv = client.kv(&settings.kv_mount).or_refuse(Exit::Configuration)?;
            Arc::new(VaultErasureStore::new(kv, &settings.kv_path))
        }
        (ErasurePlace::Vault, None) => {
            let error = anyhow!("erasures can be kept in a Vault only where the root key is");
            return Err(Refusal::new(Exit::Configuration, error));
        }
        (ErasurePlace::Folder(folder), _) => {
            make_folder(folder)?;
            Arc::new(FileErasureStore::open(folder).or_refuse(Exit::Configuration)?)
        }
    })
}

/// Makes the server's own key file at its first start, and only then: a new key beside a database that has one would hide that the
/// file was lost.
async fn make_once(db: &Db, path: &Path) -> Result<(), Refusal> {
    if path.exists() {
        return Ok(());
    }
    let known = Keyring::root_keys(db).await.or_refuse(Exit::Unavailable)?;
    may_be_made(path, &known)?;
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    match create_key_file(path, db.sources()) {
        Ok(()) => {
            tracing::warn!(
                "made the root key {}: keep a copy of it apart from the copies of the database",
                path.display()
            );
            Ok(())
        }
        // Somebody else has made it in the meantime.
        Err(RootKeyError::Exists { .. }) => Ok(()),
        Err(error) => Err(Refusal::new(Exit::Configuration, error)),
    }
}

fn may_be_made(path: &Path, known: &[RootKeyInfo]) -> Result<(), Refusal> {
    let Some(known) = known.first() else { return Ok(()) };
    let error = anyhow!(
        "the key file {} is missing, and this database was sealed under the root key {}: restore the file from its copy",
        path.display(),
        known.root
    );
    Err(Refusal::new(Exit::Configuration, error))
}

fn make_folder(folder: &Path) -> Result<(), Refusal> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("the folder {} cannot be made", folder.display()))
        .or_refuse(Exit::Configuration)
}
