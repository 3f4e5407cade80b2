//! Cash that administrators pay into accounts and out of them.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use platform_core::http::{Caller, Json, Page, PageQuery, Path, Problem, Query};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::account_admin::parsed;
use super::orders::replayed;
use super::problem::with_json;
use crate::{
    AccountId, Adjusted, AdjustmentError, AdjustmentId, AdjustmentStatus, AdjustmentView, Cents, Trading,
};

/// Cash to be moved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AdjustmentBody {
    /// Paid in when positive, paid out when negative.
    #[schema(example = "-25.00")]
    amount: Cents,
    /// For whoever reads the audit trail; nothing personal.
    #[schema(example = "case 2026-118", min_length = 1, max_length = 200)]
    reason: String,
}

/// Which adjustments a list shows.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AdjustmentsQuery {
    /// `pending` for those that can still be approved, otherwise all.
    #[serde(default)]
    #[param(example = "pending")]
    status: Option<String>,
}

/// Pay cash into an account, or out of what is available in it.
///
/// Above a configured amount, alone or together with what was moved since the last close without an approval, it is answered 202 and
/// waits for another administrator. Sent again under the same `Idempotency-Key` it is
/// answered again and not carried out again.
#[utoipa::path(
    post,
    path = "/trading/accounts/{id}/adjustments",
    tag = "accounts",
    operation_id = "adjust_cash",
    params(
        ("id" = AccountId, Path),
        ("Idempotency-Key" = String, Header, description = "The administrator's name for this adjustment of this account, 1 to 255 visible ASCII characters."),
    ),
    request_body = AdjustmentBody,
    responses(
        (status = 201, description = "The cash has moved.", body = AdjustmentView),
        (status = 202, description = "Another administrator has to approve it.", body = AdjustmentView),
        (status = 400, description = "`idempotency_key_required`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: needs `trading:adjust`; `own_account`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`account_closed`: it is only paid out", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_amount`, `invalid_reason`, `insufficient_funds`, `balance_too_large`, `idempotency_key_reused`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn adjust(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Path(id): Path<AccountId>,
    Json(body): Json<AdjustmentBody>,
) -> Result<Response, Problem> {
    let reason = parsed(&body.reason)?;
    Ok(
        match trading.adjust_cash(&ctx, id, (body.amount, &reason)).await? {
            Adjusted::New(adjustment) => answer(adjustment),
            Adjusted::Replayed(adjustment) => replayed(answer(adjustment)),
        },
    )
}

/// The status of the first answer: what needs approval was taken in, whatever has become of it since.
fn answer(adjustment: AdjustmentView) -> Response {
    let status = match adjustment.expires_at {
        None => StatusCode::CREATED,
        Some(_) => StatusCode::ACCEPTED,
    };
    (status, Json(adjustment)).into_response()
}

/// List the adjustments of the tenant's accounts, the newest first.
#[utoipa::path(
    get,
    path = "/trading/adjustments",
    tag = "accounts",
    operation_id = "list_adjustments",
    params(AdjustmentsQuery, PageQuery),
    responses(
        (status = 200, description = "A page of adjustments.", body = Page<AdjustmentView>),
        (status = 403, description = "`forbidden`: needs `trading:adjust` in the whole tenant", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_status`, `invalid_limit`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn list(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Query(query): Query<AdjustmentsQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<AdjustmentView>>, Problem> {
    let pending = match query.status.as_deref() {
        None => false,
        Some(word) if word == AdjustmentStatus::Pending.as_str() => true,
        Some(_) => {
            let detail = "status is pending, or absent for all";
            return Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_status",
                detail,
            ));
        }
    };
    let page = page.resolve::<AdjustmentId>()?;
    let rows = trading
        .adjustments(&ctx, pending, (page.after, page.limit + 1))
        .await?;
    Ok(Json(Page::build(rows, page.limit, |row| row.id)))
}

/// Approve an adjustment that another administrator asked for.
#[utoipa::path(
    post,
    path = "/trading/adjustments/{id}/approve",
    tag = "accounts",
    operation_id = "approve_adjustment",
    params(("id" = AdjustmentId, Path)),
    responses(
        (status = 200, description = "The cash has moved.", body = AdjustmentView),
        (status = 403, description = "`forbidden`: needs `trading:adjust`; `own_request`: another administrator has to decide; `own_account`; `person_required`: a service does not decide", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`adjustment_applied`, `adjustment_refused`, `adjustment_expired` with the adjustment as it is; `account_closed`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`insufficient_funds`, `balance_too_large`: it can be approved later", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn approve(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Path(id): Path<AdjustmentId>,
) -> Result<Json<AdjustmentView>, Problem> {
    Ok(Json(trading.approve_adjustment(&ctx, id).await?))
}

/// Refuse an adjustment that another administrator asked for.
#[utoipa::path(
    post,
    path = "/trading/adjustments/{id}/refuse",
    tag = "accounts",
    operation_id = "refuse_adjustment",
    params(("id" = AdjustmentId, Path)),
    responses(
        (status = 200, description = "It will not be carried out.", body = AdjustmentView),
        (status = 403, description = "`forbidden`: needs `trading:adjust`; `own_request`: another administrator has to decide; `own_account`; `person_required`: a service does not decide", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`adjustment_applied`, `adjustment_refused`, `adjustment_expired` with the adjustment as it is", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn refuse(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Path(id): Path<AdjustmentId>,
) -> Result<Json<AdjustmentView>, Problem> {
    Ok(Json(trading.refuse_adjustment(&ctx, id).await?))
}

impl From<AdjustmentError> for Problem {
    fn from(error: AdjustmentError) -> Self {
        let text = error.to_string();
        let (status, code) = match error {
            AdjustmentError::NotFound => return Self::not_found(),
            AdjustmentError::Trading(error) => return error.into(),
            AdjustmentError::Decided(adjustment) => {
                let code = match adjustment.status {
                    AdjustmentStatus::Applied => "adjustment_applied",
                    AdjustmentStatus::Refused => "adjustment_refused",
                    AdjustmentStatus::Expired | AdjustmentStatus::Pending => "adjustment_expired",
                };
                return with_json(
                    Self::new(StatusCode::CONFLICT, code, text),
                    "adjustment",
                    &*adjustment,
                );
            }
            AdjustmentError::KeyMissing => (StatusCode::BAD_REQUEST, "idempotency_key_required"),
            AdjustmentError::KeyReused => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused"),
            AdjustmentError::Nothing => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_amount"),
            AdjustmentError::InsufficientFunds => (StatusCode::UNPROCESSABLE_ENTITY, "insufficient_funds"),
            AdjustmentError::TooMuch => (StatusCode::UNPROCESSABLE_ENTITY, "balance_too_large"),
            AdjustmentError::Closed => (StatusCode::CONFLICT, "account_closed"),
            AdjustmentError::OwnRequest => (StatusCode::FORBIDDEN, "own_request"),
            AdjustmentError::OwnAccount => (StatusCode::FORBIDDEN, "own_account"),
            AdjustmentError::NotAPerson => (StatusCode::FORBIDDEN, "person_required"),
        };
        Self::new(status, code, text)
    }
}
