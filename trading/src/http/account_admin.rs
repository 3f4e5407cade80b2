//! What administrators do to accounts of others.

use axum::extract::State;
use axum::http::StatusCode;
use platform_core::http::{Caller, Json, Path, Problem, Query};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::{AccountAdminError, AccountId, AccountView, AdminReason, InvalidAdminReason, Suspended, Trading};

/// Why something is done to an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReasonBody {
    /// For whoever reads the audit trail; nothing personal.
    #[schema(example = "case 2026-118", min_length = 1, max_length = 200)]
    reason: String,
}

/// What becomes of open orders.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SuspendQuery {
    /// Whether they are withdrawn; otherwise they go on to be filled.
    #[serde(default)]
    #[param(default = false)]
    cancel_open: bool,
}

/// Let an account place no orders any more.
///
/// Its open orders go on to be filled unless they are withdrawn with it. An account that is suspended stays so.
#[utoipa::path(
    post,
    path = "/trading/accounts/{id}/suspend",
    tag = "accounts",
    operation_id = "suspend_account",
    params(("id" = AccountId, Path), SuspendQuery),
    request_body = ReasonBody,
    responses(
        (status = 200, description = "The account, and how many orders were withdrawn.", body = Suspended),
        (status = 403, description = "`forbidden`: needs `trading:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`account_closed`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_reason`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn suspend(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Path(id): Path<AccountId>,
    Query(query): Query<SuspendQuery>,
    Json(body): Json<ReasonBody>,
) -> Result<Json<Suspended>, Problem> {
    let reason = parsed(&body.reason)?;
    let suspended = match query.cancel_open {
        true => trading.suspend_account_and_cancel(&ctx, id, &reason).await?,
        false => trading.suspend_account(&ctx, id, &reason).await?,
    };
    Ok(Json(suspended))
}

/// Let a suspended account place orders again.
#[utoipa::path(
    post,
    path = "/trading/accounts/{id}/resume",
    tag = "accounts",
    operation_id = "resume_account",
    params(("id" = AccountId, Path)),
    request_body = ReasonBody,
    responses(
        (status = 200, description = "The account.", body = AccountView),
        (status = 403, description = "`forbidden`: needs `trading:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`account_closed`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_reason`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn resume(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Path(id): Path<AccountId>,
    Json(body): Json<ReasonBody>,
) -> Result<Json<AccountView>, Problem> {
    let reason = parsed(&body.reason)?;
    Ok(Json(trading.resume_account(&ctx, id, &reason).await?))
}

/// Close an account for good.
#[utoipa::path(
    post,
    path = "/trading/accounts/{id}/close",
    tag = "accounts",
    operation_id = "close_account",
    params(("id" = AccountId, Path)),
    request_body = ReasonBody,
    responses(
        (status = 200, description = "The account.", body = AccountView),
        (status = 403, description = "`forbidden`: needs `trading:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`account_not_flat`: it has shares, open orders or held cash", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_reason`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn close(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Path(id): Path<AccountId>,
    Json(body): Json<ReasonBody>,
) -> Result<Json<AccountView>, Problem> {
    let reason = parsed(&body.reason)?;
    Ok(Json(trading.close_account(&ctx, id, &reason).await?))
}

pub(super) fn parsed(reason: &str) -> Result<AdminReason, Problem> {
    reason.parse().map_err(|invalid: InvalidAdminReason| {
        let text = invalid.to_string();
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_reason", text.clone()).field(
            "reason",
            "invalid_reason",
            text,
        )
    })
}

impl From<AccountAdminError> for Problem {
    fn from(error: AccountAdminError) -> Self {
        let text = error.to_string();
        match error {
            AccountAdminError::NotFound => Self::not_found(),
            AccountAdminError::Closed => Self::new(StatusCode::CONFLICT, "account_closed", text),
            AccountAdminError::NotFlat => Self::new(StatusCode::CONFLICT, "account_not_flat", text),
            AccountAdminError::Trading(error) => error.into(),
        }
    }
}
