//! Groups of users and of other groups.

use platform_core::pg::{DbError, TenantTx};
use platform_core::sqlx::{Executor, Postgres};
use platform_core::{RequestContext, TenantId, Timestamp};

use super::change::Change;
use super::{GROUPS_MANAGE, GroupId, LIST_MAX, UniqueName, trail};
use crate::{Auth, AuthzError, GRANTS_MANAGE};

/// The most groups that a tenant may have.
const GROUPS_MAX: u32 = 10_000;

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Its name, unique in the tenant without regard to case.
    pub name: String,
    /// How often it has been renamed, from 1. Whoever renames it says which version was read.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a group is to be instead.
#[derive(Debug, Clone)]
pub struct GroupUpdate {
    /// The version that was read.
    pub version: i64,
    /// Its name.
    pub name: String,
}

impl Auth {
    /// Makes a group without members.
    ///
    /// # Errors
    /// [`AuthzError`]; it needs [`GROUPS_MANAGE`].
    pub async fn create_group(&self, ctx: &RequestContext, name: &str) -> Result<Group, AuthzError> {
        let name = UniqueName::parse(name)?;
        let mut change = Change::begin(self, ctx, GROUPS_MANAGE).await?;
        if count(&mut change.tx).await? >= i64::from(GROUPS_MAX) {
            return Err(AuthzError::TooMany { max: GROUPS_MAX });
        }
        let group = Group {
            id: GroupId::generate(&self.inner.sources),
            name: name.as_str().to_owned(),
            version: 1,
            created_at: change.now,
        };
        sqlx::query(
            "insert into platform_auth.principal_group (tenant_id, id, name, name_key, created_at) values ($1, $2, $3, $4, $5)",
        )
        .bind(change.tx.tenant())
        .bind(group.id)
        .bind(name.as_str())
        .bind(name.key())
        .bind(group.created_at)
        .execute(&mut change.tx)
        .await
        .map_err(name_taken)?;
        change.commit(trail::group_made(&group)).await?;
        Ok(group)
    }

    /// Renames a group.
    ///
    /// # Errors
    /// [`AuthzError`], [`AuthzError::Stale`] when it has changed since it was read; it needs [`GROUPS_MANAGE`].
    pub async fn update_group(
        &self,
        ctx: &RequestContext,
        id: GroupId,
        update: GroupUpdate,
    ) -> Result<Group, AuthzError> {
        let name = UniqueName::parse(&update.name)?;
        let mut change = Change::begin(self, ctx, GROUPS_MANAGE).await?;
        let before = known_group(&mut change, id).await?;
        if before.version != update.version {
            return Err(AuthzError::Stale {
                version: before.version,
            });
        }
        sqlx::query(
            "update platform_auth.principal_group set name = $3, name_key = $4, version = version + 1
             where tenant_id = $1 and id = $2",
        )
        .bind(change.tx.tenant())
        .bind(id)
        .bind(name.as_str())
        .bind(name.key())
        .execute(&mut change.tx)
        .await
        .map_err(name_taken)?;
        let after = Group {
            name: name.as_str().to_owned(),
            version: before.version + 1,
            ..before.clone()
        };
        change.commit(trail::group_changed(&before, &after)).await?;
        Ok(after)
    }

    /// Deletes a group to which nothing is granted any more. Its members leave it, and it leaves the groups that it is a member of.
    ///
    /// # Errors
    /// [`AuthzError::InUse`] while a grant to it is not over, [`AuthzError::LastAdmin`] when nobody would be left who administers the
    /// tenant, and the others of [`AuthzError`]; it needs [`GROUPS_MANAGE`].
    pub async fn delete_group(&self, ctx: &RequestContext, id: GroupId) -> Result<(), AuthzError> {
        let mut change = Change::begin(self, ctx, GROUPS_MANAGE).await?;
        let group = known_group(&mut change, id).await?;
        if is_granted_to(&mut change.tx, id, change.now).await? {
            return Err(AuthzError::InUse);
        }
        let admins = change.admins().await?;
        let now = change.now;
        delete(&mut change.tx, id, now).await?;
        change.commit_taking(admins, trail::group_deleted(&group)).await
    }

