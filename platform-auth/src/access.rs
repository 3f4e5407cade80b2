//! Using a session, and seeing users.

use platform_core::{PrincipalId, RequestContext, RequestMeta};

use crate::stored;
use crate::trail::Asked;
use crate::{AccessError, Auth, AuthenticateError, SessionToken, TENANT_ADMIN, User};

/// The most users that one page holds, and one more to see whether another follows.
const USERS_MAX: u32 = 201;

impl Auth {
    /// Finds out for whom the token of a session stands and what it may do: from memory, where what is known is younger than
    /// [`cache_age`](crate::SessionConfig::cache_age) and nothing has changed since, or by one query. The instants at which a session or
    /// a grant ends are looked at here each time.
    ///
    /// # Errors
    /// [`AuthenticateError::InvalidToken`] for every token that does not hold, whatever the reason. [`AuthenticateError::Fault`] when
    /// the database cannot say: the request must be refused then.
    pub async fn authenticate_token(
        &self,
        token: &str,
        meta: &RequestMeta,
    ) -> Result<RequestContext, AuthenticateError> {
        let token = SessionToken::parse(token).map_err(|_| AuthenticateError::InvalidToken)?;
        let known = self.inner.session(token.key(), meta).await?;
        let known = known.ok_or(AuthenticateError::InvalidToken)?;
        let now = self.inner.sources.now();
        let ctx = known.context(meta, now);
        if !known.is_of_active_tenant() {
            let asked = Asked::to("authenticate", "the tenant is suspended");
            self.record_refused(&ctx, "tenant_suspended", asked).await;
            return Err(AuthenticateError::TenantSuspended);
        }
        self.touch(&ctx, &known, now).await;
        Ok(ctx)
    }

    /// The user that the context stands for; `None` when it is not a user's.
    ///
    /// # Errors
    /// [`AccessError::Fault`] when the database fails.
    pub async fn me(&self, ctx: &RequestContext) -> Result<Option<User>, AccessError> {
        let Some(id) = ctx.principal().id() else {
            return Ok(None);
        };
        let mut read = self.inner.db.read(ctx).await?;
        let stored = stored::by_id(&mut read, id).await?;
        read.finish().await?;
        match stored {
            Some(stored) => Ok(self.inner.opened(ctx, &stored).await?),
            None => Ok(None),
        }
    }

    /// The users of the tenant in the order in which they were made, at most 201 after `after`.
    ///
    /// # Errors
    /// [`AccessError::Forbidden`] without [`TENANT_ADMIN`].
    pub async fn list_users(
        &self,
        ctx: &RequestContext,
        after: Option<PrincipalId>,
        limit: u32,
    ) -> Result<Vec<User>, AccessError> {
        ctx.require(TENANT_ADMIN)?;
        let limit = limit.min(USERS_MAX);
        let (mut after, mut missing) = (after, limit);
        let mut users = Vec::new();
        loop {
            let mut read = self.inner.db.read(ctx).await?;
            let stored = stored::list(&mut read, after, missing).await?;
            // Given back before the keys are looked for: nobody holds one connection while waiting for another.
            read.finish().await?;
            users.extend(self.inner.opened_all(ctx, &stored).await?);
            let is_end = stored.len() < usize::try_from(missing).unwrap_or(usize::MAX);
            missing = limit.saturating_sub(u32::try_from(users.len()).unwrap_or(limit));
            match stored.last() {
                // Whoever was erased a moment ago left a gap, and a short page would say that it is the last.
                Some(last) if missing > 0 && !is_end => after = Some(last.account.id),
                _ => return Ok(users),
            }
        }
    }
}
