//! The ledger of one's account, and what it was worth over time.

use axum::extract::State;
use axum::http::StatusCode;
use platform_core::Timestamp;
use platform_core::http::{Caller, Json, Page, PageQuery, Problem, Query};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::IntoParams;

use crate::{ActivityFilter, ActivityOrder, ActivityView, ClosingView, HistoryPeriod, Trading, UnknownWord};

/// Which activities are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ActivitiesQuery {
    /// `newest` (the default) or `oldest` first.
    #[serde(default)]
    #[param(example = "newest")]
    order: Option<String>,
    /// `deposit`, `withdrawal`, `hold`, `release`, `trade` or `fee`.
    #[serde(default)]
    #[param(example = "trade")]
    kind: Option<String>,
    /// From this instant on.
    #[serde(default)]
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<String>,
    /// Before this instant.
    #[serde(default)]
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<String>,
}

impl ActivitiesQuery {
    fn filter(&self) -> Result<ActivityFilter, Problem> {
        let order = self.order.as_deref().map(str::parse::<ActivityOrder>).transpose();
        let kind = self.kind.as_deref().map(str::parse).transpose();
        Ok(ActivityFilter {
            order: order
                .map_err(|unknown| invalid("order", &unknown))?
                .unwrap_or(ActivityOrder::Newest),
            kind: kind.map_err(|unknown| invalid("kind", &unknown))?,
            from: instant("from", self.from.as_deref())?,
            until: instant("until", self.until.as_deref())?,
        })
    }
}

/// Over which time a history goes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryQuery {
    /// `1w`, `1m` (the default), `3m`, `1y` or `all`.
    #[serde(default)]
    #[param(example = "1m")]
    period: Option<String>,
}

/// List the movements of cash and shares in one's account, each with the balances after it.
#[utoipa::path(
    get,
    path = "/account/activities",
    tag = "portfolio",
    operation_id = "list_activities",
    params(ActivitiesQuery, PageQuery),
    responses(
        (status = 200, description = "A page of activities.", body = Page<ActivityView>),
        (status = 422, description = "`invalid_filter`, `invalid_limit`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn activities(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Query(query): Query<ActivitiesQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<ActivityView>>, Problem> {
    let filter = query.filter()?;
    let page = page.resolve::<i64>()?;
    let rows = trading
        .activities(&ctx, &filter, (page.after, page.limit + 1))
        .await?;
    Ok(Json(Page::build(rows, page.limit, |row| row.seq)))
}

/// List what one's account was worth as sessions closed, the newest first.
#[utoipa::path(
    get,
    path = "/portfolio/history",
    tag = "portfolio",
    operation_id = "list_portfolio_history",
    params(HistoryQuery, PageQuery),
    responses(
        (status = 200, description = "A page of closings.", body = Page<ClosingView>),
        (status = 422, description = "`invalid_filter`, `invalid_limit`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn history(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Query(query): Query<HistoryQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<ClosingView>>, Problem> {
    let period = query
        .period
        .as_deref()
        .map(str::parse::<HistoryPeriod>)
        .transpose();
    let period = period.map_err(|unknown| invalid("period", &unknown))?;
    let page = page.resolve::<i64>()?;
    // A cursor counts microseconds, which is all that a close has.
    let before = page.after.map(closed_at).transpose()?;
    let period = period.unwrap_or(HistoryPeriod::Month);
    let rows = trading.history(&ctx, period, (before, page.limit + 1)).await?;
    let micros =
        |row: &ClosingView| i64::try_from(row.session_close.unix_timestamp_nanos() / 1_000).unwrap_or(0);
    Ok(Json(Page::build(rows, page.limit, micros)))
}

fn closed_at(micros: i64) -> Result<Timestamp, Problem> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).map_err(|_| {
        let detail = "cursor must be the next_cursor of the page before";
        Problem::new(StatusCode::BAD_REQUEST, "invalid_cursor", detail)
    })
}

fn instant(name: &'static str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let parsed = text.map(|text| OffsetDateTime::parse(text, &Rfc3339)).transpose();
    parsed.map_err(|_| {
        let detail = format!("{name} is an instant such as 2026-01-02T15:00:00Z");
        unfit(name, detail)
    })
}

fn invalid(name: &'static str, unknown: &UnknownWord) -> Problem {
    unfit(name, unknown.to_string())
}

fn unfit(name: &'static str, detail: String) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_filter", detail.clone()).field(
        name,
        "invalid_filter",
        detail,
    )
}
