//! What proves an event.

use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use platform_core::RequestContext;
use platform_core::http::{Caller, Json, Path, Problem, Query};
use platform_core::time;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::EventStateBody;
use super::module::Audit;
use super::{NoQuery, text};
use crate::{AUDIT_READ, AwaitError, EventFilter, EventId, EventState, ProveError};

/// The longest wait for a state.
const WAIT_MS_MAX: u64 = 10_000;

/// What is left of a request's time for its answer.
const ANSWER_TIME: time::Duration = time::Duration::milliseconds(500);

pub(super) fn routes() -> OpenApiRouter<Audit> {
    OpenApiRouter::default()
        .routes(routes!(entry))
        .routes(routes!(proof))
        .routes(routes!(state))
}

/// Have the canonical bytes of an event, as the log has signed them.
#[utoipa::path(
    get,
    path = "/events/{id}/entry",
    tag = "audit",
    operation_id = "get_audit_entry",
    params(("id" = EventId, Path)),
    responses(
        (status = 200, description = "Canonical JSON; hash it as it is.", body = String, content_type = "application/json"),
        (status = 403, description = "`forbidden`: needs `audit:read`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`audit_pending`, with the `state`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn entry(
    State(audit): State<Audit>,
    Caller(ctx): Caller,
    Path(id): Path<EventId>,
    Query(_none): Query<NoQuery>,
) -> Result<Response, Problem> {
    ctx.require(AUDIT_READ)?;
    let reader = audit.reader(&ctx, "entry", &EventFilter::new()).await?;
    let mut read = audit.db.read(&ctx).await?;
    let event = audit.log.event(&mut read, reader, id).await?;
    let event = event.ok_or_else(Problem::not_found)?;
    let bytes = audit.log.entry(&mut read, id).await?;
    read.finish().await?;
    match bytes {
        Some(bytes) => Ok(([(header::CONTENT_TYPE, "application/json")], bytes).into_response()),
        None if event.seq.is_none() => Err(ProveError::Pending(EventState::Recorded).into()),
        None => Err(Problem::not_found()),
    }
}

/// Have the proof that an event is in the log: the text of C2SP `tlog-proof`, to be kept with its entry.
#[utoipa::path(
    get,
    path = "/events/{id}/proof",
    tag = "audit",
    operation_id = "get_audit_proof",
    params(("id" = EventId, Path)),
    responses(
        (status = 200, description = "The proof.", body = String, content_type = "text/plain"),
        (status = 403, description = "`forbidden`: needs `audit:read`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`audit_pending`, with the `state`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn proof(
    State(audit): State<Audit>,
    Caller(ctx): Caller,
    Path(id): Path<EventId>,
    Query(_none): Query<NoQuery>,
) -> Result<Response, Problem> {
    ctx.require(AUDIT_READ)?;
    check_visible(&audit, &ctx, id).await?;
    let mut read = audit.db.read(&ctx).await?;
    let bundle = audit.log.proof(&mut read, id).await?;
    read.finish().await?;
    bundle.map_or_else(
        || Err(Problem::not_found()),
        |bundle| Ok(text(bundle.to_string())),
    )
}

/// How long to wait for what.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StateQuery {
    /// The state to wait for: `sequenced`, `integrated` or `published`. Without it the answer comes at once.
    #[serde(default)]
    #[param(example = "published")]
    wait: Option<String>,
    /// How long at most, in milliseconds: 10,000, and not longer than the request may take.
    #[serde(default)]
    #[param(maximum = 10_000, default = 10_000)]
    timeout_ms: Option<u64>,
}

/// See how far an event has come, or wait until it has come as far as wanted.
///
/// When the time is over the answer is the state it has reached, too.
#[utoipa::path(
    get,
    path = "/events/{id}/state",
    tag = "audit",
    operation_id = "get_audit_state",
    params(("id" = EventId, Path), StateQuery),
    responses(
        (status = 200, description = "How far it has come.", body = EventStateBody),
        (status = 400, description = "`invalid_query`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: needs `audit:read`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_wait`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn state(
    State(audit): State<Audit>,
    Caller(ctx): Caller,
    Path(id): Path<EventId>,
    Query(query): Query<StateQuery>,
) -> Result<Json<EventStateBody>, Problem> {
    ctx.require(AUDIT_READ)?;
    let wanted = wanted(query.wait.as_deref())?;
    let patience = patience(query.timeout_ms, wanted, &ctx, &audit)?;
    check_visible(&audit, &ctx, id).await?;
    let reached = audit.log.await_state(&audit.db, &ctx, id, wanted, patience).await;
    match reached {
        Ok(state) | Err(AwaitError::NotInTime { state }) => Ok(Json(state.into())),
        Err(AwaitError::Rejected) => Ok(Json(EventState::Rejected.into())),
        Err(AwaitError::NoSuchEvent) => Err(Problem::not_found()),
        Err(AwaitError::Db(error)) => Err(error.into()),
    }
}

/// An event that is hidden is as good as absent. One that was deleted when its time was over has nothing left to hide.
async fn check_visible(audit: &Audit, ctx: &RequestContext, id: EventId) -> Result<(), Problem> {
    let reader = crate::Reader::of(ctx);
    let mut read = audit.db.read(ctx).await?;
    let everything = audit.log.event(&mut read, crate::Reader::Platform, id).await?;
    read.finish().await?;
    match everything {
        Some(event) if !reader.sees(event.visibility) => Err(Problem::not_found()),
        _ => Ok(()),
    }
}

fn wanted(word: Option<&str>) -> Result<EventState, Problem> {
    match word {
        None => Ok(EventState::Recorded),
        Some("sequenced") => Ok(EventState::Sequenced),
        Some("integrated") => Ok(EventState::Integrated),
        Some("published") => Ok(EventState::Published),
        Some(_) => Err(invalid_wait("wait", "wait is sequenced, integrated or published")),
    }
}

fn patience(
    timeout_ms: Option<u64>,
    wanted: EventState,
    ctx: &RequestContext,
    audit: &Audit,
) -> Result<Duration, Problem> {
    let wish = timeout_ms.unwrap_or(WAIT_MS_MAX);
    if wish > WAIT_MS_MAX {
        return Err(invalid_wait("timeout_ms", "timeout_ms is at most 10000"));
    }
    if wanted == EventState::Recorded {
        return Ok(Duration::ZERO);
    }
    let wish = Duration::from_millis(wish);
    let Some(deadline) = ctx.meta().deadline else {
        return Ok(wish);
    };
    let left = deadline - audit.db.sources().now() - ANSWER_TIME;
    Ok(Duration::try_from(left).unwrap_or(Duration::ZERO).min(wish))
}

fn invalid_wait(field: &'static str, message: &'static str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_wait", message).field(
        field,
        "invalid_value",
        message,
    )
}
