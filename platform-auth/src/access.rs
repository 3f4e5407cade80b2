//! Using a session, ending it, and seeing users.

use platform_core::{Authority, PrincipalId, RequestContext, RequestMeta, Timestamp, error_chain};

use crate::session::{self, EndReason, Found};
use crate::stored;
use crate::trail::{self, Asked};
use crate::{
    AccessError, Auth, AuthenticateError, Fault, Role, SecondFactorRule, SessionId, SessionToken,
    TENANT_ADMIN, User, UserStatus,
};

/// The most users that one page holds, and one more to see whether another follows.
const USERS_MAX: u32 = 201;

impl Auth {
    /// Finds out for whom a token stands and what it may do: one query, another one when what was granted to the user is not in memory or
    /// has changed, and at most once a minute one write.
    ///
    /// # Errors
    /// [`AuthenticateError::InvalidToken`] for every token that does not hold, whatever the reason. [`AuthenticateError::Fault`] when
    /// the database cannot say: the request must be refused then.
    pub async fn authenticate_token(
        &self,
        token: &str,
        meta: &RequestMeta,
    ) -> Result<RequestContext, AuthenticateError> {
        let inner = &*self.inner;
        let token = SessionToken::parse(token).map_err(|_| AuthenticateError::InvalidToken)?;
        // Nobody yet: the tenant is only claimed, and its rows are looked into for this one hash.
        let unknown = RequestContext::anonymous(token.tenant(), meta.clone());
        let mut read = inner.db.read(&unknown).await?;
        let found = session::find(&mut read, &token).await?;
        let now = inner.sources.now();
        let found = found
            .filter(|found| found.is_live(now))
            .ok_or(AuthenticateError::InvalidToken)?;
        let role: Role = found.role.parse().map_err(|_| AuthenticateError::InvalidToken)?;
        if UserStatus::of_stored(&found.status) != UserStatus::Active {
            return Err(AuthenticateError::InvalidToken);
        }
        let granted = inner
            .granted(&mut read, found.subject_id, found.authz_version, now)
            .await?;
        // Ends in the background: the request does not wait another round trip for a transaction that only read.
        drop(read);

        let authority = Authority::new(inner.role_permissions(token.tenant(), role)).with(granted, now);
        let rule = SecondFactorRule::of_stored(found.second_factor.as_deref());
        // Somebody has signed in, and may set the second factor up. Nothing else is allowed before.
        let authority = match found.is_strong || rule.lets(&authority) {
            true => authority,
            false => Authority::default(),
        };
        let principal = inner
            .principal(token.tenant(), found.subject_id, role)
            .with_authority(authority);
        let ctx = RequestContext::authenticated(token.tenant(), principal, meta.clone())
            .in_session(found.session_id.as_uuid());
        if found.tenant_status != "active" {
            let asked = Asked::to("authenticate", "the tenant is suspended");
            self.record_refused(&ctx, "tenant_suspended", asked).await;
            return Err(AuthenticateError::TenantSuspended);
        }
        self.touch(&ctx, &found, now).await;
        Ok(ctx)
    }

    /// Ends the session under which the context was authenticated. Every request that has not been authenticated by then is refused.
    /// Ending it twice changes nothing; a context without a session has none to end.
    ///
    /// # Errors
    /// [`AccessError::Fault`] when the session goes on.
    pub async fn sign_out(&self, ctx: &RequestContext) -> Result<(), AccessError> {
        let inner = &*self.inner;
        let Some(session) = ctx.session().map(SessionId::from_stored) else {
            return Ok(());
        };
        let mut tx = inner.db.begin(ctx).await?;
        let now = inner.sources.now();
        let ended = session::end(&mut tx, session, EndReason::SignedOut, now).await?;
        if let Some(user) = ended {
            inner
                .audit
                .record(&mut tx, ctx, trail::signed_out(user, session))
                .await?;
        }
        tx.commit().await?;
        Ok(())
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

    /// Notes that the session was used. Failing to is no reason to refuse the request: the session then ends sooner, never later.
    async fn touch(&self, ctx: &RequestContext, found: &Found, now: Timestamp) {
        if !found.wants_touch(self.inner.config.sessions, now) {
            return;
        }
        if let Err(fault) = self.write_touch(ctx, found, now).await {
            tracing::warn!(
                error = error_chain(&fault),
                "the use of a session could not be noted"
            );
        }
    }

    async fn write_touch(&self, ctx: &RequestContext, found: &Found, now: Timestamp) -> Result<(), Fault> {
        let inner = &*self.inner;
        let mut tx = inner.db.begin(ctx).await?;
        let lifetime = inner.session_config(&mut tx).await?;
        session::touch(&mut tx, found.session_id, lifetime, now).await?;
        tx.commit().await?;
        Ok(())
    }
}
