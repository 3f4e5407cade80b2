//! The sessions of whoever calls.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use platform_core::Timestamp;
use platform_core::http::{Caller, Json, Page, PageQuery, Path, Problem, Query};
use platform_core::secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::SignedInBody;
use super::cookie::Client;
use crate::{Auth, SessionId, SessionInfo, StepUp};

/// A session that is not over.
#[derive(Serialize, ToSchema)]
pub struct SessionBody {
    id: SessionId,
    /// Whether it is the session of this call.
    is_current: bool,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-02T03:04:05.678901Z")]
    created_at: Timestamp,
    /// As it was last written down, which is once a minute at most.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-02T03:34:05.678901Z")]
    last_seen_at: Timestamp,
    /// When it ends if it is not used any more.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-02T04:04:05.678901Z")]
    idle_expires_at: Timestamp,
    /// When it ends however much it is used.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-02T15:04:05.678901Z")]
    expires_at: Timestamp,
    /// When the user last proved who it is.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-02T03:04:05.678901Z")]
    auth_time: Timestamp,
    /// How, in the words of RFC 8176; `rcv` is a recovery code.
    #[schema(example = json!(["pwd", "otp"]))]
    methods: Vec<String>,
    /// From where it was begun.
    #[schema(example = "192.0.2.7")]
    source_address: Option<String>,
    /// With what it was begun, as the client said.
    #[schema(example = "Mozilla/5.0")]
    user_agent: Option<String>,
}

/// How many sessions ended.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct EndedSessionsBody {
    pub(super) sessions_ended: u64,
}

/// One of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StepUpBody {
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, example = "correct horse battery", max_length = 1024)]
    password: Option<SecretString>,
    /// The six digits of the authenticator, or a recovery code.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, example = "123456", max_length = 64)]
    code: Option<SecretString>,
}

impl From<SessionInfo> for SessionBody {
    fn from(info: SessionInfo) -> Self {
        Self {
            id: info.id,
            is_current: info.is_current,
            created_at: info.created_at,
            last_seen_at: info.last_seen_at,
            idle_expires_at: info.idle_expires_at,
            expires_at: info.expires_at,
            auth_time: info.auth_time,
            methods: info.methods,
            source_address: info.source_address,
            user_agent: info.user_agent,
        }
    }
}

impl SessionBody {
    pub(super) fn id(&self) -> SessionId {
        self.id
    }
}

/// List one's own sessions in the order in which they began.
#[utoipa::path(
    get,
    path = "/auth/sessions",
    tag = "auth",
    operation_id = "list_own_sessions",
    params(PageQuery),
    responses((status = 200, description = "A page of the sessions that are not over.", body = Page<SessionBody>)),
    security(("bearer" = [])),
)]
pub(super) async fn list(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<SessionBody>>, Problem> {
    let page = query.resolve::<SessionId>()?;
    let sessions = auth.list_sessions(&ctx, page.after, page.limit + 1).await?;
    let sessions = sessions.into_iter().map(SessionBody::from).collect();
    Ok(Json(Page::build(sessions, page.limit, SessionBody::id)))
}

/// End one of one's own sessions.
#[utoipa::path(
    delete,
    path = "/auth/sessions/{id}",
    tag = "auth",
    operation_id = "end_own_session",
    params(("id" = SessionId, Path)),
    responses(
        (status = 204, description = "It is over: its token is refused from now on."),
        (status = 404, description = "`not_found`: no such session, or it is over already", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn end(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    client: Client,
    Path(id): Path<SessionId>,
) -> Result<Response, Problem> {
    auth.end_session(&ctx, id).await?;
    Ok(match ctx.session() == Some(id.as_uuid()) {
        true => client.signed_out(),
        false => StatusCode::NO_CONTENT.into_response(),
    })
}

/// End all of one's own sessions but this one.
#[utoipa::path(
    post,
    path = "/auth/sessions/end-others",
    tag = "auth",
    operation_id = "end_other_sessions",
    responses((status = 200, description = "They are over.", body = EndedSessionsBody)),
    security(("bearer" = [])),
)]
pub(super) async fn end_others(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
) -> Result<Json<EndedSessionsBody>, Problem> {
    let sessions_ended = auth.end_other_sessions(&ctx).await?;
    Ok(Json(EndedSessionsBody { sessions_ended }))
}

/// Prove anew who one is, with the password or a code.
///
/// For what answers 401 `step_up_required`. The session goes on under a new token, which comes the way the old one did: as a cookie or in
/// the body. The old one is refused from now on.
#[utoipa::path(
    post,
    path = "/auth/step-up",
    tag = "auth",
    operation_id = "step_up",
    request_body = StepUpBody,
    responses(
        (status = 200, description = "Proved. Use the new token.", body = SignedInBody),
        (status = 403, description = "`wrong_password`, `invalid_code`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`totp_not_enrolled`: a code was sent, and there is no second factor", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body`: neither of the two was sent, or both", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_attempts`, with `Retry-After`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn step_up(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    client: Client,
    Json(body): Json<StepUpBody>,
) -> Result<Response, Problem> {
    let with = match (body.password, body.code) {
        (Some(password), None) => StepUp::Password(password),
        (None, Some(code)) => StepUp::Code(code),
        _ => {
            let needed = "send the password or a code, one of them";
            return Err(Problem::invalid_body().field("password", "one_of", needed));
        }
    };
    let signed_in = auth.step_up(&ctx, with).await?;
    let now = auth.inner.sources.now();
    client
        .as_it_came()
        .answer(StatusCode::OK, now, signed_in, SignedInBody::new)
}
