//! Roles of a tenant's own.

use std::collections::BTreeSet;

use platform_core::pg::{DbError, TenantTx};
use platform_core::sqlx::{Executor, Postgres};
use platform_core::{OwnedResource, Permission, PermissionInfo, RequestContext, TenantId, Timestamp, Window};

use super::change::Change;
use super::{Catalogue, LIST_MAX, ROLES_MANAGE, RoleId, UniqueName, compile, trail};
use crate::{Auth, AuthzError, GRANTS_MANAGE, Role};

/// The most roles that a tenant may have.
const ROLES_MAX: u32 = 1_000;

/// The most permissions that a role may be asked to hold.
const PERMISSIONS_MAX: u32 = 500;

/// A role that a tenant made for itself.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct CustomRole {
    /// Its id.
    pub id: RoleId,
    /// Its name, unique in the tenant without regard to case.
    pub name: String,
    /// The names of its permissions, in order. One that no module declares any more allows nothing.
    pub permissions: Vec<String>,
    /// How often it has changed, from 1. Whoever changes it says which version was read.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A role that is to be made.
#[derive(Debug, Clone)]
pub struct NewRole {
    /// Its name.
    pub name: String,
    /// The names of its permissions.
    pub permissions: Vec<String>,
}

/// What a role is to be instead.
#[derive(Debug, Clone)]
pub struct RoleUpdate {
    /// The version that was read.
    pub version: i64,
    /// Its name.
    pub name: String,
    /// The names of all of its permissions.
    pub permissions: Vec<String>,
}

impl Auth {
    /// The permissions that there are, in the order of their names, and which of the built-in roles hold each.
    ///
    /// # Errors
    /// [`AuthzError::Forbidden`] without [`ROLES_MANAGE`] or [`GRANTS_MANAGE`].
    pub fn permissions(&self, ctx: &RequestContext) -> Result<Vec<(PermissionInfo, Vec<Role>)>, AuthzError> {
        may_see_roles(ctx)?;
        let held_by = |info: PermissionInfo| {
            let mut roles = vec![Role::User, Role::Admin];
            roles.retain(|role| {
                self.inner
                    .role_permissions(ctx.tenant(), *role)
                    .holds(info.permission())
            });
            (info, roles)
        };
        Ok(self.inner.catalogue().iter().map(held_by).collect())
    }

    /// Makes a role. The caller has to hold every permission of it in the whole tenant.
    ///
    /// # Errors
    /// [`AuthzError`]; it needs [`ROLES_MANAGE`].
    pub async fn create_role(&self, ctx: &RequestContext, new: NewRole) -> Result<CustomRole, AuthzError> {
        let name = UniqueName::parse(&new.name)?;
        let mut change = Change::begin(self, ctx, ROLES_MANAGE).await?;
        let wanted = wanted(&new.permissions)?;
        let added = assignable(&self.inner.catalogue(), wanted.iter())?;
        change.may_give_now(added)?;
        if count(&mut change.tx).await? >= i64::from(ROLES_MAX) {
            return Err(AuthzError::TooMany { max: ROLES_MAX });
        }
        let role = CustomRole {
            id: RoleId::generate(&self.inner.sources),
            name: name.as_str().to_owned(),
            permissions: wanted.into_iter().collect(),
            version: 1,
            created_at: change.now,
        };
        insert(&mut change.tx, &role, &name).await?;
        add_permissions(&mut change.tx, role.id, &role.permissions).await?;
        change.commit(trail::role_made(&role)).await?;
        Ok(role)
    }

    /// Changes the name and the permissions of a role, for everybody who has it. Each permission that is added counts as granted to them:
    /// the caller has to hold it in the whole tenant, and wherever the role is granted for as long.
    ///
    /// # Errors
    /// [`AuthzError`], [`AuthzError::Stale`] when it has changed since it was read; it needs [`ROLES_MANAGE`].
    pub async fn update_role(
        &self,
        ctx: &RequestContext,
        id: RoleId,
        update: RoleUpdate,
    ) -> Result<CustomRole, AuthzError> {
        let name = UniqueName::parse(&update.name)?;
        let mut change = Change::begin(self, ctx, ROLES_MANAGE).await?;
        let before = self.known_role(&mut change, id).await?;
        if before.version != update.version {
            return Err(AuthzError::Stale {
                version: before.version,
            });
        }
        let admins = change.admins().await?;
        let wanted = wanted(&update.permissions)?;
        let held: BTreeSet<_> = before.permissions.iter().cloned().collect();
        let added: Vec<_> = wanted.difference(&held).cloned().collect();
        self.may_add(&mut change, id, &added).await?;
        remove_permissions(&mut change.tx, id, held.difference(&wanted).cloned().collect()).await?;
        add_permissions(&mut change.tx, id, &added).await?;
        rename(&mut change.tx, id, &name).await?;
        let after = CustomRole {
            name: name.as_str().to_owned(),
            permissions: wanted.into_iter().collect(),
            version: before.version + 1,
            ..before.clone()
        };
        change
            .commit_taking(admins, trail::role_changed(&before, &after))
            .await?;
        Ok(after)
    }

