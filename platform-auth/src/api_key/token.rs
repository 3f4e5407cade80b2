//! The key that a program shows.

use std::fmt;

use platform_core::{Sources, TenantId};

use crate::InvalidToken;
use crate::credential_cache::CredentialKey;
use crate::token::TokenText;

/// Tells secret scanners the kind and the version; no other token begins with it.
const PREFIX: &str = "pak1_";

/// An API key: what a program shows with every call, as `Authorization: Bearer`. It has the form of a
/// [`SessionToken`](crate::SessionToken) with `pak1_` before it. Only its SHA-256 is stored.
///
/// ```
/// use platform_auth::ApiKeyToken;
/// use platform_core::{Sources, TenantId};
///
/// let sources = Sources::system();
/// let key = ApiKeyToken::generate(TenantId::generate(&sources), &sources);
/// assert!(key.expose().starts_with("pak1_"));
/// assert_eq!(format!("{key:?}"), "ApiKeyToken(****)");
/// ```
pub struct ApiKeyToken(TokenText);

impl ApiKeyToken {
    /// Draws a new key of this tenant.
    pub fn generate(tenant: TenantId, sources: &Sources) -> Self {
        Self(TokenText::generate(PREFIX, tenant, sources))
    }

    /// Reads a key. Says nothing about whether there is such a one.
    ///
    /// # Errors
    /// [`InvalidToken`], whatever is wrong.
    pub fn parse(text: &str) -> Result<Self, InvalidToken> {
        TokenText::parse(PREFIX, text).map(Self)
    }

    /// Does a token say that it is an API key? Whether it is one, [`parse`](Self::parse) tells.
    pub fn is_named_by(token: &str) -> bool {
        token.starts_with(PREFIX)
    }

    /// The tenant whose key it claims to be.
    pub fn tenant(&self) -> TenantId {
        self.0.tenant()
    }

    /// The key itself, to be given to its owner once.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// By what the key is found.
    pub(crate) fn key(&self) -> CredentialKey {
        CredentialKey {
            tenant: self.tenant(),
            hash: self.hash(),
        }
    }

    /// What is stored and looked up.
    pub(crate) fn hash(&self) -> [u8; 32] {
        self.0.hash()
    }
}

/// Prints nothing of the key.
impl fmt::Debug for ApiKeyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeyToken(****)")
    }
}
