//! Service principals: programs of a tenant's, in the place of users.

mod stored;
mod trail;

use platform_core::{Permission, PrincipalId, RequestContext, Timestamp};

use super::change::Change;
use super::{LIST_MAX, UniqueName};
use crate::{Auth, AuthzError, UserStatus, api_key};

/// Make service principals and their API keys, change and delete them.
pub const SERVICE_PRINCIPALS_MANAGE: Permission = Permission::new("service-principals:manage");

/// The most service principals that a tenant may have.
const SERVICES_MAX: u32 = 1_000;

/// A program that acts as itself. It is in no built-in role, has nothing to sign in with but [API keys](crate::ApiKey), may be a member of
/// groups and is granted roles like a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePrincipal {
    /// Its id, which is also that of the principal in a request context.
    pub id: PrincipalId,
    /// Its name, unique among the tenant's service principals without regard to case.
    pub name: String,
    /// Whether its keys are taken.
    pub status: UserStatus,
    /// How often it has changed, from 1. Whoever renames it says which version was read.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a service principal is to be instead.
#[derive(Debug, Clone)]
pub struct ServicePrincipalUpdate {
    /// The version that was read.
    pub version: i64,
    /// Its name.
    pub name: String,
}

impl Auth {
    /// Makes a service principal, which may do nothing yet.
    ///
    /// # Errors
    /// [`AuthzError`]; it needs [`SERVICE_PRINCIPALS_MANAGE`].
    pub async fn create_service_principal(
        &self,
        ctx: &RequestContext,
        name: &str,
    ) -> Result<ServicePrincipal, AuthzError> {
        let name = UniqueName::parse(name)?;
        let mut change = Change::begin(self, ctx, SERVICE_PRINCIPALS_MANAGE).await?;
        if stored::count(&mut change.tx).await? >= i64::from(SERVICES_MAX) {
            return Err(AuthzError::TooMany { max: SERVICES_MAX });
        }
        let service = ServicePrincipal {
            id: PrincipalId::generate(&self.inner.sources),
            name: name.as_str().to_owned(),
            status: UserStatus::Active,
            version: 1,
            created_at: change.now,
        };
        stored::insert(&mut change.tx, &service, &name).await?;
        change.commit(trail::made(&service)).await?;
        Ok(service)
    }

    /// Renames a service principal.
    ///
    /// # Errors
    /// [`AuthzError`], [`AuthzError::Stale`] when it has changed since it was read; it needs [`SERVICE_PRINCIPALS_MANAGE`].
    pub async fn update_service_principal(
        &self,
        ctx: &RequestContext,
        id: PrincipalId,
        update: ServicePrincipalUpdate,
    ) -> Result<ServicePrincipal, AuthzError> {
        let name = UniqueName::parse(&update.name)?;
        let mut change = Change::begin(self, ctx, SERVICE_PRINCIPALS_MANAGE).await?;
        let before = known(&mut change, id).await?;
        if before.version != update.version {
            return Err(AuthzError::Stale {
                version: before.version,
            });
        }
        stored::rename(&mut change.tx, id, &name).await?;
        let after = ServicePrincipal {
            name: name.as_str().to_owned(),
            version: before.version + 1,
            ..before.clone()
        };
        change.commit(trail::renamed(&before, &after)).await?;
        Ok(after)
    }

    /// Has the keys of a service principal be refused from now on, or taken again; by this instance at once, by every other one within a
    /// second. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`AuthzError`]; it needs [`SERVICE_PRINCIPALS_MANAGE`].
    pub async fn set_service_principal_status(
        &self,
        ctx: &RequestContext,
        id: PrincipalId,
        status: UserStatus,
    ) -> Result<ServicePrincipal, AuthzError> {
        let mut change = Change::begin(self, ctx, SERVICE_PRINCIPALS_MANAGE).await?;
        let before = known(&mut change, id).await?;
        if before.status == status {
            change.tx.rollback().await?;
            return Ok(before);
        }
        stored::set_status(&mut change.tx, id, status).await?;
        let after = ServicePrincipal {
            status,
            version: before.version + 1,
            ..before
        };
        change.commit(trail::status_set(&after)).await?;
        Ok(after)
    }

    /// Deletes a service principal: it is disabled for good. Its keys and what it was granted are revoked, and it leaves its groups. The id
    /// stays, for what refers to it.
    ///
    /// # Errors
    /// [`AuthzError`]; it needs [`SERVICE_PRINCIPALS_MANAGE`].
    pub async fn delete_service_principal(
        &self,
        ctx: &RequestContext,
        id: PrincipalId,
    ) -> Result<(), AuthzError> {
        let mut change = Change::begin(self, ctx, SERVICE_PRINCIPALS_MANAGE).await?;
        let service = known(&mut change, id).await?;
        let (now, by) = (change.now, ctx.principal().id());
        let keys = api_key::revoke_all(&mut change.tx, id, (now, by)).await?;
        let grants = stored::delete(&mut change.tx, id, (now, by)).await?;
        change.commit(trail::deleted(&service, keys, grants)).await
    }

    /// A service principal; `None` when the tenant has no such one.
    ///
    /// # Errors
    /// [`AuthzError::Forbidden`] without [`SERVICE_PRINCIPALS_MANAGE`].
    pub async fn service_principal(
        &self,
        ctx: &RequestContext,
        id: PrincipalId,
    ) -> Result<Option<ServicePrincipal>, AuthzError> {
        ctx.require(SERVICE_PRINCIPALS_MANAGE)?;
        let mut read = self.inner.db.read(ctx).await?;
        let tenant = read.tenant();
        let service = stored::by_id(&mut read, tenant, id).await?;
        read.finish().await?;
        Ok(service)
    }

    /// The service principals of the tenant in the order in which they were made, at most 201 after `after`, without the deleted ones.
    ///
    /// # Errors
    /// [`AuthzError::Forbidden`] without [`SERVICE_PRINCIPALS_MANAGE`].
    pub async fn list_service_principals(
        &self,
        ctx: &RequestContext,
        after: Option<PrincipalId>,
        limit: u32,
    ) -> Result<Vec<ServicePrincipal>, AuthzError> {
        ctx.require(SERVICE_PRINCIPALS_MANAGE)?;
        let mut read = self.inner.db.read(ctx).await?;
        let services = stored::list(&mut read, after, limit.min(LIST_MAX)).await?;
        read.finish().await?;
        Ok(services)
    }
}

async fn known(change: &mut Change<'_>, id: PrincipalId) -> Result<ServicePrincipal, AuthzError> {
    let tenant = change.tx.tenant();
    let service = stored::by_id(&mut change.tx, tenant, id).await?;
    service.ok_or(AuthzError::NotFound)
}