    /// Deletes a role that nobody has and nobody will have.
    ///
    /// # Errors
    /// [`AuthzError::InUse`] while a grant of it is not over, and the others of [`AuthzError`]; it needs [`ROLES_MANAGE`].
    pub async fn delete_role(&self, ctx: &RequestContext, id: RoleId) -> Result<(), AuthzError> {
        let mut change = Change::begin(self, ctx, ROLES_MANAGE).await?;
        let role = self.known_role(&mut change, id).await?;
        if !scopes(&mut change.tx, id, change.now).await?.is_empty() {
            return Err(AuthzError::InUse);
        }
        sqlx::query("update platform_auth.role set deleted_at = $3 where tenant_id = $1 and id = $2")
            .bind(change.tx.tenant())
            .bind(id)
            .bind(change.now)
            .execute(&mut change.tx)
            .await
            .map_err(DbError::from)?;
        change.commit(trail::role_deleted(&role)).await
    }

    /// A role; `None` when the tenant has no such one.
    ///
    /// # Errors
    /// [`AuthzError::Forbidden`] without [`ROLES_MANAGE`] or [`GRANTS_MANAGE`].
    pub async fn role(&self, ctx: &RequestContext, id: RoleId) -> Result<Option<CustomRole>, AuthzError> {
        may_see_roles(ctx)?;
        let mut read = self.inner.db.read(ctx).await?;
        let tenant = read.tenant();
        let role = by_id(&mut read, tenant, id).await?;
        read.finish().await?;
        Ok(role)
    }

    /// The roles of the tenant in the order in which they were made, at most 201 after `after`.
    ///
    /// # Errors
    /// [`AuthzError::Forbidden`] without [`ROLES_MANAGE`] or [`GRANTS_MANAGE`].
    pub async fn list_roles(
        &self,
        ctx: &RequestContext,
        after: Option<RoleId>,
        limit: u32,
    ) -> Result<Vec<CustomRole>, AuthzError> {
        may_see_roles(ctx)?;
        let mut read = self.inner.db.read(ctx).await?;
        let roles = sqlx::query_as(
            "select r.id, r.name, r.version, r.created_at,
                    array(select p.permission from platform_auth.role_permission p
                          where p.tenant_id = r.tenant_id and p.role_id = r.id order by p.permission collate \"C\") as permissions
             from platform_auth.role r
             where r.tenant_id = $1 and r.deleted_at is null and ($2::uuid is null or r.id > $2)
             order by r.id
             limit $3",
        )
        .bind(read.tenant())
        .bind(after)
        .bind(i64::from(limit.min(LIST_MAX)))
        .fetch_all(&mut read)
        .await
        .map_err(DbError::from)?;
        read.finish().await?;
        Ok(roles)
    }

    async fn known_role(&self, change: &mut Change<'_>, id: RoleId) -> Result<CustomRole, AuthzError> {
        let tenant = change.tx.tenant();
        let role = by_id(&mut change.tx, tenant, id).await?;
        role.ok_or(AuthzError::NotFound)
    }

    /// Everybody who has the role gains what is added to it.
    async fn may_add(
        &self,
        change: &mut Change<'_>,
        role: RoleId,
        added: &[String],
    ) -> Result<(), AuthzError> {
        if added.is_empty() {
            return Ok(());
        }
        let added = assignable(&self.inner.catalogue(), added.iter())?;
        change.may_give_now(added.iter().copied())?;
        let now = change.now;
        let scopes = scopes(&mut change.tx, role, now).await?;
        let mut giver = change.giver();
        for (on, window) in scopes {
            giver.may_give(added.iter().copied(), on.as_ref(), window)?;
        }
        Ok(())
    }
}

/// The permissions of a role as it is stored.
pub(super) async fn permissions(change: &mut Change<'_>, id: RoleId) -> Result<Vec<Permission>, AuthzError> {
    let tenant = change.tx.tenant();
    let role = by_id(&mut change.tx, tenant, id).await?;
    let names = role.map(|role| role.permissions).unwrap_or_default();
    Ok(compile::known(&names, &change.inner().catalogue()))
}

/// The names of the permissions of a role.
pub(super) async fn stored_permissions(tx: &mut TenantTx, id: RoleId) -> Result<Vec<String>, DbError> {
    let tenant = tx.tenant();
    let role = by_id(&mut *tx, tenant, id).await?;
    Ok(role.map(|role| role.permissions).unwrap_or_default())
}

/// Who makes roles sees them, and who grants them.
fn may_see_roles(ctx: &RequestContext) -> Result<(), AuthzError> {
    match ctx.require(ROLES_MANAGE).or_else(|_| ctx.require(GRANTS_MANAGE)) {
        Ok(()) => Ok(()),
        Err(_) => Ok(ctx.require(ROLES_MANAGE)?),
    }
}

fn wanted(names: &[String]) -> Result<BTreeSet<String>, AuthzError> {
    match u32::try_from(names.len()).is_ok_and(|count| count <= PERMISSIONS_MAX) {
        true => Ok(names.iter().cloned().collect()),
        false => Err(AuthzError::TooMany { max: PERMISSIONS_MAX }),
    }
}

/// The permissions of these names, all of which a tenant's role may hold.
fn assignable<'a>(
    catalogue: &Catalogue,
    names: impl Iterator<Item = &'a String>,
) -> Result<Vec<Permission>, AuthzError> {
    let checked = |name: &String| match catalogue.get(name) {
        Some(info) if info.is_assignable() => Ok(info.permission()),
        Some(info) => Err(AuthzError::NotAssignable(info.permission())),
        None => Err(AuthzError::UnknownPermission(name.clone())),
    };
    names.map(checked).collect()
}

