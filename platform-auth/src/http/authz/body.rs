//! What goes over the wire. Nothing here is personal: users are named by their ids.

use platform_core::uuid::Uuid;
use platform_core::{OwnedResource, PermissionInfo, PrincipalId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    CustomRole, Decision, DecisionReason, Effect, Grant, GrantId, GrantPrincipal, Group, GroupId, Member,
    Membership, MembershipId, Role, RoleId, RoleRef,
};

/// A permission that some module checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PermissionBody {
    #[schema(example = "orders:place")]
    name: &'static str,
    /// What it allows, in one line; empty when its module does not say.
    #[schema(example = "Place orders and see them")]
    description: &'static str,
    /// May a role of the tenant's own hold it?
    assignable: bool,
    /// The built-in roles that hold it.
    built_in_roles: Vec<Role>,
}

/// Every permission that some module checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PermissionListBody {
    pub(super) data: Vec<PermissionBody>,
}

/// A role that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRoleBody {
    /// 1 to 64 letters and digits, with single blanks, hyphens, underscores and dots between them, of one script. Unique without regard
    /// to case.
    #[schema(example = "Back office", min_length = 1, max_length = 64)]
    pub(super) name: String,
    /// Names of assignable permissions, all of which the caller holds.
    #[schema(example = json!(["grants:manage"]), max_items = 500)]
    pub(super) permissions: Vec<String>,
}

/// What a role is to be instead.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleChangeBody {
    /// The version that was read; 409 `stale` when it has another by now.
    #[schema(example = 1, minimum = 1)]
    pub(super) version: i64,
    #[schema(example = "Back office", min_length = 1, max_length = 64)]
    pub(super) name: String,
    /// All of its permissions; those that are left out are taken from whoever has the role.
    #[schema(example = json!(["grants:manage"]), max_items = 500)]
    pub(super) permissions: Vec<String>,
}

/// A role of the tenant's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RoleBody {
    id: RoleId,
    #[schema(example = "Back office")]
    name: String,
    /// In order. One that is not in the list of permissions any more allows nothing.
    #[schema(example = json!(["grants:manage"]))]
    permissions: Vec<String>,
    /// Grows with every change.
    #[schema(example = 1)]
    version: i64,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-02T03:04:05.678901Z")]
    created_at: Timestamp,
}

/// A group that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NameBody {
    /// As that of a role; roles and groups do not share names.
    #[schema(example = "Night shift", min_length = 1, max_length = 64)]
    pub(super) name: String,
}

/// What a group is to be called instead.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupChangeBody {
    /// The version that was read; 409 `stale` when it has another by now.
    #[schema(example = 1, minimum = 1)]
    pub(super) version: i64,
    #[schema(example = "Night shift", min_length = 1, max_length = 64)]
    pub(super) name: String,
}

/// A group of users and of other groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct GroupBody {
    id: GroupId,
    #[schema(example = "Night shift")]
    name: String,
    #[schema(example = 1)]
    version: i64,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-02T03:04:05.678901Z")]
    created_at: Timestamp,
}

/// Whether a user, a service principal or a group is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKindBody {
    /// A user of the tenant.
    User,
    /// A service principal of the tenant.
    Service,
    /// A group; whoever is in it.
    Group,
}

/// A user, a service principal or a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PrincipalBody {
    kind: PrincipalKindBody,
    #[schema(example = "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12")]
    id: Uuid,
}

/// Somebody who is to be in a group.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberBody {
    pub(super) member: PrincipalBody,
}

/// That somebody is in a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MembershipBody {
    id: MembershipId,
    group_id: GroupId,
    member: PrincipalBody,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-02T03:04:05.678901Z")]
    added_at: Timestamp,
}

/// One thing of the tenant's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResourceBody {
    /// A word of the module that owns it: `a-z`, `0-9` and `_`, a letter first.
    #[schema(example = "account", min_length = 1, max_length = 64)]
    kind: String,
    /// 1 to 128 bytes.
    #[schema(
        example = "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12",
        min_length = 1,
        max_length = 128
    )]
    id: String,
}

/// A role that is to be given to somebody.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGrantBody {
    pub(super) principal: PrincipalBody,
    /// `user`, `admin`, or the id of a role of the tenant's own.
    #[schema(example = "admin")]
    pub(super) role: String,
    /// On what; absent for the whole tenant.
    #[serde(default)]
    pub(super) resource: Option<ResourceBody>,
    /// From when; absent for at once.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(super) valid_from: Option<Timestamp>,
    /// Until when, this instant not included; absent for no end.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(super) valid_until: Option<Timestamp>,
    /// Why; nothing personal. It stands in the audit trail.
    #[serde(default)]
    #[schema(example = "ticket 4711", min_length = 1, max_length = 200)]
    pub(super) reason: Option<String>,
}

/// A role that somebody has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct GrantBody {
    id: GrantId,
    principal: PrincipalBody,
    /// `user`, `admin`, or the id of a role of the tenant's own.
    #[schema(example = "admin")]
    role: String,
    /// On what; null for the whole tenant.
    resource: Option<ResourceBody>,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    valid_from: Option<Timestamp>,
    /// The first instant at which it does not hold any more.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    valid_until: Option<Timestamp>,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-02T03:04:05.678901Z")]
    granted_at: Timestamp,
    /// Null for the service itself.
    granted_by: Option<PrincipalId>,
    #[schema(example = "ticket 4711")]
    reason: Option<String>,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    revoked_by: Option<PrincipalId>,
}

