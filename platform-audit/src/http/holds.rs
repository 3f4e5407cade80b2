//! Holds on events, for a tenant's admins.

use axum::extract::State;
use axum::http::StatusCode;
use platform_core::http::{Caller, Json, Page, PageQuery, Path, Problem, Query};
use platform_core::{PrincipalId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::NoQuery;
use super::module::Audit;
use crate::{AUDIT_HOLD, Hold, HoldError, HoldId, HoldPage, InvalidHold, NewHold};

pub(super) fn routes() -> OpenApiRouter<Audit> {
    OpenApiRouter::default()
        .routes(routes!(list, place))
        .routes(routes!(release))
}

/// A hold on events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HoldBody {
    id: HoldId,
    /// The matter, such as the reference of a case.
    #[schema(example = "case 2026-117")]
    reason: String,
    /// On events with a target of this kind.
    #[schema(example = "account")]
    target_kind: Option<String>,
    /// With this target.
    target_id: Option<String>,
    /// Done by or on behalf of this principal.
    actor_id: Option<PrincipalId>,
    /// Stored at this time or later.
    #[serde(with = "platform_core::time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    recorded_from: Option<Timestamp>,
    /// Stored before this time.
    #[serde(with = "platform_core::time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    recorded_to: Option<Timestamp>,
    #[serde(with = "platform_core::time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    placed_at: Timestamp,
    /// Null while it stands.
    #[serde(with = "platform_core::time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    released_at: Option<Timestamp>,
}

/// A hold that is to be placed: on every event of the tenant, narrowed by what is given.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHoldBody {
    /// The matter, such as the reference of a case; nothing personal. It is kept in the trail.
    #[schema(min_length = 1, max_length = 256, example = "case 2026-117")]
    reason: String,
    /// Only events with a target of this kind.
    #[serde(default)]
    #[schema(example = "account")]
    target_kind: Option<String>,
    /// Only events with this target; needs `target_kind`.
    #[serde(default)]
    target_id: Option<String>,
    /// Only what was done by or on behalf of this principal.
    #[serde(default)]
    actor_id: Option<PrincipalId>,
    /// Only what was stored at this time or later (RFC 3339).
    #[serde(default, with = "platform_core::time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    recorded_from: Option<Timestamp>,
    /// Only what was stored before this time.
    #[serde(default, with = "platform_core::time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    recorded_to: Option<Timestamp>,
}

/// Which holds a list shows.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HoldQuery {
    /// Those too that were released.
    #[serde(default)]
    released: bool,
    /// Read as part of the page.
    #[serde(default)]
    #[param(ignore)]
    #[expect(dead_code, reason = "only the name matters")]
    limit: Option<String>,
    /// Read as part of the page.
    #[serde(default)]
    #[param(ignore)]
    #[expect(dead_code, reason = "only the name matters")]
    cursor: Option<String>,
}

