//! The sessions of a tenant's users, and whether they may sign in, for its admins.

use axum::extract::State;
use axum::http::StatusCode;
use platform_core::PrincipalId;
use platform_core::http::{Caller, Json, Page, PageQuery, Path, Problem, Query};
use serde::Serialize;
use utoipa::ToSchema;

use super::sessions::{EndedSessionsBody, SessionBody};
use crate::{Auth, SessionId, Standing, UserStatus};

/// Whether a user may sign in.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct StandingBody {
    user_id: PrincipalId,
    status: UserStatusBody,
    /// How many sessions ended with this.
    sessions_ended: u64,
}

/// Whether a user may sign in.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserStatusBody {
    /// May sign in.
    Active,
    /// May not.
    Disabled,
}

impl From<Standing> for StandingBody {
    fn from(standing: Standing) -> Self {
        Self {
            user_id: standing.user,
            status: match standing.status {
                UserStatus::Active => UserStatusBody::Active,
                UserStatus::Disabled => UserStatusBody::Disabled,
            },
            sessions_ended: standing.sessions_ended,
        }
    }
}

/// List the sessions of a user in the order in which they began.
#[utoipa::path(
    get,
    path = "/users/{id}/sessions",
    tag = "users",
    operation_id = "list_user_sessions",
    params(("id" = PrincipalId, Path), PageQuery),
    responses(
        (status = 200, description = "A page of the sessions that are not over.", body = Page<SessionBody>),
        (status = 403, description = "`forbidden`: needs `sessions:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn list(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<PrincipalId>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<SessionBody>>, Problem> {
    let page = query.resolve::<SessionId>()?;
    let sessions = auth
        .list_sessions_of(&ctx, id, page.after, page.limit + 1)
        .await?;
    let sessions = sessions.into_iter().map(SessionBody::from).collect();
    Ok(Json(Page::build(sessions, page.limit, SessionBody::id)))
}

/// End every session of a user, who may sign in again.
#[utoipa::path(
    delete,
    path = "/users/{id}/sessions",
    tag = "users",
    operation_id = "end_user_sessions",
    params(("id" = PrincipalId, Path)),
    responses(
        (status = 200, description = "They are over.", body = EndedSessionsBody),
        (status = 403, description = "`forbidden`: needs `sessions:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn end_all(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<PrincipalId>,
) -> Result<Json<EndedSessionsBody>, Problem> {
    let sessions_ended = auth.end_sessions_of(&ctx, id).await?;
    Ok(Json(EndedSessionsBody { sessions_ended }))
}

/// End a session of a user.
#[utoipa::path(
    delete,
    path = "/users/{id}/sessions/{session_id}",
    tag = "users",
    operation_id = "end_user_session",
    params(("id" = PrincipalId, Path), ("session_id" = SessionId, Path)),
    responses(
        (status = 204, description = "It is over: its token is refused from now on."),
        (status = 403, description = "`forbidden`: needs `sessions:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: the user has no such session, or it is over already", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn end(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path((id, session)): Path<(PrincipalId, SessionId)>,
) -> Result<StatusCode, Problem> {
    auth.end_session_of(&ctx, id, session).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Disable a user: every session ends, and nobody signs in as the user.
#[utoipa::path(
    post,
    path = "/users/{id}/disable",
    tag = "users",
    operation_id = "disable_user",
    params(("id" = PrincipalId, Path)),
    responses(
        (status = 200, description = "The user is disabled, since now or already.", body = StandingBody),
        (status = 403, description = "`forbidden`: needs `tenant:admin`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`last_admin`: nobody would be left who administers the tenant", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn disable(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<PrincipalId>,
) -> Result<Json<StandingBody>, Problem> {
    Ok(Json(auth.disable_user(&ctx, id).await?.into()))
}

/// Enable a user who was disabled.
#[utoipa::path(
    post,
    path = "/users/{id}/enable",
    tag = "users",
    operation_id = "enable_user",
    params(("id" = PrincipalId, Path)),
    responses(
        (status = 200, description = "The user may sign in, since now or already.", body = StandingBody),
        (status = 403, description = "`forbidden`: needs `tenant:admin`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: no such user, or one who was erased", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn enable(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<PrincipalId>,
) -> Result<Json<StandingBody>, Problem> {
    Ok(Json(auth.enable_user(&ctx, id).await?.into()))
}
