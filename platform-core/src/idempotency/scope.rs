//! Whose key it is, and what was asked under it.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::{Principal, RequestContext, Timestamp};

/// The longest part of a job's reason that tells its keys from those of other jobs.
const REASON_CHARS_MAX: usize = 100;

/// Whose keys are meant, and of which operation: a key is looked for among those of one principal and one route of the transaction's
/// tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyScope {
    pub(super) principal: String,
    pub(super) route: &'static str,
    /// Nothing is waited for after it.
    pub(super) deadline: Option<Timestamp>,
}

/// Nobody has signed in, and two strangers must not share their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an anonymous caller has no idempotency keys")]
pub struct AnonymousCaller;

impl KeyScope {
    /// The keys of the context's principal for one operation. Whoever acts for somebody else has keys of their own for that. `route` is
    /// a word of the program's, 1 to 100 characters, such as the id of the operation in the OpenAPI document.
    ///
    /// # Errors
    /// [`AnonymousCaller`]: serve the request without a key, or refuse the key.
    pub fn of(ctx: &RequestContext, route: &'static str) -> Result<Self, AnonymousCaller> {
        let mut principal = named(ctx.principal(), ctx.reason())?;
        if let Some(other) = ctx.acts_for() {
            principal.push_str(" for ");
            principal.push_str(&named(other, None)?);
        }
        Ok(Self {
            principal,
            route,
            deadline: ctx.meta().deadline,
        })
    }
}

/// The principal's kind and id, or a job's reason.
fn named(principal: &Principal, reason: Option<&str>) -> Result<String, AnonymousCaller> {
    let kind = principal.kind().as_str();
    match (principal.id(), reason) {
        (Some(id), _) => Ok(format!("{kind} {id}")),
        (None, Some(reason)) => {
            let reason: String = reason.chars().take(REASON_CHARS_MAX).collect();
            Ok(format!("{kind} {reason}"))
        }
        (None, None) => Err(AnonymousCaller),
    }
}

/// What was asked: SHA-256 over parts such as a path and a body.
///
/// ```
/// use platform_core::idempotency::Fingerprint;
///
/// assert_eq!(Fingerprint::of(&[b"/parcels", b"{}"]), Fingerprint::of(&[b"/parcels", b"{}"]));
/// assert_ne!(Fingerprint::of(&[b"/parcels", b"{}"]), Fingerprint::of(&[b"/parcels{}"]));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub(super) [u8; 32]);

impl Fingerprint {
    /// The fingerprint of these parts in this order. Each is hashed with its length before it, so that what ends one part never begins
    /// another.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            digest.update(length.to_be_bytes());
            digest.update(part);
        }
        Self(digest.finalize().into())
    }
}

/// Says nothing of what was asked, which may be guessed from it.
impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint")
    }
}
