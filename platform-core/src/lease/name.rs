//! What is leased, and by whom.

use std::fmt;
use std::sync::Arc;

use crate::TenantId;

const NAME_BYTES_MAX: usize = 100;
const HOLDER_BYTES_MAX: usize = 128;

/// Whose a lease is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeaseScope {
    /// Work of one tenant.
    Tenant(TenantId),
    /// Work that is no tenant's.
    Platform,
}

/// What is leased: a scope and 1 to 100 bytes of `a-z`, `0-9`, `.`, `_`, `:` and `-`, of which the first is a letter or a digit.
///
/// A backend remembers every name that was ever leased, so that no token is given twice. Name jobs and shards, not orders.
///
/// ```
/// use platform_core::lease::{InvalidLeaseName, LeaseName};
///
/// assert_eq!(LeaseName::platform("billing.close-month")?.text(), "billing.close-month");
/// assert_eq!(LeaseName::platform("Billing"), Err(InvalidLeaseName));
/// # Ok::<(), InvalidLeaseName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseName {
    scope: LeaseScope,
    text: Arc<str>,
}

/// A text is not the name of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the name of a lease has 1 to {NAME_BYTES_MAX} of a-z, 0-9, '.', '_', ':' and '-', a letter or digit first"
)]
pub struct InvalidLeaseName;

impl LeaseName {
    /// The name of a tenant's lease. Two tenants' leases of one name have nothing to do with each other.
    ///
    /// # Errors
    /// [`InvalidLeaseName`] when the text has another form.
    pub fn tenant(tenant: TenantId, text: &str) -> Result<Self, InvalidLeaseName> {
        Self::new(LeaseScope::Tenant(tenant), text)
    }

    /// The name of a lease of no tenant.
    ///
    /// # Errors
    /// [`InvalidLeaseName`] when the text has another form.
    pub fn platform(text: &str) -> Result<Self, InvalidLeaseName> {
        Self::new(LeaseScope::Platform, text)
    }

    fn new(scope: LeaseScope, text: &str) -> Result<Self, InvalidLeaseName> {
        let begins = text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let goes_on = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b':' | b'-');
        if !begins || text.len() > NAME_BYTES_MAX || !text.bytes().all(goes_on) {
            return Err(InvalidLeaseName);
        }
        Ok(Self {
            scope,
            text: text.into(),
        })
    }

    /// Whose it is.
    pub fn scope(&self) -> LeaseScope {
        self.scope
    }

    /// The name within its scope.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// The name within its scope; logs name the tenant in a field of its own.
impl fmt::Display for LeaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Who holds a lease, for operators to read: 1 to 128 visible ASCII characters, such as a program and its host.
///
/// Nothing is decided by it. Two holders of one name are two: the one who comes second waits like any other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Holder(Arc<str>);

/// A text does not name a holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a holder is 1 to {HOLDER_BYTES_MAX} visible ASCII characters")]
pub struct InvalidHolder;

impl Holder {
    /// Checks and keeps a name.
    ///
    /// # Errors
    /// [`InvalidHolder`] when it is empty, longer than 128 characters or holds anything but visible ASCII.
    pub fn new(text: &str) -> Result<Self, InvalidHolder> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.is_empty() || text.len() > HOLDER_BYTES_MAX || !visible {
            return Err(InvalidHolder);
        }
        Ok(Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_the_database_would_refuse_cannot_be_made() {
        let long = "a".repeat(101);
        for text in ["", ".a", "-a", "A", "a b", "a/b", "ä", "a\n", long.as_str()] {
            assert_eq!(LeaseName::platform(text), Err(InvalidLeaseName), "{text:?}");
        }
        for text in ["a", "0", "a.b_c:d-e", &long[..100]] {
            assert_eq!(LeaseName::platform(text).unwrap().text(), text);
        }
    }

    #[test]
    fn a_holder_that_the_database_would_refuse_cannot_be_made() {
        let long = "a".repeat(129);
        for text in ["", " ", "a b", "ä", "a\n", long.as_str()] {
            assert_eq!(Holder::new(text), Err(InvalidHolder), "{text:?}");
        }
        assert!(Holder::new(&long[..128]).is_ok());
    }
}
