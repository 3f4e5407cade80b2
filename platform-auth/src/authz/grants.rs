//! Granting, revoking, and seeing what was granted.

use platform_core::pg::{DbError, TenantTx};
use platform_core::{PrincipalId, RequestContext};

use super::change::Change;
use super::grant::{Row, is_resource};
use super::{
    GRANTS_MANAGE, Grant, GrantFilter, GrantId, GrantPrincipal, GroupId, InvalidGrant, LIST_MAX, NewGrant,
    RoleId, RoleRef, bounds, role, rows, trail,
};
use crate::{Auth, AuthzError};

/// The most grants that are not over of one user or group.
pub(super) const GRANTS_MAX: u32 = 10_000;

impl Auth {
    /// Grants a role to a user, a service principal or a group. The caller has to hold every permission of it itself: on the same resource
    /// or in the whole tenant, and for as long.
    ///
    /// # Errors
    /// [`AuthzError::Exceeds`] when the caller does not hold as much, [`AuthzError::TooManyHeld`] when somebody would hold more than can
    /// be decided about, and the others of [`AuthzError`]; it needs [`GRANTS_MANAGE`].
    pub async fn grant_role(&self, ctx: &RequestContext, new: NewGrant) -> Result<Grant, AuthzError> {
        let window = new.checked(self.inner.sources.now())?;
        let mut change = Change::begin(self, ctx, GRANTS_MANAGE).await?;
        rows::known_role(&mut change.tx, new.role).await?;
        rows::known_principal(&mut change.tx, new.principal).await?;
        let given = match new.role {
            RoleRef::BuiltIn(role) => self.inner.role_permissions(ctx.tenant(), role).iter().collect(),
            RoleRef::Custom(id) => role::permissions(&mut change, id).await?,
        };
        change.may_give(given, new.on.as_ref(), window)?;
        if count(&mut change, new.principal).await? >= i64::from(GRANTS_MAX) {
            return Err(AuthzError::TooMany { max: GRANTS_MAX });
        }
        let grant = Grant {
            id: GrantId::generate(&self.inner.sources),
            principal: new.principal,
            role: new.role,
            on: new.on,
            window,
            granted_at: change.now,
            granted_by: ctx.principal().id(),
            reason: new.reason,
            revoked_at: None,
            revoked_by: None,
        };
        insert(&mut change.tx, &grant).await?;
        bounds::check(&mut change, grant.principal).await?;
        change.commit(trail::granted(&grant)).await?;
        Ok(grant)
    }

    /// Revokes a grant: the next request of whoever had it does without, at this instance with the answer and at the others within the
    /// [age](crate::SessionConfig::cache_age) of what they remember. Revoking it again changes nothing.
    ///
    /// # Errors
    /// [`AuthzError::NotFound`] when the tenant has no such grant, [`AuthzError::LastAdmin`] when nobody would be left who administers the
    /// tenant, and the others of [`AuthzError`]; it needs [`GRANTS_MANAGE`].
    pub async fn revoke_grant(&self, ctx: &RequestContext, id: GrantId) -> Result<Grant, AuthzError> {
        let mut change = Change::begin(self, ctx, GRANTS_MANAGE).await?;
        let known = by_id(&mut change.tx, id).await?.ok_or(AuthzError::NotFound)?;
        if known.revoked_at.is_some() {
            change.tx.rollback().await?;
            return Ok(known);
        }
        let admins = change.admins().await?;
        let revoked = Grant {
            revoked_at: Some(change.now),
            revoked_by: ctx.principal().id(),
            ..known
        };
        sqlx::query(
            "update platform_auth.role_grant set revoked_at = $3, revoked_by = $4 where tenant_id = $1 and id = $2",
        )
        .bind(change.tx.tenant())
        .bind(id)
        .bind(revoked.revoked_at)
        .bind(revoked.revoked_by)
        .execute(&mut change.tx)
        .await
        .map_err(DbError::from)?;
        change.commit_taking(admins, trail::revoked(&revoked)).await?;
        Ok(revoked)
    }

    /// A grant; `None` when the tenant has no such one.
    ///
    /// # Errors
    /// [`AuthzError::Forbidden`] without [`GRANTS_MANAGE`].
    pub async fn grant(&self, ctx: &RequestContext, id: GrantId) -> Result<Option<Grant>, AuthzError> {
        ctx.require(GRANTS_MANAGE)?;
        let mut read = self.inner.db.read(ctx).await?;
        let row: Option<Row> = sqlx::query_as(
            "select id, subject_id,
                    exists (
                      select from platform_auth.subject s
                      where s.tenant_id = role_grant.tenant_id and s.id = role_grant.subject_id and s.kind = 'service'
                    ) as is_service,
                    group_id, role_id, builtin_role, resource_kind, resource_id, valid_from, valid_until,
                    granted_at, granted_by, reason, revoked_at, revoked_by
             from platform_auth.role_grant
             where tenant_id = $1 and id = $2",
        )
        .bind(read.tenant())
        .bind(id)
        .fetch_optional(&mut read)
        .await
        .map_err(DbError::from)?;
        read.finish().await?;
        Ok(row.and_then(Row::grant))
    }

