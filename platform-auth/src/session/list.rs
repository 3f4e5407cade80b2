//! Seeing which sessions a user has, and ending them.

use platform_core::pg::{DbError, TenantRead};
use platform_core::{PrincipalId, RequestContext, Timestamp};

use super::{EndReason, SessionError, trail};
use crate::authz::SESSIONS_MANAGE;
use crate::{AccessError, Auth, SessionId, erasure, second_factor};

/// The most sessions that one page holds, and one more to see whether another follows.
const SESSIONS_MAX: u32 = 201;

/// A session that is not over.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Its id, with which it can be ended. The token cannot be had again.
    pub id: SessionId,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, as it was last written down: up to a minute ago at most.
    pub last_seen_at: Timestamp,
    /// When it ends if it is not used any more.
    pub idle_expires_at: Timestamp,
    /// When it ends however much it is used.
    pub expires_at: Timestamp,
    /// When the user last proved who it is.
    pub auth_time: Timestamp,
    /// How, in the words of RFC 8176.
    pub methods: Vec<String>,
    /// From where it was begun.
    pub source_address: Option<String>,
    /// With what it was begun, at most 256 characters that the client chose.
    pub user_agent: Option<String>,
    /// Is it the one of the call?
    pub is_current: bool,
}

/// Leaves out what is personal.
impl std::fmt::Debug for SessionInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionInfo")
            .field("id", &self.id)
            .field("is_current", &self.is_current)
            .finish_non_exhaustive()
    }
}

