//! The permissions that there are.

use std::collections::BTreeMap;

use platform_core::{Permission, PermissionInfo};

use super::SERVICE_PRINCIPALS_MANAGE;
use crate::{
    API_KEYS_MANAGE, HOSTS_MANAGE, PLATFORM_TENANTS, POLICY_MANAGE, TENANT_ADMIN, TENANT_CHILDREN,
    USERS_INVITE,
};

/// Make roles, change and delete them.
pub const ROLES_MANAGE: Permission = Permission::new("roles:manage");

/// Make groups, change and delete them, and say who their members are.
pub const GROUPS_MANAGE: Permission = Permission::new("groups:manage");

/// Grant roles and revoke them, and ask why somebody may do something.
pub const GRANTS_MANAGE: Permission = Permission::new("grants:manage");

/// Make users, and say what they are to the tenant.
pub const USERS_MANAGE: Permission = Permission::new("users:manage");

/// See which sessions the users of the tenant have, and end them.
pub const SESSIONS_MANAGE: Permission = Permission::new("sessions:manage");

/// What this crate checks itself.
pub(crate) const OWN: [PermissionInfo; 13] = [
    PermissionInfo::assignable(
        TENANT_ADMIN,
        "Administer the tenant: see, disable and enable its users",
    ),
    PermissionInfo::assignable(USERS_MANAGE, "Make users, and say what they are to the tenant"),
    PermissionInfo::assignable(ROLES_MANAGE, "Make roles, change and delete them"),
    PermissionInfo::assignable(
        GROUPS_MANAGE,
        "Make groups, change and delete them, and say who their members are",
    ),
    PermissionInfo::assignable(
        GRANTS_MANAGE,
        "Grant roles and revoke them, and ask why somebody may do something",
    ),
    PermissionInfo::assignable(
        SERVICE_PRINCIPALS_MANAGE,
        "Make service principals and their API keys, change and delete them",
    ),
    PermissionInfo::assignable(
        API_KEYS_MANAGE,
        "See the API keys of everybody in the tenant, and revoke them",
    ),
    PermissionInfo::assignable(
        SESSIONS_MANAGE,
        "See which sessions the users of the tenant have, and end them",
    ),
    PermissionInfo::assignable(POLICY_MANAGE, "See and change what the tenant asks of its users"),
    PermissionInfo::assignable(
        TENANT_CHILDREN,
        "Make tenants below this one, suspend and resume them",
    ),
    PermissionInfo::assignable(
        USERS_INVITE,
        "Invite people, see who is invited, and revoke invitations",
    ),
    PermissionInfo::assignable(
        HOSTS_MANAGE,
        "Say which host names stand for the tenant, and prove it",
    ),
    PermissionInfo::platform_only(PLATFORM_TENANTS, "Look after the tenants of the platform"),
];

/// Every permission that some module checks, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalogue(BTreeMap<&'static str, PermissionInfo>);

impl Catalogue {
    pub(crate) fn of_own() -> Self {
        let mut catalogue = Self::default();
        catalogue.extend(OWN);
        catalogue
    }

    /// Adds declarations. A bare name says nothing against one that is described; of two that are, a tenant may assign the permission
    /// only when both say so.
    pub(crate) fn extend(&mut self, infos: impl IntoIterator<Item = PermissionInfo>) {
        for info in infos {
            let name = info.permission().name();
            let known = self.0.get(name).copied().filter(|known| !is_bare(known));
            let merged = match known {
                Some(known) if is_bare(&info) || known.is_assignable() <= info.is_assignable() => known,
                _ => info,
            };
            self.0.insert(name, merged);
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<PermissionInfo> {
        self.0.get(name).copied()
    }

    /// In the order of their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = PermissionInfo> + '_ {
        self.0.values().copied()
    }
}

/// Of which only the name is known.
fn is_bare(info: &PermissionInfo) -> bool {
    info.description().is_empty() && !info.is_assignable()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEND: Permission = Permission::new("parcels:send");

    fn assignable(infos: &[PermissionInfo]) -> bool {
        let mut catalogue = Catalogue::default();
        catalogue.extend(infos.iter().copied());
        catalogue.get(SEND.name()).unwrap().is_assignable()
    }

    #[test]
    fn of_two_declarations_the_stricter_holds_whichever_comes_first() {
        let (open, closed) = (
            PermissionInfo::assignable(SEND, "Send parcels"),
            PermissionInfo::platform_only(SEND, "Send anybody's parcels"),
        );

        assert!(!assignable(&[open, closed]));
        assert!(!assignable(&[closed, open]));
        assert!(assignable(&[open, open]));
    }

    #[test]
    fn a_bare_name_is_not_assignable_and_takes_nothing_back() {
        let open = PermissionInfo::assignable(SEND, "Send parcels");

        assert!(!assignable(&[SEND.into()]));
        assert!(assignable(&[SEND.into(), open]));
        assert!(assignable(&[open, SEND.into()]));
    }
}
