//! How much of its owner's authority a credential leaves.

use std::fmt;
use std::sync::Arc;

use crate::{OwnedResource, Permission, PermissionSet};

/// How much of its owner's authority a credential leaves: some permissions, on some resources. It gives nothing; what the owner does not
/// hold is not held under it either. Cheap to clone.
///
/// A decision looks a resource up by bisection and allocates nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Limit {
    /// `None` for every one.
    permissions: Option<PermissionSet>,
    /// In order, each once; `None` for every one, and the whole tenant.
    resources: Option<Arc<[OwnedResource]>>,
}

impl Limit {
    /// Leaves these permissions, on these resources: `None` leaves all of them. With resources, nothing is left in the whole tenant; of an
    /// empty set or list nothing is left at all.
    pub fn new(permissions: Option<PermissionSet>, resources: Option<Vec<OwnedResource>>) -> Self {
        let in_order = |mut resources: Vec<OwnedResource>| {
            resources.sort();
            resources.dedup();
            resources.into()
        };
        Self {
            permissions,
            resources: resources.map(in_order),
        }
    }

    /// What both leave.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let permissions = match (&self.permissions, &other.permissions) {
            (Some(one), Some(two)) => Some(one.iter().filter(|permission| two.holds(*permission)).collect()),
            (one, two) => one.clone().or_else(|| two.clone()),
        };
        let resources = match (&self.resources, &other.resources) {
            (Some(one), Some(two)) => Some(
                one.iter()
                    .filter(|resource| two.contains(resource))
                    .cloned()
                    .collect(),
            ),
            (one, two) => one.clone().or_else(|| two.clone()),
        };
        Self {
            permissions,
            resources,
        }
    }

    /// Does it leave the permission in the whole tenant?
    pub(crate) fn leaves(&self, permission: Permission) -> bool {
        self.resources.is_none() && self.leaves_somewhere(permission)
    }

    /// Does it leave the permission on this resource?
    pub(crate) fn leaves_on(&self, permission: Permission, kind: &str, id: &str) -> bool {
        let is_listed = |resources: &Arc<[OwnedResource]>| {
            let order = |known: &OwnedResource| (&*known.kind, &*known.id).cmp(&(kind, id));
            resources.binary_search_by(order).is_ok()
        };
        self.leaves_somewhere(permission) && self.resources.as_ref().is_none_or(is_listed)
    }

    /// Does it leave the permission on anything?
    pub(crate) fn leaves_somewhere(&self, permission: Permission) -> bool {
        let is_to_nothing = self
            .resources
            .as_ref()
            .is_some_and(|resources| resources.is_empty());
        let permissions = self.permissions.as_ref();
        !is_to_nothing && permissions.is_none_or(|permissions| permissions.holds(permission))
    }

    pub(crate) fn is_to_resources(&self) -> bool {
        self.resources.is_some()
    }

    /// What it leaves of these permissions, wherever.
    pub(crate) fn of(&self, permissions: PermissionSet) -> PermissionSet {
        match &self.permissions {
            None => permissions,
            Some(left) => permissions
                .iter()
                .filter(|permission| left.holds(*permission))
                .collect(),
        }
    }
}

/// Says how much there is of it, not what.
impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let permissions = self.permissions.as_ref().map(|left| left.iter().count());
        let resources = self.resources.as_ref().map(|left| left.len());
        f.debug_struct("Limit")
            .field("permissions", &permissions)
            .field("resources", &resources)
            .finish()
    }
}
