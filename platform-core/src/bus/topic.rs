//! What a notice is about, and whose it is.

use std::fmt;
use std::sync::Arc;

use crate::TenantId;

/// The longest name of a topic.
pub const TOPIC_NAME_BYTES_MAX: usize = 100;

/// Whose a topic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everybody's, such as the quotes of a market.
    Public,
    /// One tenant's.
    Tenant(TenantId),
}

/// What notices and frames are about: a name within a tenant, or within what is public. Cheap to clone.
///
/// ```
/// use platform_core::TenantId;
/// use platform_core::bus::Topic;
///
/// let tenant: TenantId = "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12".parse()?;
/// assert_eq!(Topic::public("quotes")?.to_string(), "public/quotes");
/// assert_eq!(Topic::tenant(tenant, "orders.7")?.to_string(), "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12/orders.7");
/// assert!(Topic::public("what ever").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic {
    scope: Scope,
    name: Arc<str>,
}

/// A name of a topic is not 1 to 100 ASCII letters, digits and `. _ : -`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a topic's name is 1 to 100 ASCII letters, digits and . _ : -")]
pub struct InvalidTopic;

impl Topic {
    /// A topic of one tenant.
    ///
    /// # Errors
    /// [`InvalidTopic`] when the name is empty, too long or holds anything else.
    pub fn tenant(tenant: TenantId, name: &str) -> Result<Self, InvalidTopic> {
        Self::new(Scope::Tenant(tenant), name)
    }

    /// A topic that everybody may follow, whatever their tenant.
    ///
    /// # Errors
    /// As [`tenant`](Self::tenant).
    pub fn public(name: &str) -> Result<Self, InvalidTopic> {
        Self::new(Scope::Public, name)
    }

    fn new(scope: Scope, name: &str) -> Result<Self, InvalidTopic> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-');
        if name.is_empty() || name.len() > TOPIC_NAME_BYTES_MAX || !name.bytes().all(is_allowed) {
            return Err(InvalidTopic);
        }
        Ok(Self {
            scope,
            name: name.into(),
        })
    }

    /// Whose it is.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Its name within that.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// May somebody of this tenant follow it?
    pub fn is_open_to(&self, tenant: Option<TenantId>) -> bool {
        match self.scope {
            Scope::Public => true,
            Scope::Tenant(owner) => tenant == Some(owner),
        }
    }

    /// The topic that [`Display`](fmt::Display) wrote.
    #[cfg(feature = "redis")]
    pub(super) fn read(text: &str) -> Option<Self> {
        let (scope, name) = text.split_once('/')?;
        match scope {
            "public" => Self::public(name).ok(),
            tenant => Self::tenant(tenant.parse().ok()?, name).ok(),
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scope {
            Scope::Public => write!(f, "public/{}", self.name),
            Scope::Tenant(tenant) => write!(f, "{tenant}/{}", self.name),
        }
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topic({self})")
    }
}
