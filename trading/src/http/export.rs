//! One's orders as a file, and the statement of a day.

use std::io;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use platform_core::error_chain;
use platform_core::http::{Caller, Json, Problem, Query};
use serde::Deserialize;
use time::Date;
use time::macros::format_description;
use utoipa::IntoParams;

use crate::service::OrderStatusFilter;
use crate::{OrderExport, OrderExportFormat, Statement, Trading, UnknownWord};

/// What is exported and how.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportQuery {
    /// `csv` (the default) or `jsonl`.
    #[serde(default)]
    #[param(example = "csv")]
    format: Option<String>,
    /// `open`, `all` (the default), or one status.
    #[serde(default)]
    #[param(example = "filled")]
    status: Option<String>,
}

/// Which day is stated.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StatementQuery {
    /// A day of UTC.
    #[param(example = "2026-01-05")]
    date: String,
}

/// Export one's orders, the newest first.
///
/// A connection that ends without its last chunk has not given the whole.
#[utoipa::path(
    get,
    path = "/orders/export",
    tag = "orders",
    operation_id = "export_orders",
    params(ExportQuery),
    responses(
        (status = 200, description = "The orders: a table whose first line has the names, or a JSON object in each line.", content_type = "text/csv", body = String),
        (status = 422, description = "`invalid_export`, `invalid_status`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn orders(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Problem> {
    let unfit = |code: &'static str, unknown: &UnknownWord| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, unknown.to_string())
    };
    let format = query
        .format
        .as_deref()
        .map(str::parse::<OrderExportFormat>)
        .transpose();
    let format = format.map_err(|unknown| unfit("invalid_export", &unknown))?;
    let format = format.unwrap_or(OrderExportFormat::Csv);
    let filter = query
        .status
        .as_deref()
        .map(str::parse::<OrderStatusFilter>)
        .transpose();
    let filter = filter.map_err(|unknown| unfit("invalid_status", &unknown))?;
    let export = trading
        .export_orders(&ctx, filter.unwrap_or(OrderStatusFilter::All), format)
        .await?;
    let (kind, name) = match format {
        OrderExportFormat::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"orders.csv\""),
        OrderExportFormat::Jsonl => ("application/x-ndjson", "attachment; filename=\"orders.jsonl\""),
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static(name)),
    ];
    Ok((headers, given_out(export)).into_response())
}

/// Page by page as the client takes them, so that nothing waits in memory but one page.
fn given_out(export: OrderExport) -> Body {
    Body::from_stream(stream::try_unfold(export, async |mut export| {
        match export.next().await {
            Ok(lines) => Ok(lines.map(|lines| (Bytes::from(lines), export))),
            Err(error) => {
                tracing::error!(error = error_chain(&error), "an export of orders was broken off");
                // The client is not to take what it has for the whole.
                Err(io::Error::other("the export was broken off"))
            }
        }
    }))
}

/// See the statement of a day: opening and closing balance, activities, positions, orders.
#[utoipa::path(
    get,
    path = "/account/statements",
    tag = "portfolio",
    operation_id = "get_statement",
    params(StatementQuery),
    responses(
        (status = 200, description = "The statement of the session that closed on this day, midnight at its end included.", body = Statement),
        (status = 404, description = "`not_found`: no session has closed on this day since the account was opened", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_date`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn statement(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Query(query): Query<StatementQuery>,
) -> Result<Json<Statement>, Problem> {
    let date = Date::parse(&query.date, format_description!("[year]-[month]-[day]"));
    let date = date.map_err(|_| {
        let detail = "date is a day such as 2026-01-05";
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_date", detail).field(
            "date",
            "invalid_date",
            detail,
        )
    })?;
    let statement = trading.statement(&ctx, date).await?;
    statement.map(Json).ok_or_else(Problem::not_found)
}
