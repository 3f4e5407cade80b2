//! The log of a tenant: its name, its key and its signed heads.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use platform_core::http::{Caller, Json, Page, PageQuery, Problem, Query};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::{CheckpointBody, ConsistencyBody, LogKeyBody};
use super::module::Audit;
use super::problem::no_checkpoint;
use super::{NoQuery, text};
use crate::AUDIT_READ;

pub(super) fn routes() -> OpenApiRouter<Audit> {
    OpenApiRouter::default()
        .routes(routes!(key))
        .routes(routes!(checkpoint))
        .routes(routes!(checkpoints))
        .routes(routes!(consistency))
}

/// See the name of the tenant's log and its public key.
#[utoipa::path(
    get,
    path = "/key",
    tag = "audit",
    operation_id = "get_audit_key",
    responses(
        (status = 200, description = "The name and the key.", body = LogKeyBody),
        (status = 403, description = "`forbidden`: needs `audit:read`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn key(
    State(audit): State<Audit>,
    Caller(ctx): Caller,
    Query(_none): Query<NoQuery>,
) -> Result<Json<LogKeyBody>, Problem> {
    ctx.require(AUDIT_READ)?;
    Ok(Json(LogKeyBody {
        origin: audit.key.origin(ctx.tenant()).to_string(),
        vkey: audit.key.verifier(ctx.tenant()).to_string(),
    }))
}

/// Have the newest signed checkpoint, a signed note (C2SP `tlog-checkpoint`).
#[utoipa::path(
    get,
    path = "/checkpoint",
    tag = "audit",
    operation_id = "get_audit_checkpoint",
    responses(
        (status = 200, description = "The note.", body = String, content_type = "text/plain"),
        (status = 403, description = "`forbidden`: needs `audit:read`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`no_checkpoint`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn checkpoint(
    State(audit): State<Audit>,
    Caller(ctx): Caller,
    Query(_none): Query<NoQuery>,
) -> Result<Response, Problem> {
    ctx.require(AUDIT_READ)?;
    let mut read = audit.db.read(&ctx).await?;
    let newest = audit.log.checkpoint(&mut read).await?;
    read.finish().await?;
    newest.map_or_else(|| Err(no_checkpoint()), |newest| Ok(text(newest.note)))
}

/// See the signed checkpoints, newest first.
#[utoipa::path(
    get,
    path = "/checkpoints",
    tag = "audit",
    operation_id = "list_audit_checkpoints",
    params(PageQuery),
    responses(
        (status = 200, description = "A page of checkpoints.", body = Page<CheckpointBody>),
        (status = 400, description = "`invalid_query`, `invalid_cursor`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: needs `audit:read`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_limit`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn checkpoints(
    State(audit): State<Audit>,
    Caller(ctx): Caller,
    Query(_only): Query<OnlyPage>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<CheckpointBody>>, Problem> {
    ctx.require(AUDIT_READ)?;
    let page = page.resolve::<u64>()?;
    let mut read = audit.db.read(&ctx).await?;
    let found = audit
        .log
        .checkpoints(&mut read, page.after, page.limit + 1)
        .await?;
    read.finish().await?;
    let page = Page::build(found, page.limit, |checkpoint| checkpoint.head.size);
    Ok(Json(page.map(CheckpointBody::from)))
}

/// Nothing but a page: what is misspelt is refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only the names matter")]
struct OnlyPage {
    #[serde(default)]
    limit: Option<String>,
    #[serde(default)]
    cursor: Option<String>,
}

/// Two sizes of the log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ConsistencyQuery {
    /// The smaller size.
    #[param(example = 17)]
    from: u64,
    /// The larger one, of which there is a checkpoint or a larger one.
    #[param(example = 42)]
    to: u64,
}

/// Have the proof that the log of one size begins with that of another.
#[utoipa::path(
    get,
    path = "/consistency",
    tag = "audit",
    operation_id = "get_audit_consistency",
    params(ConsistencyQuery),
    responses(
        (status = 200, description = "The proof.", body = ConsistencyBody),
        (status = 400, description = "`invalid_query`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: needs `audit:read`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_range`, `not_signed`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn consistency(
    State(audit): State<Audit>,
    Caller(ctx): Caller,
    Query(query): Query<ConsistencyQuery>,
) -> Result<Json<ConsistencyBody>, Problem> {
    ctx.require(AUDIT_READ)?;
    let ConsistencyQuery { from, to } = query;
    if from > to {
        let detail = "from must not be larger than to";
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_range",
            detail,
        ));
    }
    let mut read = audit.db.read(&ctx).await?;
    let proof = audit.log.consistency(&mut read, from, to).await?;
    read.finish().await?;
    Ok(Json(ConsistencyBody::new(from, to, &proof)))
}
