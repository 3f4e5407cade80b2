//! Masking of personal data for logs, audit events and screens.
//!
//! A mask has one width for each kind of value, so that it tells neither how long the value was nor whether it was well formed beyond
//! what it shows. It works on characters, never on bytes, takes any input and cannot fail. What is too short or malformed for a
//! partial view is masked whole.
//!
//! ```
//! use platform_crypto::{mask_card, mask_email};
//!
//! assert_eq!(mask_email("ada@example.com"), "a***@e***.com");
//! assert_eq!(mask_card("4242 4242 4242 4242"), "**** **** **** 4242");
//! assert_eq!(mask_email("not an address"), "****@****.***");
//! ```

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
