//! Field-level encryption for multi-tenant services: sealed columns, the keys behind them, and masks for what must be shown.
//!
//! A service that stores a name, an address or a number through this crate can lose its database, its logs or an old backup, and
//! what was sealed is not among the loss. A value is encrypted for one place, the column of a row of a tenant, and opens nowhere
//! else; its key can be rotated while the service runs, and destroyed.
//!
//! ```
//! use platform_core::{Sources, TenantId};
//! use platform_crypto::{Budget, Column, DataKey, FieldKey, Keys, OpenError, Sealed, mask_email};
//!
//! const EMAIL: Column<String> = Column::new("crm.customer", "email");
//!
//! let sources = Sources::system();
//! let tenant = TenantId::generate(&sources);
//! let (ada, bob) = (sources.uuid_v7(), sources.uuid_v7());
//! // A service gets these from its keyring, see below.
//! let keys = Keys::new(tenant, FieldKey::new(DataKey::generate(&sources)), Budget::unlimited());
//!
//! let sealed: Sealed<String> = keys.seal(&EMAIL.at(tenant, ada), &"ada@example.com".to_owned())?;
//! assert!(format!("{sealed:?}").starts_with("Sealed<String>(v1, key "));
//!
//! let email = keys.open(&EMAIL.at(tenant, ada), &sealed)?;
//! assert_eq!(format!("{email:?}"), "Secret(..)");
//! assert_eq!(mask_email(email.expose()), "a***@e***.com");
//!
//! let pasted = keys.open(&EMAIL.at(tenant, bob), &sealed);
//! assert_eq!(pasted.unwrap_err(), OpenError::Tampered);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # In a service
//!
//! Three lines of set-up: where the root key is, where the keys for erasure are (outside the database, so that no backup of it
//! brings back what was erased), and the keyring over both. From then on fields are sealed, read, rotated and erased:
//!
#![cfg_attr(feature = "pg", doc = "```no_run")]
#![cfg_attr(not(feature = "pg"), doc = "```ignore")]
//! # use std::sync::Arc;
//! # use platform_core::{RequestContext, Sources, pg::Db, uuid::Uuid};
//! # use platform_crypto::{Column, FileErasureStore, Keyring, LocalRoot, Purpose, Sealed, SubjectId};
//! # const EMAIL: Column<String> = Column::new("crm.customer", "email");
//! # async fn service(db: Db, ctx: RequestContext, sources: Sources, customer: Uuid, email: String)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! let root = LocalRoot::from_key_file("/etc/crm/root.key", &sources)?;
//! let erasure = FileErasureStore::open("/var/lib/crm/erasure")?;
//! let keyring = Keyring::builder(&db, Arc::new(root)).erasure(Arc::new(erasure)).open().await?;
//!
//! // Seal a column, under the customer's own key.
//! let subject = SubjectId::from_stored(customer);
//! let mut tx = db.begin(&ctx).await?;
//! let key = keyring.ensure_subject(&mut tx, &ctx, subject).await?;
//! let sealed = key.seal(&EMAIL.at(ctx.tenant(), customer), &email)?;
//! sqlx::query("insert into crm.customer (tenant_id, id, email) values ($1, $2, $3)")
//!     .bind(ctx.tenant())
//!     .bind(customer)
//!     .bind(&sealed)
//!     .execute(&mut tx)
//!     .await?;
//! tx.commit().await?;
//!
//! // Read it: the header names the key. For a list, pass the ids of all its values.
//! let keys = keyring.keys_for(&ctx, [sealed.key_id()?]).await?;
//! let email = keys.open(&EMAIL.at(ctx.tenant(), customer), &sealed)?;
//!
//! // Rotate the tenant's key while others read and write; what it has sealed stays readable, and `reseal` moves it to the new one.
//! keyring.rotate(&ctx, Purpose::Data).await?;
//!
//! // Erase the customer, beyond every backup.
//! keyring.erase(&ctx, subject).await?;
//! # Ok(()) }
//! ```
//!
//! What belongs to the tenant and to no person is sealed with `keyring.keys(&ctx)` instead, as in the first example.
//!
//! A struct with several sealed fields opens and seals itself with [`#[derive(SealedRow)]`](SealedRow); the keyring is told of it
//! with `.sealed::<Row>()`, so that `Keyring::reseal` moves its values after a rotation and no key is destroyed under which one of
//! them still is. The repository's `examples/sealing` does all of this under load and against a restored backup.
//!
//! # Keys
//!
//! A root key, which a [`KeyProvider`] holds, wraps the data keys of a tenant; from a data key, every column gets a key of its own. A
//! value names its data key, so that old values stay readable while new ones are sealed under the next version.
//!
//! | key | where | made from |
//! |---|---|---|
//! | root key | with the provider: a key file, a passphrase, Vault | given |
//! | [`DataKey`] of a tenant | in the database, wrapped under the root key | random |
//! | [`DataKey`] of a data subject | in the database, wrapped under the tenant's key and a [`PuncturableKey`] | random |
//! | [`PuncturableKey`] | in an [`ErasureStore`], outside the database | random |
//! | key of a column | in memory, with its data key | the data key and the names of table and column (HKDF-SHA256) |
//!
//! Sealing asks nobody: no database, no network, no lock. Everything slow happens before, when the keyring is asked for keys, and
//! rarely: it keeps them for a time-to-live.
//!
//! # Masks, logs and secrets
//!
//! What has to be shown is masked: [`Mask`] has one form for each kind of value, always of one width. `redact_layer` (feature `redact`)
//! is a layer for `tracing_subscriber` that masks what slips into a log all the same. [`Secrets`] hold what comes from outside, from
//! the environment, from files or from Vault, in its current version and the one before; a database login kept so (`SecretLogin`) is
//! rotated without a failed request, whether the store or the database learns of it first.
//!
//! # What it does not do
//!
//! It has not met a real HashiCorp Vault or OpenBao server yet: every path to Vault is tested against a double in the repository, which
//! the public Python client `hvac` drives as well. With `VAULT_ADDR` and `VAULT_TOKEN` set, those tests that do not steer the double
//! run against the server that they name.
//!
//! It does not hide that a row exists, when it was written, which key sealed it, or how long a value is (see
//! [`Column::padded`] for the last). It does not protect a value from the service itself: whoever has the keys and may read the
//! rows, reads them. A sealed value does not tell a newer one from an older one of the same place: whoever may write to the database
//! can put yesterday's value back.
//!
//! # Features
//!
//! | feature | gives |
//! |---|---|
//! | (none) | sealing, root keys from a file, a passphrase or text, masks, secrets from files and the environment |
//! | `pg` | sealed columns as `sqlx` types, the keyring with its tables, erasure, blind indexes, re-sealing |
//! | `derive` | `#[derive(SealedRow)]` |
//! | `http` | admin routes for keys and re-sealing, answers to errors, the module; routes for erasure are in `platform-auth` |
//! | `vault` | HashiCorp Vault and OpenBao: transit as the root of keys, KV v2 as a source of secrets |
//! | `redact` | a `tracing` layer that masks what looks like a credential or personal data |
//! | `aws-lc` | AES-256-GCM by AWS-LC instead of the Rust implementation: the same bytes, a short field in half the time |

