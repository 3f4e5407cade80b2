//! Placing, seeing and cancelling orders.

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use platform_core::http::{Caller, Json, Page, PageQuery, Path, Problem, Query};
use serde::Deserialize;
use utoipa::IntoParams;

use super::orders_replace::etag;
use super::problem::rejected;
use crate::service::OrderStatusFilter;
use crate::{ExecutionView, OrderEventView, OrderId, OrderView, PlaceOutcome, Placed, Ticket, Trading};

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Place an order.
///
/// Sent again under the same `Idempotency-Key` it is answered again and not placed again.
#[utoipa::path(
    post,
    path = "/orders",
    tag = "orders",
    operation_id = "place_order",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "The client's name for this request, 1 to 255 visible ASCII characters. `X-Idempotency-Key` is the same."),
    ),
    request_body = Ticket,
    responses(
        (status = 201, description = "Taken in, in whatever state.", body = PlaceOutcome),
        (status = 200, description = "The client had placed it before under the same `client_order_id`.", body = PlaceOutcome),
        (status = 403, description = "`forbidden`, `account_suspended`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_order` with every field to correct, a rejection such as `insufficient_funds` with the rejected order, `stop_through_market`, `market_closed`, `idempotency_key_reused`, `client_order_id_taken`, `too_many_open_orders`: it would stay open, and the account has as many as it may", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`open_orders_full`: it would stay open, and the brokerage has as many as it can keep", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`stale_quote`, `busy`, `unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn place(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Json(ticket): Json<Ticket>,
) -> Result<Response, Problem> {
    let placed = trading.place(&ctx, &ticket).await?;
    Ok(match placed {
        Placed::New(outcome) => answer(outcome),
        Placed::Existing(outcome) => existing(outcome),
        Placed::Replayed(outcome) => replayed(answer(outcome)),
        Placed::ReplayedExisting(outcome) => replayed(existing(outcome)),
    })
}

fn existing(outcome: PlaceOutcome) -> Response {
    (StatusCode::OK, Json(outcome)).into_response()
}

pub(super) fn replayed(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// A new order and its repetition are answered alike; a rejected one with a problem that carries it.
fn answer(outcome: PlaceOutcome) -> Response {
    match &outcome.rejection {
        Some(rejection) => rejected(&outcome, rejection).into_response(),
        None => (StatusCode::CREATED, Json(outcome)).into_response(),
    }
}

/// Which orders a list shows.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// `open`, `all` (the default), or one status.
    #[serde(default)]
    #[param(example = "open")]
    status: Option<String>,
}

/// List the orders of one's account, newest first.
#[utoipa::path(
    get,
    path = "/orders",
    tag = "orders",
    operation_id = "list_orders",
    params(ListQuery, PageQuery),
    responses(
        (status = 200, description = "A page of orders.", body = Page<OrderView>),
        (status = 422, description = "`invalid_status`, `invalid_limit`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn list(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Query(query): Query<ListQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<OrderView>>, Problem> {
    let filter = match query.status.as_deref() {
        None => OrderStatusFilter::All,
        Some(word) => word.parse().map_err(|unknown: crate::UnknownWord| {
            Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_status",
                unknown.to_string(),
            )
        })?,
    };
    let page = page.resolve::<OrderId>()?;
    let orders = trading.orders(&ctx, filter, (page.after, page.limit + 1)).await?;
    Ok(Json(Page::build(orders, page.limit, |order| order.id)))
}

/// See an order of one's account.
#[utoipa::path(
    get,
    path = "/orders/{id}",
    tag = "orders",
    operation_id = "get_order",
    params(("id" = OrderId, Path)),
    responses(
        (status = 200, description = "The order, with its version as the `ETag`.", body = OrderView),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn one(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Path(id): Path<OrderId>,
) -> Result<Response, Problem> {
    let order = trading.order(&ctx, id).await?.ok_or_else(Problem::not_found)?;
    Ok(([(header::ETAG, etag(&order))], Json(order)).into_response())
}

/// See the order to which one gave this name.
#[utoipa::path(
    get,
    path = "/orders/by-client-id/{client_order_id}",
    tag = "orders",
    operation_id = "get_order_by_client_id",
    params(("client_order_id" = String, Path)),
    responses(
        (status = 200, description = "The order.", body = OrderView),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn by_client_id(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Path(client_order_id): Path<String>,
) -> Result<Json<OrderView>, Problem> {
    // What cannot be a name has never been given to an order.
    let name: crate::ClientOrderId = client_order_id.parse().map_err(|_| Problem::not_found())?;
    let order = trading.order_by_client_id(&ctx, name.as_str()).await?;
    order.map(Json).ok_or_else(Problem::not_found)
}

/// List the fills of an order, oldest first.
#[utoipa::path(
    get,
    path = "/orders/{id}/executions",
    tag = "orders",
    operation_id = "list_executions",
    params(("id" = OrderId, Path), PageQuery),
    responses(
        (status = 200, description = "A page of fills.", body = Page<ExecutionView>),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn executions(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Path(id): Path<OrderId>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<ExecutionView>>, Problem> {
    let page = page.resolve::<i64>()?;
    let executions = trading.executions(&ctx, id, (page.after, page.limit + 1)).await?;
    let executions = executions.ok_or_else(Problem::not_found)?;
    Ok(Json(Page::build(executions, page.limit, |execution| {
        execution.quote_seq
    })))
}

/// List what happened to an order, oldest first.
#[utoipa::path(
    get,
    path = "/orders/{id}/events",
    tag = "orders",
    operation_id = "list_order_events",
    params(("id" = OrderId, Path), PageQuery),
    responses(
        (status = 200, description = "A page of events.", body = Page<OrderEventView>),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn events(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Path(id): Path<OrderId>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<OrderEventView>>, Problem> {
    let page = page.resolve::<i64>()?;
    let events = trading
        .order_events(&ctx, id, (page.after, page.limit + 1))
        .await?;
    let events = events.ok_or_else(Problem::not_found)?;
    Ok(Json(Page::build(events, page.limit, |event| event.seq)))
}

/// Cancel an open order.
#[utoipa::path(
    delete,
    path = "/orders/{id}",
    tag = "orders",
    operation_id = "cancel_order",
    params(("id" = OrderId, Path)),
    responses(
        (status = 200, description = "The cancelled order.", body = OrderView),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`order_filled` and the like, with the order as it is", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn cancel(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Path(id): Path<OrderId>,
) -> Result<Json<OrderView>, Problem> {
    Ok(Json(trading.cancel(&ctx, id).await?))
}