    /// A group; `None` when the tenant has no such one.
    ///
    /// # Errors
    /// [`AuthzError::Forbidden`] without [`GROUPS_MANAGE`] or [`GRANTS_MANAGE`].
    pub async fn group(&self, ctx: &RequestContext, id: GroupId) -> Result<Option<Group>, AuthzError> {
        may_see_groups(ctx)?;
        let mut read = self.inner.db.read(ctx).await?;
        let tenant = read.tenant();
        let group = by_id(&mut read, tenant, id).await?;
        read.finish().await?;
        Ok(group)
    }

    /// The groups of the tenant in the order in which they were made, at most 201 after `after`.
    ///
    /// # Errors
    /// [`AuthzError::Forbidden`] without [`GROUPS_MANAGE`] or [`GRANTS_MANAGE`].
    pub async fn list_groups(
        &self,
        ctx: &RequestContext,
        after: Option<GroupId>,
        limit: u32,
    ) -> Result<Vec<Group>, AuthzError> {
        may_see_groups(ctx)?;
        let mut read = self.inner.db.read(ctx).await?;
        let groups = sqlx::query_as(
            "select id, name, version, created_at from platform_auth.principal_group
             where tenant_id = $1 and deleted_at is null and ($2::uuid is null or id > $2)
             order by id
             limit $3",
        )
        .bind(read.tenant())
        .bind(after)
        .bind(i64::from(limit.min(LIST_MAX)))
        .fetch_all(&mut read)
        .await
        .map_err(DbError::from)?;
        read.finish().await?;
        Ok(groups)
    }
}

/// Who makes groups sees them, and who grants them something.
pub(super) fn may_see_groups(ctx: &RequestContext) -> Result<(), AuthzError> {
    match ctx.require(GRANTS_MANAGE) {
        Ok(()) => Ok(()),
        Err(_) => Ok(ctx.require(GROUPS_MANAGE)?),
    }
}

pub(super) async fn known_group(change: &mut Change<'_>, id: GroupId) -> Result<Group, AuthzError> {
    let tenant = change.tx.tenant();
    let group = by_id(&mut change.tx, tenant, id).await?;
    group.ok_or(AuthzError::NotFound)
}

pub(super) async fn by_id<'c>(
    executor: impl Executor<'c, Database = Postgres>,
    tenant: TenantId,
    id: GroupId,
) -> Result<Option<Group>, DbError> {
    let group = sqlx::query_as(
        "select id, name, version, created_at from platform_auth.principal_group
         where tenant_id = $1 and id = $2 and deleted_at is null",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(executor)
    .await?;
    Ok(group)
}

async fn count(tx: &mut TenantTx) -> Result<i64, DbError> {
    let count = sqlx::query_scalar(
        "select count(*) from platform_auth.principal_group where tenant_id = $1 and deleted_at is null",
    )
    .bind(tx.tenant())
    .fetch_one(&mut *tx)
    .await?;
    Ok(count)
}

async fn is_granted_to(tx: &mut TenantTx, id: GroupId, now: Timestamp) -> Result<bool, DbError> {
    let exists = sqlx::query_scalar(
        "select exists (
           select from platform_auth.role_grant
           where tenant_id = $1 and group_id = $2 and revoked_at is null and (valid_until is null or valid_until > $3)
         )",
    )
    .bind(tx.tenant())
    .bind(id)
    .bind(now)
    .fetch_one(&mut *tx)
    .await?;
    Ok(exists)
}

async fn delete(tx: &mut TenantTx, id: GroupId, now: Timestamp) -> Result<(), DbError> {
    sqlx::query(
        "delete from platform_auth.group_member where tenant_id = $1 and (group_id = $2 or member_group_id = $2)",
    )
    .bind(tx.tenant())
    .bind(id)
    .execute(&mut *tx)
    .await?;
    sqlx::query("update platform_auth.principal_group set deleted_at = $3 where tenant_id = $1 and id = $2")
        .bind(tx.tenant())
        .bind(id)
        .bind(now)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

fn name_taken(error: sqlx::Error) -> AuthzError {
    match DbError::from(error) {
        error if error.constraint() == Some("principal_group_name_key") => AuthzError::NameTaken,
        error => error.into(),
    }
}
