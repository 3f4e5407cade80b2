//! A key of which the database has told.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use platform_core::pg::DbError;
use platform_core::{
    Authority, Granted, Limit, OwnedResource, PermissionSet, Principal, PrincipalId, PrincipalKind, TenantId,
    Timestamp, Window,
};
use serde_json::Value;

use super::find::Found;
use super::used::NOTED_EVERY_S;
use super::{ALL_SCOPES, AddressRange, ApiKeyId, stored};
use crate::auth::Inner;
use crate::credential_cache::{Credential, CredentialCache, Marks};
use crate::{Role, UserStatus};

/// Keys that were shown of late.
pub(crate) type KnownKeys = CredentialCache<KnownKey>;

/// How much is kept of all tenants' keys, in entries of a hundred bytes or so.
const WEIGHT_MAX: u64 = 200_000;

/// How long what was read of a key counts without being read again.
const GOOD_FOR: Duration = Duration::from_secs(1);

pub(crate) fn new_cache(marks: &Arc<Marks>) -> KnownKeys {
    CredentialCache::new(WEIGHT_MAX, GOOD_FOR, marks)
}

/// All that is needed to decide about a request under a key, whatever state the key is in.
pub(crate) struct KnownKey {
    pub(super) id: ApiKeyId,
    pub(super) owner: PrincipalId,
    kind: PrincipalKind,
    owner_is_active: bool,
    tenant_is_active: bool,
    is_revoked: bool,
    window: Option<Window>,
    addresses: Option<Vec<AddressRange>>,
    /// Limited by the key. What was granted is beside it, because it counts as of each request.
    authority: Authority,
    granted: Granted,
    /// Of which version of the tenant that is.
    version: i64,
    /// When its use was noted last, in seconds of the Unix time.
    noted_s: AtomicI64,
    weight: u32,
}

/// Why a key that there is does not stand for its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is revoked, not valid yet or no longer, or its owner is disabled.
    NotLive,
    /// It does not work from there.
    Address,
}

impl KnownKey {
    pub(super) fn new(inner: &Inner, tenant: TenantId, found: Found, granted: Granted) -> Self {
        let (resources, addresses) = found.limits;
        let listed = resources.as_ref().map_or(0, Vec::len) + addresses.as_ref().map_or(0, Vec::len);
        let weight = u32::try_from(4 + listed + found.scopes.len() + granted.size()).unwrap_or(u32::MAX);
        let always = match found.role.parse::<Role>() {
            Ok(role) => inner.role_permissions(tenant, role),
            // That of a service gives nothing.
            Err(_) => PermissionSet::default(),
        };
        let limit = limit(inner, &found.scopes, resources);
        Self {
            id: found.id,
            owner: found.owner,
            kind: match found.kind.as_str() {
                "human" => PrincipalKind::User,
                _ => PrincipalKind::Service,
            },
            owner_is_active: UserStatus::of_stored(&found.status) == UserStatus::Active,
            tenant_is_active: found.tenant_status == "active",
            is_revoked: found.is_revoked,
            window: Window::new(found.not_before, Some(found.expires_at)),
            addresses,
            authority: Authority::new(always).limited_to(&limit),
            granted,
            version: found.version,
            noted_s: AtomicI64::new(found.last_used_at.map_or(i64::MIN, Timestamp::unix_timestamp)),
            weight,
        }
    }

    /// Does the key stand for its owner, at this instant and from there?
    pub(super) fn check(&self, from: Option<IpAddr>, now: Timestamp) -> Result<(), Refused> {
        let is_live = self.window.is_some_and(|window| window.contains(now));
        if self.is_revoked || !is_live || !self.owner_is_active {
            return Err(Refused::NotLive);
        }
        let Some(addresses) = &self.addresses else {
            return Ok(());
        };
        // Where nobody knows where a request comes from, it does not come from one of them.
        let is_among = |from: IpAddr| addresses.iter().any(|range| range.contains(from));
        match from.is_some_and(is_among) {
            true => Ok(()),
            false => Err(Refused::Address),
        }
    }

    /// Its owner, with what the key leaves of what the owner may do.
    pub(super) fn principal(&self, now: Timestamp) -> Principal {
        let principal = match self.kind {
            PrincipalKind::Service => Principal::service(self.owner, PermissionSet::default()),
            _ => Principal::user(self.owner, PermissionSet::default()),
        };
        principal.with_authority(self.authority.clone().with(self.granted.clone(), now))
    }

    pub(super) fn tenant_is_active(&self) -> bool {
        self.tenant_is_active
    }

    pub(super) fn is_revoked(&self) -> bool {
        self.is_revoked
    }

    pub(super) fn granted(&self) -> &Granted {
        &self.granted
    }

    pub(super) fn version(&self) -> i64 {
        self.version
    }

    pub(super) fn is_of_service(&self) -> bool {
        self.kind == PrincipalKind::Service
    }

    /// Says yes to one use in ten minutes.
    pub(super) fn wants_note(&self, now: Timestamp) -> bool {
        let now_s = now.unix_timestamp();
        let noted_s = self.noted_s.load(Ordering::Relaxed);
        now_s.saturating_sub(noted_s) >= NOTED_EVERY_S
            && self
                .noted_s
                .compare_exchange(noted_s, now_s, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

impl Credential for KnownKey {
    fn owner(&self) -> PrincipalId {
        self.owner
    }

    fn weight(&self) -> u32 {
        self.weight
    }

    /// In every state: a program that goes on showing one that works no longer costs a question a second.
    fn may_be_kept(&self, _: Timestamp) -> bool {
        true
    }
}

/// What a key with these scopes and resources leaves of what its owner may do.
fn limit(inner: &Inner, names: &[String], resources: Option<Vec<OwnedResource>>) -> Limit {
    Limit::new(scopes(inner, names), resources)
}

/// The same of a key as it is stored.
pub(crate) fn stored_limit(
    inner: &Inner,
    names: &[String],
    resources: Option<&Value>,
) -> Result<Limit, DbError> {
    let (resources, _) = stored::limits(resources, None)?;
    Ok(limit(inner, names, resources))
}

/// The permissions that a key leaves; `None` for all of them.
fn scopes(inner: &Inner, names: &[String]) -> Option<PermissionSet> {
    if names.iter().any(|name| name == ALL_SCOPES) {
        return None;
    }
    let catalogue = inner.catalogue();
    let known = names.iter().filter_map(|name| catalogue.get(name));
    Some(known.map(|info| info.permission()).collect())
}
