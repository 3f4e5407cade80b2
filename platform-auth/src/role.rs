//! Roles, and what they allow.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use platform_core::{Permission, PermissionSet};
use serde::{Deserialize, Serialize};

use crate::{
    API_KEYS_MANAGE, GRANTS_MANAGE, GROUPS_MANAGE, HOSTS_MANAGE, POLICY_MANAGE, ROLES_MANAGE,
    SERVICE_PRINCIPALS_MANAGE, SESSIONS_MANAGE, TENANT_CHILDREN, USERS_INVITE, USERS_MANAGE,
};

/// Administer the tenant: see, disable and enable its users.
pub const TENANT_ADMIN: Permission = Permission::new("tenant:admin");

/// Look after the tenants of the platform: make, suspend, resume and close them. Only in the
/// [platform's own tenant](crate::AuthConfig::platform_tenant).
pub const PLATFORM_TENANTS: Permission = Permission::new("platform:tenants");

/// What begins like this reaches beyond a tenant. No role gives it but that of the admins of the platform's own tenant.
const OF_PLATFORM: &str = "platform:";

/// What operators hold beside what an admin does. The metrics and the health of a service are checked by `platform_core`.
const OPERATOR: [Permission; 3] = [
    PLATFORM_TENANTS,
    Permission::new("platform:metrics"),
    Permission::new("platform:health"),
];

/// What a user is to the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", try_from = "String")]
pub enum Role {
    /// Uses the service.
    User,
    /// Administers the tenant as well.
    Admin,
}

impl Role {
    /// The word that is stored and sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }
}

/// A stored role is none of the words that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is user or admin")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "user" => Ok(Self::User),
            "admin" => Ok(Self::Admin),
            _ => Err(UnknownRole),
        }
    }
}

impl TryFrom<String> for Role {
    type Error = UnknownRole;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        word.parse()
    }
}

/// Which permissions each role gives, collected at start-up and compiled once.
#[derive(Debug, Clone)]
pub(crate) struct RoleTable(BTreeMap<Role, BTreeSet<Permission>>);

/// Cheap to copy into every request: one shared set for each role.
#[derive(Debug, Clone)]
pub(crate) struct CompiledRoles {
    user: PermissionSet,
    admin: PermissionSet,
    /// An admin of the platform's own tenant.
    operator: PermissionSet,
}

impl RoleTable {
    pub(crate) fn grant(&mut self, role: Role, permission: Permission) {
        self.0.entry(role).or_default().insert(permission);
    }

    /// Every permission that some role gives.
    pub(crate) fn permissions(&self) -> impl Iterator<Item = Permission> + '_ {
        self.0.values().flatten().copied()
    }

    pub(crate) fn compile(&self) -> CompiledRoles {
        let of = |role| self.0.get(&role).into_iter().flatten().copied();
        let within = |permission: &Permission| !permission.name().starts_with(OF_PLATFORM);
        CompiledRoles {
            user: of(Role::User).filter(within).collect(),
            admin: of(Role::Admin).filter(within).collect(),
            operator: of(Role::Admin).chain(OPERATOR).collect(),
        }
    }
}

impl Default for RoleTable {
    fn default() -> Self {
        let mut table = Self(BTreeMap::new());
        for permission in [
            TENANT_ADMIN,
            USERS_MANAGE,
            ROLES_MANAGE,
            GROUPS_MANAGE,
            GRANTS_MANAGE,
            SERVICE_PRINCIPALS_MANAGE,
            API_KEYS_MANAGE,
            SESSIONS_MANAGE,
            POLICY_MANAGE,
            TENANT_CHILDREN,
            USERS_INVITE,
            HOSTS_MANAGE,
        ] {
            table.grant(Role::Admin, permission);
        }
        table
    }
}

impl CompiledRoles {
    pub(crate) fn permissions(&self, role: Role) -> PermissionSet {
        match role {
            Role::User => self.user.clone(),
            Role::Admin => self.admin.clone(),
        }
    }

    /// What a role gives in the platform's own tenant.
    pub(crate) fn of_platform(&self, role: Role) -> PermissionSet {
        match role {
            Role::User => self.user.clone(),
            Role::Admin => self.operator.clone(),
        }
    }
}
