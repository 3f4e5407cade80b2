//! Keys with which programs act for a user or as a service principal.
//!
//! A key has the authority that its owner has at the moment of a decision, and of it no more than its scopes and resources leave. It works
//! between two instants, from the networks that it names, and until it is revoked or its owner is disabled.

mod address;
mod authenticate;
mod check;
mod error;
mod find;
mod issue;
mod key;
mod known;
mod manage;
mod stored;
mod tell;
mod token;
mod trail;
mod used;

pub(crate) use self::known::{KnownKeys, new_cache, stored_limit};
pub(crate) use self::stored::{forget_all, revoke_all};
pub(crate) use self::used::UsedKeys;

pub use self::address::{AddressRange, InvalidAddressRange};
pub use self::check::InvalidApiKey;
pub use self::error::ApiKeyError;
pub use self::key::{
    ALL_SCOPES, ApiKey, ApiKeyConfig, ApiKeyOwner, ApiKeyRotation, ApiKeysOf, IssuedApiKey, NewApiKey,
};
pub use self::token::ApiKeyToken;

use platform_core::Permission;

/// See the API keys of everybody in the tenant, and revoke them.
pub const API_KEYS_MANAGE: Permission = Permission::new("api-keys:manage");

platform_core::id_type! {
    /// Names an API key; the key itself is an [`ApiKeyToken`].
    pub struct ApiKeyId;
}
