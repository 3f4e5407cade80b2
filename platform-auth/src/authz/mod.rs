//! Who may do what: a tenant's own roles, groups, and grants of roles, compiled into decisions.
//!
//! Changes of one tenant come one after another: each locks the tenant's version first and raises it, by a random step, so that no version
//! comes back with a restored database. What was compiled is good for one version, which every request learns with its session.

mod bounds;
mod cache;
mod catalogue;
mod change;
mod compile;
mod error;
mod explain;
mod grant;
mod grants;
mod group;
mod last_admin;
mod member;
mod name;
mod nesting;
mod offer;
mod role;
mod rows;
mod service;
mod standing;
mod trail;

pub(crate) use self::cache::AuthorityCache;
pub(crate) use self::catalogue::Catalogue;
pub(crate) use self::catalogue::OWN as OWN_PERMISSIONS;
pub(crate) use self::change::{Change, raise_version};
pub(crate) use self::compile::{GrantRow, HeldBy, ROWS_MAX, found_with_grants, held_by, held_rows};
#[cfg(feature = "http")]
pub(crate) use self::grant::is_resource;
pub(crate) use self::last_admin::admins;
pub(crate) use self::offer::Offered;

pub use self::catalogue::{GRANTS_MANAGE, GROUPS_MANAGE, ROLES_MANAGE, SESSIONS_MANAGE, USERS_MANAGE};
pub use self::error::AuthzError;
pub use self::explain::{Decision, DecisionReason, Effect, Question};
pub use self::grant::{Grant, GrantFilter, GrantPrincipal, InvalidGrant, NewGrant, RoleRef};
pub use self::group::{Group, GroupUpdate};
pub use self::member::{Member, Membership};
pub use self::name::{InvalidUniqueName, UniqueName};
pub use self::role::{CustomRole, NewRole, RoleUpdate};
pub use self::service::{SERVICE_PRINCIPALS_MANAGE, ServicePrincipal, ServicePrincipalUpdate};
pub use self::standing::Standing;

platform_core::id_type! {
    /// Names a role of a tenant's own.
    pub struct RoleId;
    /// Names a group.
    pub struct GroupId;
    /// Names a membership in a group.
    pub struct MembershipId;
    /// Names a grant.
    pub struct GrantId;
}

/// The most rows of a list that are read at once: a page, and one more to see whether another follows.
const LIST_MAX: u32 = 201;
