//! Why a change of who may do what was not made.

use platform_core::{Forbidden, Permission};

use crate::authz::{InvalidGrant, InvalidUniqueName};
use crate::{Fault, GrantPrincipal, RoleRef};

/// Roles, groups or grants were not changed or shown. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthzError {
    /// The caller lacks a permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The caller would give something away that it does not hold itself, at least as widely and as long.
    #[error("nobody can give away {} who does not hold it as widely and as long", .0.name())]
    Exceeds(Permission),
    /// The tenant has no such role, group, member, grant or user.
    #[error("there is no such thing")]
    NotFound,
    /// The name cannot be taken.
    #[error("the name is not valid")]
    InvalidName(#[from] InvalidUniqueName),
    /// Another role, or another group, has this name.
    #[error("the name is taken")]
    NameTaken,
    /// No module declares a permission of this name.
    #[error("there is no permission {0}")]
    UnknownPermission(String),
    /// The permission is not for roles of a tenant's own.
    #[error("{} is not for roles of a tenant's own", .0.name())]
    NotAssignable(Permission),
    /// The tenant has no such role to grant.
    #[error("there is no such role")]
    UnknownRole(RoleRef),
    /// The tenant has no such user or group to give anything to.
    #[error("there is no such user or group")]
    UnknownPrincipal(GrantPrincipal),
    /// The user is disabled, and is given nothing until that has changed.
    #[error("the user is disabled")]
    PrincipalDisabled,
    /// The grant cannot be as it was asked for.
    #[error("the grant is not valid")]
    InvalidGrant(#[from] InvalidGrant),
    /// The group has this member already.
    #[error("it is a member already")]
    AlreadyMember,
    /// The group would be a member of itself, by way of others.
    #[error("a group cannot be a member of itself")]
    Cycle,
    /// Groups would be nested deeper than eight levels.
    #[error("groups are nested at most eight levels deep")]
    TooDeep,
    /// The role or group has changed since it was read. Read it again.
    #[error("it has changed in the meantime, it is at version {version} now")]
    Stale {
        /// The version that it has.
        version: i64,
    },
    /// Grants refer to it that are not over. Revoke them first.
    #[error("grants refer to it that are not over")]
    InUse,
    /// There are as many as there can be.
    #[error("there are {max} already, which is as many as there can be")]
    TooMany {
        /// How many there can be.
        max: u32,
    },
    /// Somebody would hold more grants, those of all groups included, than can be decided about. Nobody holds as many: grant to fewer
    /// groups, or more widely.
    #[error("somebody would hold more than {max} grants, which is as many as can be decided about")]
    TooManyHeld {
        /// How many somebody can hold.
        max: u32,
    },
    /// Nobody would be left who administers the tenant. The attempt was recorded.
    #[error("nobody would be left who administers the tenant")]
    LastAdmin,
    /// The service could not do its part.
    #[error("who may do what could not be looked up or changed")]
    Fault(#[source] Fault),
}
