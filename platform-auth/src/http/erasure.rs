//! Erasing users, and legal holds, for a tenant's admins.

use axum::extract::State;
use axum::http::StatusCode;
use platform_core::http::{Caller, Json, Path, Problem};
use platform_core::{PrincipalId, Timestamp};
use platform_crypto::{Hold, HoldId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Auth, Erasure};

/// How far the erasure of a user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct ErasureBody {
    user_id: PrincipalId,
    state: ErasureState,
    /// When it was asked for; nothing personal is shown since then.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    requested_at: Option<Timestamp>,
    /// When the user's key was destroyed, for every backup too.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    destroyed_at: Option<Timestamp>,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErasureState {
    /// Nobody has asked for it.
    None,
    /// It has begun and cannot be called off.
    Erasing,
    /// It is done.
    Erased,
}

/// Why a user is to be kept from being erased.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldRequestBody {
    /// The matter, such as the number of the case; nothing personal.
    #[schema(example = "case 2026-118", min_length = 1, max_length = 200)]
    reason: String,
}

/// A legal hold that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HoldBody {
    id: HoldId,
    #[schema(example = "case 2026-118")]
    reason: String,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    placed_at: Timestamp,
    /// Who placed it; null for the operator of the service.
    placed_by: Option<PrincipalId>,
}

/// The legal holds that stand on a user, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HoldListBody {
    data: Vec<HoldBody>,
}

/// Erase a user. Nothing undoes this.
///
/// Sessions end, everything personal goes, and the user's key is destroyed, for every backup too. Asked for again it answers the same.
#[utoipa::path(
    post,
    path = "/users/{id}/erasure",
    tag = "users",
    operation_id = "erase_user",
    params(("id" = PrincipalId, Path)),
    responses(
        (status = 200, description = "The user is erased.", body = ErasureBody),
        (status = 403, description = "`forbidden`: needs `subjects:erase`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`legal_hold`, with the holds that stand; `last_admin`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`keys_unavailable`, `unavailable`: ask again; what has begun goes on", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn erase(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<PrincipalId>,
) -> Result<Json<ErasureBody>, Problem> {
    Ok(Json(auth.erase_user(&ctx, id).await?.into()))
}

/// See how far the erasure of a user is.
#[utoipa::path(
    get,
    path = "/users/{id}/erasure",
    tag = "users",
    operation_id = "get_erasure",
    params(("id" = PrincipalId, Path)),
    responses(
        (status = 200, description = "How far it is.", body = ErasureBody),
        (status = 403, description = "`forbidden`: needs `subjects:erase`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn erasure(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<PrincipalId>,
) -> Result<Json<ErasureBody>, Problem> {
    let erasure = auth.erasure(&ctx, id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(erasure.into()))
}

/// Place a legal hold on a user, which keeps the user from being erased until it is released.
#[utoipa::path(
    post,
    path = "/users/{id}/holds",
    tag = "users",
    operation_id = "place_hold",
    params(("id" = PrincipalId, Path)),
    request_body = HoldRequestBody,
    responses(
        (status = 201, description = "The hold.", body = HoldBody),
        (status = 403, description = "`forbidden`: needs `subjects:hold`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`user_erased`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn place_hold(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<PrincipalId>,
    Json(body): Json<HoldRequestBody>,
) -> Result<(StatusCode, Json<HoldBody>), Problem> {
    let hold = auth.place_hold(&ctx, id, &body.reason).await?;
    Ok((StatusCode::CREATED, Json(hold.into())))
}

/// List the legal holds that stand on a user.
#[utoipa::path(
    get,
    path = "/users/{id}/holds",
    tag = "users",
    operation_id = "list_holds",
    params(("id" = PrincipalId, Path)),
    responses(
        (status = 200, description = "The holds, the oldest first.", body = HoldListBody),
        (status = 403, description = "`forbidden`: needs `subjects:hold`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn list_holds(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<PrincipalId>,
) -> Result<Json<HoldListBody>, Problem> {
    let holds = auth.holds(&ctx, id).await?;
    Ok(Json(HoldListBody {
        data: holds.into_iter().map(HoldBody::from).collect(),
    }))
}

/// Release a legal hold of a user.
#[utoipa::path(
    delete,
    path = "/users/{id}/holds/{hold_id}",
    tag = "users",
    operation_id = "release_hold",
    params(("id" = PrincipalId, Path), ("hold_id" = HoldId, Path)),
    responses(
        (status = 200, description = "The hold that was released.", body = HoldBody),
        (status = 403, description = "`forbidden`: needs `subjects:hold`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn release_hold(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path((id, hold)): Path<(PrincipalId, HoldId)>,
) -> Result<Json<HoldBody>, Problem> {
    Ok(Json(auth.release_hold(&ctx, id, hold).await?.into()))
}

impl From<Erasure> for ErasureBody {
    fn from(erasure: Erasure) -> Self {
        let state = match (erasure.requested_at, erasure.destroyed_at) {
            (_, Some(_)) => ErasureState::Erased,
            (Some(_), None) => ErasureState::Erasing,
            (None, None) => ErasureState::None,
        };
        Self {
            user_id: erasure.user,
            state,
            requested_at: erasure.requested_at,
            destroyed_at: erasure.destroyed_at,
        }
    }
}

impl From<Hold> for HoldBody {
    fn from(hold: Hold) -> Self {
        Self {
            id: hold.id,
            reason: hold.reason,
            placed_at: hold.placed_at,
            placed_by: hold.placed_by,
        }
    }
}