    /// The grants of the tenant that match, in the order in which they were made, at most 201 after `after`; those that are over too, and
    /// revoked ones where the filter says so.
    ///
    /// # Errors
    /// [`AuthzError::Forbidden`] without [`GRANTS_MANAGE`], [`AuthzError::InvalidGrant`] when no resource is as the filter says.
    pub async fn list_grants(
        &self,
        ctx: &RequestContext,
        filter: &GrantFilter,
        after: Option<GrantId>,
        limit: u32,
    ) -> Result<Vec<Grant>, AuthzError> {
        ctx.require(GRANTS_MANAGE)?;
        if !filter.on.as_ref().is_none_or(is_resource) {
            return Err(InvalidGrant::Resource.into());
        }
        let (user, group) = columns(filter.principal);
        let (role, builtin) = role_columns(filter.role);
        let mut read = self.inner.db.read(ctx).await?;
        let rows: Vec<Row> = sqlx::query_as(
            "select id, subject_id,
                    exists (
                      select from platform_auth.subject s
                      where s.tenant_id = role_grant.tenant_id and s.id = role_grant.subject_id and s.kind = 'service'
                    ) as is_service,
                    group_id, role_id, builtin_role, resource_kind, resource_id, valid_from, valid_until,
                    granted_at, granted_by, reason, revoked_at, revoked_by
             from platform_auth.role_grant
             where tenant_id = $1
               and ($2::uuid is null or subject_id = $2) and ($3::uuid is null or group_id = $3)
               and ($4::uuid is null or role_id = $4) and ($5::text is null or builtin_role = $5)
               and ($6::text is null or (resource_kind = $6 and resource_id = $7))
               and ($8 or revoked_at is null)
               and ($9::uuid is null or id > $9)
             order by id
             limit $10",
        )
        .bind(read.tenant())
        .bind(user)
        .bind(group)
        .bind(role)
        .bind(builtin)
        .bind(filter.on.as_ref().map(|on| &*on.kind))
        .bind(filter.on.as_ref().map(|on| &*on.id))
        .bind(filter.revoked)
        .bind(after)
        .bind(i64::from(limit.min(LIST_MAX)))
        .fetch_all(&mut read)
        .await
        .map_err(DbError::from)?;
        read.finish().await?;
        Ok(rows.into_iter().filter_map(Row::grant).collect())
    }
}

fn columns(principal: Option<GrantPrincipal>) -> (Option<PrincipalId>, Option<GroupId>) {
    match principal {
        Some(GrantPrincipal::User(id) | GrantPrincipal::Service(id)) => (Some(id), None),
        Some(GrantPrincipal::Group(id)) => (None, Some(id)),
        None => (None, None),
    }
}

fn role_columns(role: Option<RoleRef>) -> (Option<RoleId>, Option<&'static str>) {
    match role {
        Some(RoleRef::Custom(id)) => (Some(id), None),
        Some(RoleRef::BuiltIn(role)) => (None, Some(role.as_str())),
        None => (None, None),
    }
}

async fn by_id(tx: &mut TenantTx, id: GrantId) -> Result<Option<Grant>, DbError> {
    let row: Option<Row> = sqlx::query_as(
        "select id, subject_id,
                exists (
                  select from platform_auth.subject s
                  where s.tenant_id = role_grant.tenant_id and s.id = role_grant.subject_id and s.kind = 'service'
                ) as is_service,
                group_id, role_id, builtin_role, resource_kind, resource_id, valid_from, valid_until,
                granted_at, granted_by, reason, revoked_at, revoked_by
         from platform_auth.role_grant
         where tenant_id = $1 and id = $2",
    )
    .bind(tx.tenant())
    .bind(id)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(row.and_then(Row::grant))
}

/// How many grants of a user or a group are not over.
async fn count(change: &mut Change<'_>, principal: GrantPrincipal) -> Result<i64, DbError> {
    let (user, group) = columns(Some(principal));
    let count = sqlx::query_scalar(
        "select count(*) from platform_auth.role_grant
         where tenant_id = $1 and (subject_id = $2 or group_id = $3)
           and revoked_at is null and (valid_until is null or valid_until > $4)",
    )
    .bind(change.tx.tenant())
    .bind(user)
    .bind(group)
    .bind(change.now)
    .fetch_one(&mut change.tx)
    .await?;
    Ok(count)
}

pub(super) async fn insert(tx: &mut TenantTx, grant: &Grant) -> Result<(), DbError> {
    let (user, group) = columns(Some(grant.principal));
    let (role, builtin) = role_columns(Some(grant.role));
    sqlx::query(
        "insert into platform_auth.role_grant
           (tenant_id, id, subject_id, group_id, role_id, builtin_role, resource_kind, resource_id, valid_from, valid_until,
            granted_at, granted_by, reason)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(tx.tenant())
    .bind(grant.id)
    .bind(user)
    .bind(group)
    .bind(role)
    .bind(builtin)
    .bind(grant.on.as_ref().map(|on| &*on.kind))
    .bind(grant.on.as_ref().map(|on| &*on.id))
    .bind(grant.window.from())
    .bind(grant.window.until())
    .bind(grant.granted_at)
    .bind(grant.granted_by)
    .bind(grant.reason.as_deref())
    .execute(&mut *tx)
    .await?;
    Ok(())
}
