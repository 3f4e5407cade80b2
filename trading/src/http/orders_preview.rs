//! Seeing what an order would come to.

use axum::extract::State;
use platform_core::http::{Caller, Json, Problem};

use crate::{OrderPreview, Ticket, Trading};

/// See what placing an order would come to now.
///
/// Nothing is written and nothing set aside: the market may move, and others may trade first. An order that would be rejected is answered
/// with its `reason`.
#[utoipa::path(
    post,
    path = "/orders/preview",
    tag = "orders",
    operation_id = "preview_order",
    request_body = Ticket,
    responses(
        (status = 200, description = "What it would come to.", body = OrderPreview),
        (status = 403, description = "`forbidden`, `account_suspended`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_order` with every field to correct, `stop_through_market`, `market_closed`, `notional_too_large`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`stale_quote`, `unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn preview(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Json(ticket): Json<Ticket>,
) -> Result<Json<OrderPreview>, Problem> {
    Ok(Json(trading.preview(&ctx, &ticket).await?))
}