/// Why somebody may do something, or may not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DecisionBody {
    /// `allow` or `deny`.
    #[schema(example = "allow")]
    effect: &'static str,
    /// `built_in_role`, `granted`; `disabled`, `not_yet_valid`, `expired`, `other_resource`, `not_granted`.
    #[schema(example = "granted")]
    reason: &'static str,
    /// The grant that decides.
    grant_id: Option<GrantId>,
    /// The role that holds the permission: `user`, `admin`, or the id of a role of the tenant's own.
    #[schema(example = "admin")]
    role: Option<String>,
    /// The group that the grant is to.
    via_group_id: Option<GroupId>,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    valid_until: Option<Timestamp>,
}

impl From<(PermissionInfo, Vec<Role>)> for PermissionBody {
    fn from((info, built_in_roles): (PermissionInfo, Vec<Role>)) -> Self {
        Self {
            name: info.permission().name(),
            description: info.description(),
            assignable: info.is_assignable(),
            built_in_roles,
        }
    }
}

impl From<CustomRole> for RoleBody {
    fn from(role: CustomRole) -> Self {
        Self {
            id: role.id,
            name: role.name,
            permissions: role.permissions,
            version: role.version,
            created_at: role.created_at,
        }
    }
}

impl RoleBody {
    pub(super) fn id(&self) -> RoleId {
        self.id
    }
}

impl From<Group> for GroupBody {
    fn from(group: Group) -> Self {
        Self {
            id: group.id,
            name: group.name,
            version: group.version,
            created_at: group.created_at,
        }
    }
}

impl GroupBody {
    pub(super) fn id(&self) -> GroupId {
        self.id
    }
}

impl From<PrincipalBody> for GrantPrincipal {
    fn from(body: PrincipalBody) -> Self {
        match body.kind {
            PrincipalKindBody::User => Self::User(PrincipalId::from_stored(body.id)),
            PrincipalKindBody::Service => Self::Service(PrincipalId::from_stored(body.id)),
            PrincipalKindBody::Group => Self::Group(GroupId::from_stored(body.id)),
        }
    }
}

impl From<PrincipalBody> for Member {
    fn from(body: PrincipalBody) -> Self {
        match body.kind {
            PrincipalKindBody::User => Self::User(PrincipalId::from_stored(body.id)),
            PrincipalKindBody::Service => Self::Service(PrincipalId::from_stored(body.id)),
            PrincipalKindBody::Group => Self::Group(GroupId::from_stored(body.id)),
        }
    }
}

impl From<GrantPrincipal> for PrincipalBody {
    fn from(principal: GrantPrincipal) -> Self {
        let (kind, id) = match principal {
            GrantPrincipal::User(id) => (PrincipalKindBody::User, id.as_uuid()),
            GrantPrincipal::Service(id) => (PrincipalKindBody::Service, id.as_uuid()),
            GrantPrincipal::Group(id) => (PrincipalKindBody::Group, id.as_uuid()),
        };
        Self { kind, id }
    }
}

impl From<Membership> for MembershipBody {
    fn from(membership: Membership) -> Self {
        Self {
            id: membership.id,
            group_id: membership.group,
            member: GrantPrincipal::from(membership.member).into(),
            added_at: membership.added_at,
        }
    }
}

impl MembershipBody {
    pub(super) fn id(&self) -> MembershipId {
        self.id
    }
}

impl From<ResourceBody> for OwnedResource {
    fn from(body: ResourceBody) -> Self {
        Self {
            kind: body.kind.into(),
            id: body.id.into(),
        }
    }
}

impl From<OwnedResource> for ResourceBody {
    fn from(resource: OwnedResource) -> Self {
        Self {
            kind: resource.kind.into(),
            id: resource.id.into(),
        }
    }
}

impl From<Grant> for GrantBody {
    fn from(grant: Grant) -> Self {
        Self {
            id: grant.id,
            principal: grant.principal.into(),
            role: grant.role.to_string(),
            resource: grant.on.map(ResourceBody::from),
            valid_from: grant.window.from(),
            valid_until: grant.window.until(),
            granted_at: grant.granted_at,
            granted_by: grant.granted_by,
            reason: grant.reason,
            revoked_at: grant.revoked_at,
            revoked_by: grant.revoked_by,
        }
    }
}

impl GrantBody {
    pub(super) fn id(&self) -> GrantId {
        self.id
    }
}

impl From<Decision> for DecisionBody {
    fn from(decision: Decision) -> Self {
        Self {
            effect: match decision.effect {
                Effect::Allow => "allow",
                Effect::Deny => "deny",
            },
            reason: match decision.reason {
                DecisionReason::BuiltInRole => "built_in_role",
                DecisionReason::Granted => "granted",
                DecisionReason::Disabled => "disabled",
                DecisionReason::NotYetValid => "not_yet_valid",
                DecisionReason::Expired => "expired",
                DecisionReason::OtherResource => "other_resource",
                DecisionReason::NotGranted => "not_granted",
            },
            grant_id: decision.grant,
            role: decision.role.map(|role: RoleRef| role.to_string()),
            via_group_id: decision.via_group,
            valid_until: decision.valid_until,
        }
    }
}
