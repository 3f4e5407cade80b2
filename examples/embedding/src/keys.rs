//! The keys that personal fields are sealed under.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use platform_audit::AuditLog;
use platform_auth::{SealedInvitation, SealedMail, SealedTotp, SealedUser};
use platform_core::pg::Db;
use platform_crypto::{FileErasureStore, Keyring, LocalRoot};

/// Opens the keyring: a root key in a file of `folder`, made if there is none, and beside it the store that remembers who was erased.
///
/// A service in earnest gets its root key from elsewhere, and keeps both apart from the backups of its database.
///
/// # Errors
/// When the root key is not the one that this database was sealed under.
pub async fn open(db: &Db, folder: &Path) -> anyhow::Result<Keyring> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let root = LocalRoot::from_key_file_or_new(folder.join("root.key"), db.sources())?;
    let erasures = FileErasureStore::open(folder.join("erasure"))?;
    let keyring = Keyring::builder(db, Arc::new(root))
        .erasure(Arc::new(erasures))
        .log(Arc::new(AuditLog::new(db.sources().clone())))
        .sealed::<SealedUser>()
        .sealed::<SealedTotp>()
        .sealed::<SealedMail>()
        .sealed::<SealedInvitation>()
        .open()
        .await?;
    Ok(keyring)
}
