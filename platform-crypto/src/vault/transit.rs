//! A transit key as a root key.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use vaultrs::api::transit::requests::{DecryptDataRequest, EncryptDataRequest, RewrapDataRequest};
use vaultrs::transit::data;
use zeroize::Zeroizing;

use super::client::{Repeat, Vault};
use super::config::InvalidVaultConfig;
use super::error::VaultError;
use crate::{DataKey, KeyProvider, ProviderError, RootKeyRef, WrapContext, WrappedKey};

const KEY_BYTES: usize = 32;
const DIGEST_BYTES: usize = 32;

/// Root keys that never leave Vault: a transit key encrypts and decrypts the data keys.
///
/// The transit key should be made with `derived=true`: Vault then encrypts under a key of its own for each [`WrapContext`]. The context is
/// bound a second time: its SHA-256 stands behind the data key in what Vault encrypts and is compared when it comes back, so that a key
/// made without derivation, for which Vault ignores the context, lets nothing be exchanged either. Vault's `associated_data` would bind
/// it as well, but Vault's `rewrap` does not take any, and re-wrapping must not bring a key out of Vault.
///
/// To rotate, rotate the transit key and have the keyring wrap everything anew; then `min_decryption_version` can be raised.
///
/// The policy of the service needs three paths, and needs neither to read nor to make keys:
///
/// ```text
/// path "transit/encrypt/platform" { capabilities = ["update"] }
/// path "transit/decrypt/platform" { capabilities = ["update"] }
/// path "transit/rewrap/platform"  { capabilities = ["update"] }
/// ```
///
/// With `create` on the first of them Vault would make a missing key on its first use, which hides a wrong name.
#[derive(Debug, Clone)]
pub struct VaultTransit {
    vault: Arc<Vault>,
    mount: String,
    key: String,
    root: RootKeyRef,
}

impl VaultTransit {
    pub(super) fn new(vault: Arc<Vault>, mount: String, key: String) -> Result<Self, InvalidVaultConfig> {
        let root = format!("vault:{mount}/{key}");
        let root = root.parse().map_err(|_| InvalidVaultConfig::Name {
            what: "mount and name of a transit key",
        })?;
        Ok(Self {
            vault,
            mount,
            key,
            root,
        })
    }

    async fn encrypt(&self, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        let context = &STANDARD.encode(context);
        let plain = &encoded(plain);
        let answer = self.vault.call(Repeat::Harmless, |session| async move {
            let mut options = EncryptDataRequest::builder();
            options.context(context.as_str());
            data::encrypt(&*session, &self.mount, &self.key, plain, Some(&mut options)).await
        });
        Ok(answer.await?.ciphertext.into_bytes())
    }

    async fn decrypt(&self, context: &[u8], ciphertext: &str) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let context = &STANDARD.encode(context);
        let answer = self.vault.call(Repeat::Harmless, |session| async move {
            let mut options = DecryptDataRequest::builder();
            options.context(context.as_str());
            data::decrypt(&*session, &self.mount, &self.key, ciphertext, Some(&mut options)).await
        });
        let plain = Zeroizing::new(answer.await?.plaintext);
        let bytes = STANDARD.decode(plain.as_bytes()).map(Zeroizing::new);
        bytes.map_err(|_| VaultError::malformed("a plaintext is not base64"))
    }

    fn ciphertext<'a>(&self, wrapped: &'a WrappedKey) -> Result<&'a str, ProviderError> {
        if wrapped.root != self.root {
            return Err(ProviderError::UnknownRoot(wrapped.root.clone()));
        }
        let text = std::str::from_utf8(&wrapped.bytes)
            .ok()
            .filter(|text| version(text).is_some());
        text.ok_or(ProviderError::Refused)
    }
}

#[async_trait]
impl KeyProvider for VaultTransit {
    fn current(&self) -> RootKeyRef {
        self.root.clone()
    }

    fn holds(&self, root: &RootKeyRef) -> bool {
        *root == self.root
    }

