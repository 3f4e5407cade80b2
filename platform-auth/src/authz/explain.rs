//! Why somebody may do something, or may not.

use platform_core::pg::{DbError, TenantRead};
use platform_core::{
    OwnedResource, Permission, PermissionInfo, PrincipalId, RequestContext, TenantId, Timestamp, Window,
};

use super::grant::is_resource;
use super::{GRANTS_MANAGE, GrantId, GroupId, InvalidGrant, RoleId, RoleRef};
use crate::{Auth, AuthzError, Role, UserStatus};

/// What is asked: may this user do this, on this, at this instant?
#[derive(Debug, Clone)]
pub struct Question {
    /// Who.
    pub user: PrincipalId,
    /// The name of the permission.
    pub permission: String,
    /// On what; `None` for the whole tenant.
    pub on: Option<OwnedResource>,
    /// When. The answer is from the grants of today: what has been revoked since an earlier instant counts as if it had never been there.
    pub at: Timestamp,
}

/// Whether something is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It is.
    Allow,
    /// It is not.
    Deny,
}

/// Why something is allowed or denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecisionReason {
    /// The user is in a built-in role that holds the permission everywhere and always.
    BuiltInRole,
    /// A grant holds.
    Granted,
    /// The user is disabled and may do nothing.
    Disabled,
    /// A grant holds later.
    NotYetValid,
    /// A grant has held until before.
    Expired,
    /// A grant holds on something else.
    OtherResource,
    /// Nothing that the user was granted holds the permission.
    NotGranted,
}

/// The answer, and which grant decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is allowed.
    pub effect: Effect,
    /// Why.
    pub reason: DecisionReason,
    /// The grant that decides; of several that allow, the one that does for longest.
    pub grant: Option<GrantId>,
    /// The role that holds the permission.
    pub role: Option<RoleRef>,
    /// The group that the grant is to.
    pub via_group: Option<GroupId>,
    /// Until when the grant holds; `None` for no end, and without a grant.
    pub valid_until: Option<Timestamp>,
}

impl Auth {
    /// Tells whether a user may do something, and which grant decides that.
    ///
    /// # Errors
    /// [`AuthzError::NotFound`] when the tenant has no such user, [`AuthzError::UnknownPermission`], and the others of [`AuthzError`]; it
    /// needs [`GRANTS_MANAGE`].
    pub async fn explain(&self, ctx: &RequestContext, question: &Question) -> Result<Decision, AuthzError> {
        ctx.require(GRANTS_MANAGE)?;
        if !question.on.as_ref().is_none_or(is_resource) {
            return Err(InvalidGrant::Resource.into());
        }
        let info = self.inner.catalogue().get(&question.permission);
        let Some(info) = info else {
            return Err(AuthzError::UnknownPermission(question.permission.clone()));
        };
        let mut read = self.inner.db.read(ctx).await?;
        let user = user(&mut read, question.user)
            .await?
            .ok_or(AuthzError::NotFound)?;
        let candidates = self.candidates(&mut read, question.user, info).await?;
        read.finish().await?;
        let asked = (ctx.tenant(), info.permission());
        Ok(self.decided(&user, asked, candidates, question))
    }

    fn decided(
        &self,
        (role, status): &(String, String),
        (tenant, permission): (TenantId, Permission),
        mut candidates: Vec<Candidate>,
        question: &Question,
    ) -> Decision {
        if UserStatus::of_stored(status) != UserStatus::Active {
            return Decision::without_grant(Effect::Deny, DecisionReason::Disabled);
        }
        if let Ok(role) = role.parse::<Role>()
            && self.inner.role_permissions(tenant, role).holds(permission)
        {
            return Decision {
                role: Some(RoleRef::BuiltIn(role)),
                ..Decision::without_grant(Effect::Allow, DecisionReason::BuiltInRole)
            };
        }
        // The one that tells most: what allows, then what would at another time, then what does elsewhere; of equals the longest.
        candidates.sort_by_key(|candidate| {
            let until = candidate.window.until();
            (
                candidate.reason(question),
                until.is_some(),
                std::cmp::Reverse(until),
            )
        });
        match candidates.first() {
            Some(best) => best.decision(question),
            None => Decision::without_grant(Effect::Deny, DecisionReason::NotGranted),
        }
    }

