//! What was compiled, for as long as it is good.

use std::fmt;

use moka::sync::Cache;
use platform_core::{Granted, PrincipalId, TenantId};

use crate::Fault;

/// How many entries of grants are kept in all, some 40 MB of them. What has not been used for the longest goes first.
const ENTRIES_MAX: u64 = 400_000;

/// Compiled grants of callers. Each is good for the version of its tenant that it was read at, and for no other: a caller names the
/// version that its request has seen.
pub(crate) struct AuthorityCache(Cache<(TenantId, PrincipalId), Compiled>);

#[derive(Debug, Clone)]
pub(crate) struct Compiled {
    pub(crate) version: i64,
    /// `None` when it is more than can be compiled, which need not be found out for every request anew.
    pub(crate) granted: Option<Granted>,
}

impl Compiled {
    /// What was granted, if anything can be decided by it.
    pub(crate) fn decidable(self) -> Result<Granted, Fault> {
        self.granted.ok_or(Fault::TooMuchGranted)
    }
}

impl AuthorityCache {
    pub(crate) fn new() -> Self {
        let weight = |_: &(TenantId, PrincipalId), compiled: &Compiled| {
            // The key and the books of the cache are worth about one entry.
            u32::try_from(compiled.granted.as_ref().map_or(0, Granted::size) + 1).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().max_capacity(ENTRIES_MAX).weigher(weight).build())
    }

    /// Not one of a later version either: a database that was restored goes on from an earlier one.
    pub(crate) fn get(&self, tenant: TenantId, principal: PrincipalId, version: i64) -> Option<Compiled> {
        let compiled = self.0.get(&(tenant, principal))?;
        (compiled.version == version).then_some(compiled)
    }

    pub(crate) fn put(&self, tenant: TenantId, principal: PrincipalId, compiled: Compiled) {
        self.0.insert((tenant, principal), compiled);
    }

    /// Forgets everything: the permissions that there are have changed.
    #[cfg(feature = "http")]
    pub(crate) fn clear(&self) {
        self.0.invalidate_all();
    }
}

impl fmt::Debug for AuthorityCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorityCache").finish_non_exhaustive()
    }
}
