//! What a principal may do, by name.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

/// What a principal may do, named `module:verb` by the module that checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Permission(&'static str);

impl Permission {
    /// Declares a permission.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// Its stable name.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// A permission as the module that checks it declares it.
///
/// ```
/// use platform_core::{Permission, PermissionInfo};
///
/// const SEND: Permission = Permission::new("parcels:send");
///
/// let info = PermissionInfo::assignable(SEND, "Send parcels and see them");
/// assert!(info.is_assignable());
/// // A permission of which nothing is said is not a tenant's to give.
/// assert!(!PermissionInfo::from(SEND).is_assignable());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PermissionInfo {
    permission: Permission,
    description: &'static str,
    assignable: bool,
}

impl PermissionInfo {
    /// A permission that a tenant may put into roles of its own. `description` is one line for whoever does.
    pub const fn assignable(permission: Permission, description: &'static str) -> Self {
        Self {
            permission,
            description,
            assignable: true,
        }
    }

    /// A permission that no role of a tenant's own can hold: what it allows reaches beyond the tenant, or is for the service alone to
    /// give.
    pub const fn platform_only(permission: Permission, description: &'static str) -> Self {
        Self {
            permission,
            description,
            assignable: false,
        }
    }

    /// The permission.
    pub const fn permission(&self) -> Permission {
        self.permission
    }

    /// What it allows, in one line; empty when nobody has said.
    pub const fn description(&self) -> &'static str {
        self.description
    }

    /// May a tenant's own role hold it?
    pub const fn is_assignable(&self) -> bool {
        self.assignable
    }
}

/// Undescribed, and for the service alone to give.
impl From<Permission> for PermissionInfo {
    fn from(permission: Permission) -> Self {
        Self::platform_only(permission, "")
    }
}

/// The permissions a principal holds, as compiled by whoever authenticated it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PermissionSet(Arc<BTreeSet<Permission>>);

impl PermissionSet {
    /// Does the set hold this permission?
    pub fn holds(&self, permission: Permission) -> bool {
        self.0.contains(&permission)
    }

    /// The permissions in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = Permission> + '_ {
        self.0.iter().copied()
    }

    /// Tells the same shared set from another, without looking inside.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(Arc::new(permissions.into_iter().collect()))
    }
}