    /// The user's grants that hold the permission anywhere and at any time.
    async fn candidates(
        &self,
        read: &mut TenantRead,
        user: PrincipalId,
        info: PermissionInfo,
    ) -> Result<Vec<Candidate>, DbError> {
        let (permission, tenant) = (info.permission(), read.tenant());
        let builtin: Vec<_> = [Role::User, Role::Admin]
            .into_iter()
            .filter(|role| self.inner.role_permissions(tenant, *role).holds(permission))
            .map(Role::as_str)
            .collect();
        let rows: Vec<Row> = sqlx::query_as(
            "with recursive above (id, depth) as (
               select m.group_id, 1 from platform_auth.group_member m where m.tenant_id = $1 and m.member_subject_id = $2
               union
               select m.group_id, above.depth + 1
               from above
               join platform_auth.group_member m on m.tenant_id = $1 and m.member_group_id = above.id
               where above.depth < 9
             )
             select g.id, g.group_id, g.role_id, g.builtin_role, g.resource_kind, g.resource_id, g.valid_from, g.valid_until
             from platform_auth.role_grant g
             where g.tenant_id = $1 and g.revoked_at is null
               and (g.subject_id = $2 or g.group_id in (select id from above))
               and (g.builtin_role = any($3) or $5 and exists (
                 select from platform_auth.role_permission p
                 where p.tenant_id = $1 and p.role_id = g.role_id and p.permission = $4
               ))
             limit 100000",
        )
        .bind(read.tenant())
        .bind(user)
        .bind(builtin)
        .bind(permission.name())
        .bind(info.is_assignable())
        .fetch_all(&mut *read)
        .await?;
        Ok(rows.into_iter().filter_map(Row::candidate).collect())
    }
}

async fn user(read: &mut TenantRead, id: PrincipalId) -> Result<Option<(String, String)>, DbError> {
    let found = sqlx::query_as(
        "select role, status from platform_auth.subject where tenant_id = $1 and id = $2 and erased_at is null",
    )
    .bind(read.tenant())
    .bind(id)
    .fetch_optional(&mut *read)
    .await?;
    Ok(found)
}

/// A grant that holds the permission, somewhere and some time.
struct Candidate {
    id: GrantId,
    group: Option<GroupId>,
    role: RoleRef,
    on: Option<OwnedResource>,
    window: Window,
}

/// How far a grant is from allowing what is asked; the nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Distance {
    Allows,
    Later,
    Over,
    Elsewhere,
}

impl Candidate {
    fn reason(&self, question: &Question) -> Distance {
        if self.on.is_some() && self.on != question.on {
            return Distance::Elsewhere;
        }
        match self.window {
            window if window.contains(question.at) => Distance::Allows,
            window if window.until().is_some_and(|until| until <= question.at) => Distance::Over,
            _ => Distance::Later,
        }
    }

    fn decision(&self, question: &Question) -> Decision {
        let (effect, reason) = match self.reason(question) {
            Distance::Allows => (Effect::Allow, DecisionReason::Granted),
            Distance::Later => (Effect::Deny, DecisionReason::NotYetValid),
            Distance::Over => (Effect::Deny, DecisionReason::Expired),
            Distance::Elsewhere => (Effect::Deny, DecisionReason::OtherResource),
        };
        Decision {
            effect,
            reason,
            grant: Some(self.id),
            role: Some(self.role),
            via_group: self.group,
            valid_until: self.window.until(),
        }
    }
}

impl Decision {
    fn without_grant(effect: Effect, reason: DecisionReason) -> Self {
        Self {
            effect,
            reason,
            grant: None,
            role: None,
            via_group: None,
            valid_until: None,
        }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: GrantId,
    group_id: Option<GroupId>,
    role_id: Option<RoleId>,
    builtin_role: Option<String>,
    resource_kind: Option<String>,
    resource_id: Option<String>,
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
}

impl Row {
    fn candidate(self) -> Option<Candidate> {
        let builtin = self.builtin_role.and_then(|word| word.parse().ok());
        Some(Candidate {
            id: self.id,
            group: self.group_id,
            role: self
                .role_id
                .map(RoleRef::Custom)
                .or(builtin.map(RoleRef::BuiltIn))?,
            on: self
                .resource_kind
                .zip(self.resource_id)
                .map(|(kind, id)| OwnedResource {
                    kind: kind.into(),
                    id: id.into(),
                }),
            window: Window::new(self.valid_from, self.valid_until)?,
        })
    }
}
