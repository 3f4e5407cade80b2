//! Revoking keys, and seeing them.

use platform_core::{PrincipalId, RequestContext};

use super::issue::in_session;
use super::{API_KEYS_MANAGE, ApiKey, ApiKeyError, ApiKeyId, ApiKeysOf, stored, trail};
use crate::{Auth, SERVICE_PRINCIPALS_MANAGE};

/// The most keys that are read at once: a page, and one more to see whether another follows.
const LIST_MAX: u32 = 201;

impl Auth {
    /// Revokes a key: the next request under it is refused by this instance, and by every other one as soon as the database's message
    /// arrives, and within a second. A key that took its place stays. Revoking it again changes nothing.
    ///
    /// # Errors
    /// [`ApiKeyError::NotFound`] when those whose keys are meant have no such one, and the others of [`ApiKeyError`]. One's own are revoked
    /// in a session; for those of a service principal it needs [`SERVICE_PRINCIPALS_MANAGE`], for anybody's [`API_KEYS_MANAGE`].
    pub async fn revoke_api_key(
        &self,
        ctx: &RequestContext,
        of: ApiKeysOf,
        id: ApiKeyId,
    ) -> Result<ApiKey, ApiKeyError> {
        let inner = &*self.inner;
        let owner = self.owner(ctx, of).await?;
        let now = inner.sources.now();
        let mut tx = inner.db.begin(ctx).await?;
        let revoked = stored::revoke(&mut tx, owner, id, (now, ctx.principal().id())).await?;
        let Some(revoked) = revoked else {
            let tenant = tx.tenant();
            let known = stored::by_id(&mut tx, (tenant, owner), id).await?;
            tx.rollback().await?;
            return known.ok_or(ApiKeyError::NotFound);
        };
        inner.audit.record(&mut tx, ctx, trail::revoked(&revoked)).await?;
        inner.has_changed(&mut tx, revoked.owner).await?;
        tx.commit().await?;
        Ok(revoked)
    }

    /// Keys in the order in which they were made, at most 201 after `after`; those that are expired or revoked too.
    ///
    /// # Errors
    /// As [`revoke_api_key`](Self::revoke_api_key); [`ApiKeyError::NotFound`] when there is no such service principal.
    pub async fn list_api_keys(
        &self,
        ctx: &RequestContext,
        of: ApiKeysOf,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, ApiKeyError> {
        let owner = self.owner(ctx, of).await?;
        self.listed(ctx, owner, after, limit).await
    }

    /// The same of one owner in the tenant, user or service principal; none for who is not known.
    ///
    /// # Errors
    /// [`ApiKeyError::Forbidden`] without [`API_KEYS_MANAGE`].
    pub async fn list_api_keys_of(
        &self,
        ctx: &RequestContext,
        owner: PrincipalId,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, ApiKeyError> {
        ctx.require(API_KEYS_MANAGE)?;
        self.listed(ctx, Some(owner), after, limit).await
    }

    /// A key of anybody's; `None` when the tenant has no such one.
    ///
    /// # Errors
    /// [`ApiKeyError::Forbidden`] without [`API_KEYS_MANAGE`].
    pub async fn api_key(&self, ctx: &RequestContext, id: ApiKeyId) -> Result<Option<ApiKey>, ApiKeyError> {
        ctx.require(API_KEYS_MANAGE)?;
        let mut read = self.inner.db.read(ctx).await?;
        let tenant = read.tenant();
        let key = stored::by_id(&mut read, (tenant, None), id).await?;
        read.finish().await?;
        Ok(key)
    }

    async fn listed(
        &self,
        ctx: &RequestContext,
        owner: Option<PrincipalId>,
        after: Option<ApiKeyId>,
        limit: u32,
    ) -> Result<Vec<ApiKey>, ApiKeyError> {
        let mut read = self.inner.db.read(ctx).await?;
        let keys = stored::list(&mut read, owner, after, limit.min(LIST_MAX)).await?;
        read.finish().await?;
        Ok(keys)
    }

    /// To whose keys it is limited, for somebody who may see and revoke them.
    async fn owner(&self, ctx: &RequestContext, of: ApiKeysOf) -> Result<Option<PrincipalId>, ApiKeyError> {
        match of {
            ApiKeysOf::Caller => in_session(ctx).map(Some),
            ApiKeysOf::Anybody => {
                ctx.require(API_KEYS_MANAGE)?;
                Ok(None)
            }
            ApiKeysOf::Service(id) => {
                ctx.require(SERVICE_PRINCIPALS_MANAGE)?;
                let service = self.service_principal(ctx, id).await;
                let service = service.map_err(|error| match error {
                    crate::AuthzError::Fault(fault) => ApiKeyError::Fault(fault),
                    _ => ApiKeyError::NotFound,
                })?;
                service.map(|_| Some(id)).ok_or(ApiKeyError::NotFound)
            }
        }
    }
}