async fn by_id<'c>(
    executor: impl Executor<'c, Database = Postgres>,
    tenant: TenantId,
    id: RoleId,
) -> Result<Option<CustomRole>, DbError> {
    let role = sqlx::query_as(
        "select r.id, r.name, r.version, r.created_at,
                array(select p.permission from platform_auth.role_permission p
                      where p.tenant_id = r.tenant_id and p.role_id = r.id order by p.permission collate \"C\") as permissions
         from platform_auth.role r
         where r.tenant_id = $1 and r.id = $2 and r.deleted_at is null",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(executor)
    .await?;
    Ok(role)
}

async fn count(tx: &mut TenantTx) -> Result<i64, DbError> {
    let count = sqlx::query_scalar(
        "select count(*) from platform_auth.role where tenant_id = $1 and deleted_at is null",
    )
    .bind(tx.tenant())
    .fetch_one(&mut *tx)
    .await?;
    Ok(count)
}

/// Where and when a role is granted that is not over, each place and time once.
async fn scopes(
    tx: &mut TenantTx,
    role: RoleId,
    now: Timestamp,
) -> Result<Vec<(Option<OwnedResource>, Window)>, DbError> {
    type Scope = (
        Option<String>,
        Option<String>,
        Option<Timestamp>,
        Option<Timestamp>,
    );
    let rows: Vec<Scope> = sqlx::query_as(
        "select distinct resource_kind, resource_id, valid_from, valid_until
         from platform_auth.role_grant
         where tenant_id = $1 and role_id = $2 and revoked_at is null and (valid_until is null or valid_until > $3)",
    )
    .bind(tx.tenant())
    .bind(role)
    .bind(now)
    .fetch_all(&mut *tx)
    .await?;
    let scope = |(kind, id, from, until): Scope| {
        let on = kind.zip(id).map(|(kind, id)| OwnedResource {
            kind: kind.into(),
            id: id.into(),
        });
        Window::new(from, until).map(|window| (on, window))
    };
    Ok(rows.into_iter().filter_map(scope).collect())
}

async fn insert(tx: &mut TenantTx, role: &CustomRole, name: &UniqueName) -> Result<(), AuthzError> {
    let inserted = sqlx::query(
        "insert into platform_auth.role (tenant_id, id, name, name_key, created_at) values ($1, $2, $3, $4, $5)",
    )
    .bind(tx.tenant())
    .bind(role.id)
    .bind(name.as_str())
    .bind(name.key())
    .bind(role.created_at)
    .execute(&mut *tx)
    .await;
    inserted.map(drop).map_err(name_taken)
}

async fn rename(tx: &mut TenantTx, id: RoleId, name: &UniqueName) -> Result<(), AuthzError> {
    let renamed = sqlx::query(
        "update platform_auth.role set name = $3, name_key = $4, version = version + 1 where tenant_id = $1 and id = $2",
    )
    .bind(tx.tenant())
    .bind(id)
    .bind(name.as_str())
    .bind(name.key())
    .execute(&mut *tx)
    .await;
    renamed.map(drop).map_err(name_taken)
}

fn name_taken(error: sqlx::Error) -> AuthzError {
    match DbError::from(error) {
        error if error.constraint() == Some("role_name_key") => AuthzError::NameTaken,
        error => error.into(),
    }
}

async fn add_permissions(tx: &mut TenantTx, role: RoleId, names: &[String]) -> Result<(), DbError> {
    sqlx::query(
        "insert into platform_auth.role_permission (tenant_id, role_id, permission) select $1, $2, unnest($3::text[])",
    )
    .bind(tx.tenant())
    .bind(role)
    .bind(names)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

async fn remove_permissions(tx: &mut TenantTx, role: RoleId, names: Vec<String>) -> Result<(), DbError> {
    sqlx::query(
        "delete from platform_auth.role_permission where tenant_id = $1 and role_id = $2 and permission = any($3)",
    )
    .bind(tx.tenant())
    .bind(role)
    .bind(names)
    .execute(&mut *tx)
    .await?;
    Ok(())
}
