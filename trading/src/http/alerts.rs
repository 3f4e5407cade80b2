//! Prices at which one wants to be told.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use platform_core::http::{Caller, Json, Page, PageQuery, Path, Problem, Query};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{Alert, AlertError, AlertFilter, AlertId, NewAlert, Trading, UnknownWord};

/// Which alerts a list shows.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AlertsQuery {
    /// `active`, `fired`, or `all` (the default).
    #[serde(default)]
    #[param(example = "active")]
    status: Option<String>,
}

/// List one's alerts, the newest first.
#[utoipa::path(
    get,
    path = "/alerts",
    tag = "alerts",
    operation_id = "list_alerts",
    params(AlertsQuery, PageQuery),
    responses(
        (status = 200, description = "A page of alerts.", body = Page<Alert>),
        (status = 422, description = "`invalid_status`, `invalid_limit`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn list(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Query(query): Query<AlertsQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<Alert>>, Problem> {
    let filter = query.status.as_deref().map(str::parse::<AlertFilter>).transpose();
    let filter = filter.map_err(|unknown: UnknownWord| {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_status",
            unknown.to_string(),
        )
    })?;
    let page = page.resolve::<AlertId>()?;
    let filter = filter.unwrap_or(AlertFilter::All);
    let alerts = trading.alerts(&ctx, filter, (page.after, page.limit + 1)).await?;
    Ok(Json(Page::build(alerts, page.limit, |alert| alert.id)))
}

/// Make an alert. It fires once, on the first quote from now on whose last price is at its price or beyond, and is kept.
#[utoipa::path(
    post,
    path = "/alerts",
    tag = "alerts",
    operation_id = "create_alert",
    request_body = NewAlert,
    responses(
        (status = 201, description = "The alert.", body = Alert),
        (status = 409, description = "`too_many`: 100 have not fired", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`unknown_symbol`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn create(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Json(new): Json<NewAlert>,
) -> Result<Response, Problem> {
    let alert = trading.create_alert(&ctx, new).await?;
    Ok((StatusCode::CREATED, Json(alert)).into_response())
}

/// Delete an alert, fired or not.
#[utoipa::path(
    delete,
    path = "/alerts/{id}",
    tag = "alerts",
    operation_id = "delete_alert",
    params(("id" = AlertId, Path)),
    responses(
        (status = 204, description = "It is gone."),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn delete(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Path(id): Path<AlertId>,
) -> Result<StatusCode, Problem> {
    trading.delete_alert(&ctx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<AlertError> for Problem {
    fn from(error: AlertError) -> Self {
        let text = error.to_string();
        match error {
            AlertError::NotFound => Self::not_found(),
            AlertError::UnknownSymbol(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unknown_symbol", text)
            }
            AlertError::TooMany => Self::new(StatusCode::CONFLICT, "too_many", text),
            AlertError::Trading(error) => error.into(),
        }
    }
}