mod field;
mod key;
mod secret;

pub use field::{
    Budget, Column, FieldContext, FieldKey, Keys, NotPlaintext, NotSealedText, OVERHEAD_BYTES, OpenError,
    OpenKeys, PLAINTEXT_BYTES_MAX, Padding, Plaintext, RowId, SealError, SealKeys, Sealed,
};
pub use key::{
    DataKey, KeyId, KeyState, Label, ParseKeyIdError, Purpose, Subkey, UnknownWord, WrongKeyLength,
};
pub use secret::Secret;

mod row;

#[cfg(feature = "derive")]
pub use platform_crypto_derive::SealedRow;
pub use row::{SealedColumn, SealedRow, SealedTable};

#[cfg(feature = "pg")]
mod reseal;

#[cfg(feature = "pg")]
pub use reseal::{FailureReason, Pacing, ResealFailure, ResealProgress, ResealState, ResealStep, Resealed};

#[doc(hidden)]
pub mod __private {
    pub use crate::row::{ColumnParts, TableParts, sealed_column, sealed_table, subject_id};
    pub use platform_core::TenantId;
}

#[cfg(feature = "pg")]
mod keyring;

#[cfg(feature = "pg")]
pub use keyring::{
    KeyError, KeyEvent, KeyEventKind, KeyInfo, KeyLog, KeyLogError, KeyOutcome, KeyTarget, Keyring,
    KeyringBuilder, KeyringWorker, MIGRATIONS, Maintained, ROOT_KEY_TABLE, RootKeyInfo, Swept, TracingKeyLog,
};

mod mask;
#[cfg(feature = "redact")]
mod redact;

pub use mask::{Mask, mask_card, mask_email, mask_generic, mask_iban, mask_phone, mask_ssn};

#[cfg(feature = "redact")]
pub use redact::{MASK, RedactFields, RedactLines, RedactWriter, is_secret_name, redact, redact_layer};

mod provider;

pub use provider::{
    InvalidRootKeyRef, KEY_TEXT_PREFIX, KeyProvider, LocalRoot, Malformation, PASSPHRASE_ITERATIONS,
    Passphrase, PassphraseRoot, ProviderError, RootChain, RootKeyError, RootKeyRecord, RootKeyRef, Weakness,
    WrapContext, WrappedKey, create_key_file, new_key_text, prepend_key,
};

mod index;

pub use index::{BlindIndex, LowEntropy, Normalizer, NotIndexable, Tag};

#[cfg(feature = "pg")]
pub use index::{Reading, TagError, Tagged};

mod subject;

pub use subject::{
    ErasureStore, ErasureStoreError, FileErasureStore, HoldId, InvalidSegment, PuncturableKey, Revision,
    SegmentId, Slot, SlotKey, StoredSegment, SubjectId,
};

#[cfg(feature = "vault")]
pub use subject::VaultErasureStore;
#[cfg(feature = "pg")]
pub use subject::{EraseError, Erased, Hold, HoldError, SubjectInfo, SubjectKey, SubjectState};

#[cfg(feature = "vault")]
mod vault;

#[cfg(feature = "vault")]
pub use vault::{
    Expected, InvalidVaultConfig, KvMetadata, KvSecret, KvV2, KvVersion, Vault, VaultConfig, VaultError,
    VaultLogin, VaultTransit,
};

mod secrets;

pub use secrets::{
    EnvSecrets, FileSecrets, HeldSecret, InvalidSecretName, Refreshed, SecretError, SecretName, SecretSource,
    SecretValue, SecretVersions, Secrets, SecretsConfig, SecretsWorker, Unusable,
};

#[cfg(feature = "pg")]
pub use secrets::SecretLogin;
#[cfg(feature = "vault")]
pub use secrets::VaultSecrets;

#[cfg(feature = "pg")]
mod permission;

#[cfg(feature = "pg")]
pub use permission::{KEYS_MANAGE, KEYS_READ, SUBJECTS_ERASE, SUBJECTS_HOLD};

#[cfg(feature = "http")]
pub mod http;

#[cfg(feature = "testing")]
pub mod testing;
