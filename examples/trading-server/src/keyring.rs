//! The keyring of the server: its root key, its erasure store, its life.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use platform_audit::AuditLog;
use platform_core::Sources;
use platform_core::pg::Db;
use platform_core::secrecy::ExposeSecret;
use platform_crypto::{
    ErasureStore, FileErasureStore, KeyError, KeyProvider, Keyring, LocalRoot, Passphrase, PassphraseRoot, RootChain,
};

use crate::config::{ErasurePlace, Keys, RootKey};
use crate::exit::Exit;
use crate::refusal::{OrRefuse, Refusal};

/// Opens the keyring over a migrated database.
///
/// # Errors
/// [`Refusal`] when the root key is missing, malformed, or not the one that this database was sealed under.
pub async fn open(db: &Db, audit: &AuditLog, keys: &Keys) -> Result<Keyring, Refusal> {
    let (Some(root), Some(place)) = (&keys.root, &keys.erasure) else {
        let error = anyhow!("set keys.provider: without a root key nothing can be sealed or opened");
        return Err(Refusal::new(Exit::Configuration, error));
    };
    let current = provider(db, root).await?;
    let mut chain = RootChain::new(current);
    for previous in &keys.previous {
        chain = chain.with_older(provider(db, previous).await?);
    }
    Keyring::builder(db, Arc::new(chain))
        .ttl(keys.ttl)
        .grace(keys.grace)
        .log(Arc::new(audit.clone()))
        .erasure(erasure(place).await?)
        .open()
        .await
        .map_err(|error| {
            let exit = match error.is_unavailable() {
                true => Exit::Unavailable,
                false => Exit::Configuration,
            };
            Refusal::new(exit, advice(error))
        })
}

async fn provider(db: &Db, root: &RootKey) -> Result<Arc<dyn KeyProvider>, Refusal> {
    let sources = db.sources();
    Ok(match root {
        RootKey::OwnFile(path) => {
            make_once(db, path).await?;
            Arc::new(LocalRoot::from_key_file(path, sources).or_refuse(Exit::Configuration)?)
        }
        RootKey::File(path) => Arc::new(LocalRoot::from_key_file(path, sources).or_refuse(Exit::Configuration)?),
        RootKey::Text(text) => {
            let root = LocalRoot::from_text(text.expose_secret(), sources);
            Arc::new(root.or_refuse(Exit::Configuration)?)
        }
        RootKey::Passphrase(passphrase) => {
            let passphrase = Passphrase::new(passphrase.expose_secret()).or_refuse(Exit::Configuration)?;
            Arc::new(PassphraseRoot::new(passphrase, sources))
        }
        RootKey::Vault(vault) => vault::root(vault, sources).await?,
    })
}

/// Makes the server's own key file at its first start, and only then: a new key beside a database that has one would hide that the
/// file was lost.
async fn make_once(db: &Db, path: &Path) -> Result<(), Refusal> {
    if path.exists() {
        return Ok(());
    }
    let known = Keyring::root_keys(db).await.or_refuse(Exit::Unavailable)?;
    if let Some(known) = known.first() {
        let error = anyhow!(
            "the key file {} is missing, and this database was sealed under the root key {}: restore the file from its copy",
            path.display(),
            known.root
        );
        return Err(Refusal::new(Exit::Configuration, error));
    }
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    match platform_crypto::create_key_file(path, db.sources()) {
        Ok(()) => {
            tracing::warn!(
                "made the root key {}: keep a copy of it apart from the copies of the database",
                path.display()
            );
            Ok(())
        }
        // Somebody else has made it in the meantime.
        Err(platform_crypto::RootKeyError::Exists { .. }) => Ok(()),
        Err(error) => Err(Refusal::new(Exit::Configuration, error)),
    }
}

fn make_folder(folder: &Path) -> Result<(), Refusal> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("the folder {} cannot be made", folder.display()))
        .or_refuse(Exit::Configuration)
}
