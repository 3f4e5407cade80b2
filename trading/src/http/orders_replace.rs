//! Changing an order.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use platform_core::http::{Caller, Json, Path, Problem};

use crate::{OrderId, OrderView, ReplaceOutcome, ReplaceTicket, Trading};

/// Change an open order.
///
/// In place: the id stays, the version grows. The order keeps its priority only where it asks for less and nothing else. A quantity of no
/// more than what is filled completes it.
#[utoipa::path(
    patch,
    path = "/orders/{id}",
    tag = "orders",
    operation_id = "replace_order",
    params(
        ("id" = OrderId, Path),
        ("If-Match" = Option<String>, Header, description = "The version to change, in quotes as `ETag` has it; `*` or no header is any."),
    ),
    request_body = ReplaceTicket,
    responses(
        (status = 200, description = "The order as it is now, with its version as the `ETag`.", body = ReplaceOutcome),
        (status = 400, description = "`invalid_if_match`, malformed JSON", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`, `account_suspended`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`order_filled` and the like, with the order as it is", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`version_mismatch`, with the order as it is", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_order` with every field to correct, `insufficient_funds`, `insufficient_shares`, `stop_elected`, `stop_through_market`, `notional_too_large`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn replace(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Path(id): Path<OrderId>,
    headers: HeaderMap,
    Json(ticket): Json<ReplaceTicket>,
) -> Result<Response, Problem> {
    let version = if_match(&headers)?;
    let outcome = trading.replace(&ctx, id, &ticket, version).await?;
    let version = etag(&outcome.order);
    Ok(([(header::ETAG, version)], Json(outcome)).into_response())
}

/// The version of an order as a validator.
pub(super) fn etag(order: &OrderView) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{}\"", order.version)).unwrap_or(HeaderValue::from_static("\"\""))
}

/// The one version that may be changed; `None` is any.
fn if_match(headers: &HeaderMap) -> Result<Option<i32>, Problem> {
    let mut values = headers.get_all(header::IF_MATCH).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return match headers.contains_key(header::IF_MATCH) {
            false => Ok(None),
            true => Err(invalid_if_match()),
        };
    };
    let text = value.to_str().map_err(|_| invalid_if_match())?.trim();
    if text == "*" {
        return Ok(None);
    }
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let version = quoted.and_then(|digits| digits.parse().ok());
    version.map(Some).ok_or_else(invalid_if_match)
}

fn invalid_if_match() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "invalid_if_match",
        "If-Match names one version of the order in quotes, or is *",
    )
}