/// See the holds, newest first.
#[utoipa::path(
    get,
    path = "/holds",
    tag = "audit",
    operation_id = "list_audit_holds",
    params(HoldQuery, PageQuery),
    responses(
        (status = 200, description = "A page of holds.", body = Page<HoldBody>),
        (status = 400, description = "`invalid_query`, `invalid_cursor`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: needs `audit:hold`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_limit`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn list(
    State(audit): State<Audit>,
    Caller(ctx): Caller,
    Query(query): Query<HoldQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<HoldBody>>, Problem> {
    ctx.require(AUDIT_HOLD)?;
    let page = page.resolve::<HoldId>()?;
    let wanted = HoldPage {
        before: page.after,
        limit: page.limit,
        released: query.released,
    };
    let mut read = audit.db.read(&ctx).await?;
    let found = audit.log.holds_and_one(&mut read, wanted).await?;
    read.finish().await?;
    let page = Page::build(found, page.limit, |hold| hold.id);
    Ok(Json(page.map(HoldBody::from)))
}

/// Place a hold: until it is released, no event that it is on is deleted, and nobody is erased whose data it keeps.
#[utoipa::path(
    post,
    path = "/holds",
    tag = "audit",
    operation_id = "place_audit_hold",
    request_body = NewHoldBody,
    responses(
        (status = 201, description = "The hold, which stands.", body = HoldBody),
        (status = 400, description = "`invalid_body`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: needs `audit:hold`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`too_many_holds`: release others first", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_hold`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn place(
    State(audit): State<Audit>,
    Caller(ctx): Caller,
    Query(_none): Query<NoQuery>,
    Json(body): Json<NewHoldBody>,
) -> Result<(StatusCode, Json<HoldBody>), Problem> {
    ctx.require(AUDIT_HOLD)?;
    let hold = body.into_hold()?;
    let mut tx = audit.db.begin(&ctx).await?;
    let placed = audit.log.place_hold(&mut tx, &ctx, &hold).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(placed.into())))
}

/// Release a hold. What nothing else holds may be deleted from now on.
#[utoipa::path(
    delete,
    path = "/holds/{id}",
    tag = "audit",
    operation_id = "release_audit_hold",
    params(("id" = HoldId, Path)),
    responses(
        (status = 200, description = "The hold, released.", body = HoldBody),
        (status = 403, description = "`forbidden`: needs `audit:hold`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: no such hold stands", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn release(
    State(audit): State<Audit>,
    Caller(ctx): Caller,
    Path(id): Path<HoldId>,
    Query(_none): Query<NoQuery>,
) -> Result<Json<HoldBody>, Problem> {
    ctx.require(AUDIT_HOLD)?;
    let mut tx = audit.db.begin(&ctx).await?;
    let Some(released) = audit.log.release_hold(&mut tx, &ctx, id).await? else {
        return Err(Problem::not_found());
    };
    tx.commit().await?;
    Ok(Json(released.into()))
}

impl NewHoldBody {
    fn into_hold(self) -> Result<NewHold, Problem> {
        let hold = NewHold::new(self.reason);
        let hold = match (self.target_kind, self.target_id) {
            (Some(kind), Some(id)) => hold.target(kind, id),
            (Some(kind), None) => hold.target_kind(kind),
            (None, None) => hold,
            (None, Some(_)) => return Err(invalid_hold("target_id", "a target needs its kind")),
        };
        let hold = self.actor_id.into_iter().fold(hold, NewHold::actor);
        let hold = self.recorded_from.into_iter().fold(hold, NewHold::recorded_from);
        Ok(self.recorded_to.into_iter().fold(hold, NewHold::recorded_to))
    }
}

impl From<Hold> for HoldBody {
    fn from(hold: Hold) -> Self {
        let scope = hold.scope;
        Self {
            id: hold.id,
            reason: hold.reason,
            target_kind: scope.target_kind,
            target_id: scope.target_id,
            actor_id: scope.actor,
            recorded_from: scope.recorded_from,
            recorded_to: scope.recorded_to,
            placed_at: hold.placed_at,
            released_at: hold.released_at,
        }
    }
}

/// 422 `invalid_hold` with the field, 409 `too_many_holds`, else what the database's error is.
impl From<HoldError> for Problem {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::Invalid(invalid) => {
                let field = match invalid {
                    InvalidHold::Reason => "reason",
                    InvalidHold::Target => "target_id",
                    InvalidHold::Time | InvalidHold::Range => "recorded_from",
                };
                invalid_hold(field, &invalid.to_string())
            }
            HoldError::TooMany => Self::new(
                StatusCode::CONFLICT,
                "too_many_holds",
                "as many holds stand as can, release others first",
            ),
            HoldError::Audit(error) => error.into(),
            HoldError::Db(error) => error.into(),
        }
    }
}

fn invalid_hold(field: &'static str, message: &str) -> Problem {
    let detail = "such a hold cannot be placed";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_hold", detail).field(
        field,
        "invalid_value",
        message.to_owned(),
    )
}
