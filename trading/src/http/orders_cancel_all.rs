//! Cancelling everything that is open.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use platform_core::http::{Caller, Json, Problem, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{CancelError, CancelResult, OrderId, OrderView, Symbol, Trading};

/// Which orders are cancelled.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct CancelQuery {
    /// Only those of this symbol.
    #[serde(default)]
    #[param(example = "AAPL")]
    symbol: Option<String>,
}

/// What became of each order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CancelledOrders {
    /// One for each order that was open, the newest first.
    data: Vec<CancelledOrder>,
    /// Whether orders were left that were not tried: send the request again.
    more: bool,
}

/// What became of one order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CancelledOrder {
    /// The order.
    order_id: OrderId,
    /// The status that cancelling it alone would have been answered with.
    status: u16,
    /// Why it was not cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// The order as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<OrderView>,
}

/// Cancel all open orders.
///
/// Each one by itself: an order that fills first does not keep the others. At most 500 at a time.
#[utoipa::path(
    delete,
    path = "/orders",
    tag = "orders",
    operation_id = "cancel_orders",
    params(CancelQuery),
    responses(
        (status = 207, description = "What became of each order.", body = CancelledOrders),
        (status = 422, description = "`malformed_symbol`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn cancel_all(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Query(query): Query<CancelQuery>,
) -> Result<Response, Problem> {
    let symbol = query
        .symbol
        .map(|text| text.parse::<Symbol>())
        .transpose()
        .map_err(|error| {
            Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "malformed_symbol",
                error.to_string(),
            )
        })?;
    let cancelled = trading.cancel_all(&ctx, symbol).await?;
    let answer = CancelledOrders {
        data: cancelled.results.into_iter().map(one).collect(),
        more: cancelled.more,
    };
    Ok((StatusCode::MULTI_STATUS, Json(answer)).into_response())
}

fn one(result: CancelResult) -> CancelledOrder {
    let (status, code, order) = match result.outcome {
        Ok(order) => (StatusCode::OK, None, Some(order)),
        Err(CancelError::Closed(order)) => {
            let code = order.status.conflict_code();
            (StatusCode::CONFLICT, Some(code), Some(*order))
        }
        Err(CancelError::NotFound) => (StatusCode::NOT_FOUND, Some("not_found"), None),
        Err(CancelError::Trading(error)) => {
            let problem = Problem::from(error);
            (problem.status(), Some(problem.code()), None)
        }
    };
    CancelledOrder {
        order_id: result.order_id,
        status: status.as_u16(),
        code,
        order,
    }
}