impl Auth {
    /// Ends the session under which the context was authenticated. Every request that has not been authenticated by then is refused: at
    /// this instance at once, at others within the [age](crate::SessionConfig::cache_age) of what they remember. Ending it twice changes
    /// nothing; a context without a session has none to end.
    ///
    /// # Errors
    /// [`AccessError::SessionRequired`] under an API key, which is revoked instead; [`AccessError::Fault`] when the session goes on.
    pub async fn sign_out(&self, ctx: &RequestContext) -> Result<(), AccessError> {
        let inner = &*self.inner;
        if ctx.api_key().is_some() {
            return Err(AccessError::SessionRequired);
        }
        let Some(session) = ctx.session().map(SessionId::from_stored) else {
            return Ok(());
        };
        let mut tx = inner.db.begin(ctx).await?;
        let now = inner.sources.now();
        let ended = inner
            .sessions
            .end(&mut tx, session, EndReason::SignedOut, now)
            .await?;
        if let Some(user) = ended {
            inner
                .audit
                .record(&mut tx, ctx, crate::trail::signed_out(user, session))
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The calling user's sessions that are not over, in the order in which they began, at most 201 after `after`.
    ///
    /// # Errors
    /// [`SessionError::NotFound`] when the caller is no user.
    pub async fn list_sessions(
        &self,
        ctx: &RequestContext,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<SessionInfo>, SessionError> {
        let user = caller(ctx)?;
        let mut read = self.inner.db.read(ctx).await?;
        let sessions = live(&mut read, (user, after, limit), self.inner.sources.now()).await?;
        read.finish().await?;
        Ok(marked(sessions, ctx))
    }

    /// Ends one of the calling user's sessions; the one of the call is one of them.
    ///
    /// # Errors
    /// [`SessionError::NotFound`] when the user has no such session, or it is over.
    pub async fn end_session(&self, ctx: &RequestContext, session: SessionId) -> Result<(), SessionError> {
        self.end_of(ctx, (caller(ctx)?, session), EndReason::EndedByUser)
            .await
    }

    /// Ends the calling user's sessions but the one of the call, and says how many.
    ///
    /// # Errors
    /// [`SessionError::NotFound`] when the caller is no user in a session.
    pub async fn end_other_sessions(&self, ctx: &RequestContext) -> Result<u64, SessionError> {
        let user = caller(ctx)?;
        let kept = ctx.session().map(SessionId::from_stored);
        self.end_all_of(ctx, (user, kept), EndReason::EndedByUser).await
    }

    /// A user's sessions that are not over; see [`list_sessions`](Self::list_sessions).
    ///
    /// # Errors
    /// [`SessionError::Forbidden`] without [`SESSIONS_MANAGE`], [`SessionError::NotFound`] when the tenant has no such user.
    pub async fn list_sessions_of(
        &self,
        ctx: &RequestContext,
        user: PrincipalId,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<SessionInfo>, SessionError> {
        ctx.require(SESSIONS_MANAGE)?;
        let mut read = self.inner.db.read(ctx).await?;
        if !erasure::exists(&mut read, user).await? {
            return Err(SessionError::NotFound);
        }
        let sessions = live(&mut read, (user, after, limit), self.inner.sources.now()).await?;
        read.finish().await?;
        Ok(marked(sessions, ctx))
    }

    /// Ends a session of a user.
    ///
    /// # Errors
    /// [`SessionError::Forbidden`] without [`SESSIONS_MANAGE`], [`SessionError::NotFound`] when the user has no such session, or it is
    /// over.
    pub async fn end_session_of(
        &self,
        ctx: &RequestContext,
        user: PrincipalId,
        session: SessionId,
    ) -> Result<(), SessionError> {
        ctx.require(SESSIONS_MANAGE)?;
        self.end_of(ctx, (user, session), EndReason::EndedByAdmin).await
    }

    /// Ends every session of a user, and says how many. The user may sign in again; see [`disable_user`](Self::disable_user).
    ///
    /// # Errors
    /// As [`list_sessions_of`](Self::list_sessions_of).
    pub async fn end_sessions_of(
        &self,
        ctx: &RequestContext,
        user: PrincipalId,
    ) -> Result<u64, SessionError> {
        ctx.require(SESSIONS_MANAGE)?;
        self.end_all_of(ctx, (user, None), EndReason::EndedByAdmin).await
    }

    async fn end_of(
        &self,
        ctx: &RequestContext,
        (user, session): (PrincipalId, SessionId),
        reason: EndReason,
    ) -> Result<(), SessionError> {
        let inner = &*self.inner;
        let mut tx = inner.db.begin(ctx).await?;
        let now = inner.sources.now();
        if !inner
            .sessions
            .end_live(&mut tx, (user, session), reason, now)
            .await?
        {
            return Err(SessionError::NotFound);
        }
        let event = trail::ended(user, session, reason);
        inner.audit.record(&mut tx, ctx, event).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn end_all_of(
        &self,
        ctx: &RequestContext,
        (user, kept): (PrincipalId, Option<SessionId>),
        reason: EndReason,
    ) -> Result<u64, SessionError> {
        let inner = &*self.inner;
        let mut tx = inner.db.begin(ctx).await?;
        let now = inner.sources.now();
        if !erasure::lock(&mut tx, user).await? {
            return Err(SessionError::NotFound);
        }
        // A session that is being opened at this moment is there by now, and ends; one that is opened later began after this.
        second_factor::lock_credential(&mut tx, user).await?;
        let ended = inner
            .sessions
            .end_others(&mut tx, user, kept, reason, now)
            .await?;
        if ended > 0 {
            let event = trail::ended_many(user, reason, ended);
            inner.audit.record(&mut tx, ctx, event).await?;
        }
        tx.commit().await?;
        Ok(ended)
    }
}

/// Who calls, in a session.
fn caller(ctx: &RequestContext) -> Result<PrincipalId, SessionError> {
    if ctx.api_key().is_some() {
        return Err(SessionError::SessionRequired);
    }
    let id = ctx.principal().id().filter(|_| ctx.session().is_some());
    id.ok_or(SessionError::NotFound)
}

#[derive(sqlx::FromRow)]
struct Row {
    id: SessionId,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    idle_expires_at: Timestamp,
    expires_at: Timestamp,
    auth_time: Timestamp,
    amr: Vec<String>,
    source_address: Option<String>,
    user_agent: Option<String>,
}

async fn live(
    read: &mut TenantRead,
    (user, after, limit): (PrincipalId, Option<SessionId>, u32),
    now: Timestamp,
) -> Result<Vec<Row>, DbError> {
    let rows = sqlx::query_as(
        "select id, created_at, last_seen_at, idle_expires_at, expires_at, coalesce(auth_time, created_at) as auth_time, amr,
                source_address, user_agent
         from platform_auth.session
         where tenant_id = $1 and subject_id = $2 and ended_at is null and idle_expires_at > $3 and expires_at > $3
           and ($4::uuid is null or id > $4)
         order by id
         limit $5",
    )
    .bind(read.tenant())
    .bind(user)
    .bind(now)
    .bind(after)
    .bind(i64::from(limit.min(SESSIONS_MAX)))
    .fetch_all(&mut *read)
    .await?;
    Ok(rows)
}

fn marked(rows: Vec<Row>, ctx: &RequestContext) -> Vec<SessionInfo> {
    let current = ctx.session().map(SessionId::from_stored);
    let shown = |row: Row| SessionInfo {
        id: row.id,
        created_at: row.created_at,
        last_seen_at: row.last_seen_at,
        idle_expires_at: row.idle_expires_at,
        expires_at: row.expires_at,
        auth_time: row.auth_time,
        methods: row.amr,
        source_address: row.source_address,
        user_agent: row.user_agent,
        is_current: Some(row.id) == current,
    };
    rows.into_iter().map(shown).collect()
}