    async fn wrap(&self, context: &WrapContext, key: &DataKey) -> Result<WrappedKey, ProviderError> {
        let context = context.to_bytes();
        let mut plain = Zeroizing::new([0_u8; KEY_BYTES + DIGEST_BYTES]);
        let (head, tail) = plain.split_at_mut(KEY_BYTES);
        head.copy_from_slice(key.expose_bytes());
        tail.copy_from_slice(&Sha256::digest(&context));
        let bytes = self
            .encrypt(&context, plain.as_slice())
            .await
            .map_err(not_wrapped)?;
        let root = self.root.clone();
        Ok(WrappedKey { root, bytes })
    }

    async fn unwrap(&self, context: &WrapContext, wrapped: &WrappedKey) -> Result<DataKey, ProviderError> {
        let ciphertext = self.ciphertext(wrapped)?;
        let bound = context.to_bytes();
        let plain = self.decrypt(&bound, ciphertext).await?;
        let (key, digest) = plain
            .split_first_chunk::<KEY_BYTES>()
            .ok_or(ProviderError::Refused)?;
        let same_context = bool::from(Sha256::digest(&bound).as_slice().ct_eq(digest));
        let key = DataKey::from_slice(key).map_err(|_| ProviderError::Refused)?;
        match same_context && key.id() == context.key {
            true => Ok(key),
            false => Err(ProviderError::Refused),
        }
    }

    async fn rewrap(
        &self,
        context: &WrapContext,
        wrapped: &WrappedKey,
    ) -> Result<Option<WrappedKey>, ProviderError> {
        let ciphertext = self.ciphertext(wrapped)?;
        let bound = &STANDARD.encode(context.to_bytes());
        let answer = self.vault.call(Repeat::Harmless, |session| async move {
            let mut options = RewrapDataRequest::builder();
            options.context(bound.as_str());
            data::rewrap(&*session, &self.mount, &self.key, ciphertext, Some(&mut options)).await
        });
        let fresh = answer.await?.ciphertext;
        // Vault encrypts anew in any case; the version in front tells whether another key did.
        if version(&fresh) == version(ciphertext) {
            return Ok(None);
        }
        let root = self.root.clone();
        let bytes = fresh.into_bytes();
        Ok(Some(WrappedKey { root, bytes }))
    }

    /// Encrypts and decrypts a text that is no key.
    async fn health(&self) -> Result<(), ProviderError> {
        const CONTEXT: &[u8] = b"platform-crypto/v1/health";
        let ciphertext = self.encrypt(CONTEXT, CONTEXT).await.map_err(not_wrapped)?;
        let ciphertext = String::from_utf8(ciphertext).map_err(|_| ProviderError::Refused)?;
        let plain = self.decrypt(CONTEXT, &ciphertext).await?;
        match plain.as_slice() == CONTEXT {
            true => Ok(()),
            false => Err(ProviderError::Refused),
        }
    }
}

impl From<VaultError> for ProviderError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Refused(_) => Self::Refused,
            VaultError::Denied(_) => Self::denied(error),
            _ => Self::unavailable(error),
        }
    }
}

/// Vault refuses to encrypt when there is no such key, or it cannot encrypt: for an operator to see to.
fn not_wrapped(error: VaultError) -> ProviderError {
    match error {
        VaultError::Refused(_) => ProviderError::denied(error),
        error => error.into(),
    }
}

/// The version of the transit key in a ciphertext `vault:v<version>:<base64>`.
fn version(ciphertext: &str) -> Option<u64> {
    let (version, rest) = ciphertext.strip_prefix("vault:v")?.split_once(':')?;
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    let formed = !rest.is_empty() && rest.len() <= 4096 && rest.bytes().all(base64);
    version.parse().ok().filter(|_| formed)
}

fn encoded(plain: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(plain.len().div_ceil(3) * 4));
    STANDARD.encode_string(plain, &mut text);
    text
}
