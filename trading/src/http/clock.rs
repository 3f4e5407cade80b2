//! When the market is open.

use axum::extract::State;
use axum::http::StatusCode;
use platform_core::Timestamp;
use platform_core::http::{Json, Problem, Query};
use serde::{Deserialize, Serialize};
use time::macros::format_description;
use time::{Date, Duration};
use utoipa::{IntoParams, ToSchema};

use crate::{MarketClock, Trading, TradingDay};

/// How many days one request may span: a year and the day it may be longer.
const DAYS_MAX: i64 = 366;
/// How many days are answered when the client does not say.
const DAYS_DEFAULT: Duration = Duration::days(30);

/// The days that are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CalendarQuery {
    /// The first day, such as `2026-11-23`; today where it is left out.
    #[param(value_type = Option<String>, format = Date)]
    start: Option<String>,
    /// The first day that is not asked for any more, at most 366 days on; 30 days on where it is left out.
    #[param(value_type = Option<String>, format = Date)]
    end: Option<String>,
}

/// Days with trading.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CalendarBody {
    data: Vec<TradingDayBody>,
}

/// A day with trading.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TradingDayBody {
    /// The date at the market's place.
    #[schema(value_type = String, format = Date)]
    date: String,
    /// When trading begins.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    open: Timestamp,
    /// When it ends.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    close: Timestamp,
    /// Whether it ends before its usual time.
    early_close: bool,
}

impl From<TradingDay> for TradingDayBody {
    fn from(day: TradingDay) -> Self {
        Self {
            date: day.date.to_string(),
            open: day.session.open,
            close: day.session.close,
            early_close: day.early_close,
        }
    }
}

/// See whether the market is open, and when it opens and closes next.
#[utoipa::path(
    get,
    path = "/clock",
    tag = "quotes",
    operation_id = "get_clock",
    responses((status = 200, description = "The clock.", body = MarketClock)),
)]
pub(super) async fn clock(State(trading): State<Trading>) -> Json<MarketClock> {
    Json(trading.board().calendar().clock(trading.now()))
}

/// See the days with trading, with the times between which there is.
#[utoipa::path(
    get,
    path = "/calendar",
    tag = "quotes",
    operation_id = "list_trading_days",
    params(CalendarQuery),
    responses(
        (status = 200, description = "The days in their order; those without trading are left out.", body = CalendarBody),
        (status = 422, description = "`invalid_range`", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn calendar(
    State(trading): State<Trading>,
    Query(query): Query<CalendarQuery>,
) -> Result<Json<CalendarBody>, Problem> {
    let calendar = trading.board().calendar();
    let start = query
        .start
        .as_deref()
        .map(|text| date("start", text))
        .transpose()?;
    let start = start.unwrap_or_else(|| calendar.date_at(trading.now()));
    let end = query.end.as_deref().map(|text| date("end", text)).transpose()?;
    let end = end.unwrap_or_else(|| start.saturating_add(DAYS_DEFAULT));
    if !(0..=DAYS_MAX).contains(&(end - start).whole_days()) {
        let detail = format!("end must not be before start, and at most {DAYS_MAX} days after it");
        return Err(invalid("end", "out_of_range", detail));
    }
    let data = calendar.days(start..end).map(TradingDayBody::from).collect();
    Ok(Json(CalendarBody { data }))
}

/// A date of four digits for the year, so that every answer can be written.
fn date(field: &'static str, text: &str) -> Result<Date, Problem> {
    let parsed = Date::parse(text, format_description!("[year]-[month]-[day]")).ok();
    parsed
        .filter(|date| (1970..=9_998).contains(&date.year()))
        .ok_or_else(|| {
            let detail = format!("{field} must be a date from 1970 on, such as 2026-11-23");
            invalid(field, "malformed", detail)
        })
}

fn invalid(field: &'static str, code: &'static str, detail: String) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_range", detail.clone()).field(field, code, detail)
}
