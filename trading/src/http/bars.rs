//! What symbols cost over time.

use axum::extract::State;
use axum::http::StatusCode;
use platform_core::Timestamp;
use platform_core::http::{Json, Page, PageQuery, Path, Problem, Query};
use serde::{Deserialize, Serialize};
use time::Duration;
use time::format_description::well_known::Rfc3339;
use utoipa::{IntoParams, ToSchema};

use crate::{BarQuery, MarketBar, Price, Symbol, Timeframe, Trading, Volume};

/// Which bars are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BarsQuery {
    /// How long the bars are: `1s`, `1m` or `1d`.
    #[param(example = "1m")]
    timeframe: String,
    /// The first moment at which a bar may begin. Left out: 200 bars before `end`.
    #[param(value_type = Option<String>, format = DateTime)]
    start: Option<String>,
    /// The first moment at which none may begin any more. Left out: now, with the bar that is being made.
    #[param(value_type = Option<String>, format = DateTime)]
    end: Option<String>,
}

/// A bar.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BarBody {
    /// When it begins.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    start: Timestamp,
    /// The first price.
    open: Price,
    /// The highest price.
    high: Price,
    /// The lowest price.
    low: Price,
    /// The last price.
    close: Price,
    /// The sizes that were displayed with the prices, added up. A simulated market reports no trades.
    #[schema(value_type = String, format = "decimal", example = "1200")]
    volume: Volume,
    /// How many quotes it is made of.
    n: u64,
    /// The average price by volume; null without a volume.
    vwap: Option<Price>,
    /// Whether its time is over.
    complete: bool,
}

/// See what a symbol cost, the oldest bar first. A stretch without a quote has no bar.
#[utoipa::path(
    get,
    path = "/bars/{symbol}",
    tag = "quotes",
    operation_id = "list_bars",
    params(("symbol" = Symbol, Path), BarsQuery, PageQuery),
    responses(
        (status = 200, description = "A page of bars. Those of a second go back an hour, those of a minute 90 days.", body = Page<BarBody>),
        (status = 404, description = "`unknown_symbol`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_timeframe`, `invalid_range`, `invalid_limit`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn list(
    State(trading): State<Trading>,
    Path(symbol): Path<String>,
    Query(query): Query<BarsQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<BarBody>>, Problem> {
    let symbol: Symbol = symbol.parse().map_err(|_| super::quotes::unknown_symbol())?;
    trading
        .board()
        .instrument(symbol)
        .ok_or_else(super::quotes::unknown_symbol)?;
    let timeframe: Timeframe = query
        .timeframe
        .parse()
        .map_err(|unknown: crate::UnknownTimeframe| {
            Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_timeframe",
                unknown.to_string(),
            )
        })?;
    let now = trading.now();
    let (start, end) = range(&query, timeframe, now)?;
    let page = page.resolve::<(i64,)>()?;
    let after = page
        .after
        .map(|(second,)| following(second, timeframe))
        .transpose()?;
    let wanted = BarQuery {
        symbol,
        timeframe,
        range: after.map_or(start, |after| after.max(start))..end,
        limit: page.limit + 1,
    };
    let bars = trading.bars(&wanted).await?;
    let page = Page::build(bars, page.limit, |bar| (bar.start.unix_timestamp(),));
    Ok(Json(page.map(|bar| body(&bar, timeframe, now))))
}

fn range(query: &BarsQuery, timeframe: Timeframe, now: Timestamp) -> Result<(Timestamp, Timestamp), Problem> {
    let end = query.end.as_deref().map(|text| moment("end", text)).transpose()?;
    // The bar that is being made began before now.
    let end = end.unwrap_or(now + Duration::MICROSECOND);
    let start = query
        .start
        .as_deref()
        .map(|text| moment("start", text))
        .transpose()?;
    let start = start.unwrap_or_else(|| end.saturating_sub(timeframe.length() * 200));
    if start > end {
        return Err(invalid("start", "out_of_range", "start must not be after end"));
    }
    Ok((start, end))
}

/// The moment after the start of the bar that the page before ended with.
fn following(second: i64, timeframe: Timeframe) -> Result<Timestamp, Problem> {
    let start = Timestamp::from_unix_timestamp(second).ok();
    let next = start.and_then(|start| start.checked_add(timeframe.length()));
    next.ok_or_else(|| {
        let detail = "cursor must be the next_cursor of the page before";
        Problem::new(StatusCode::BAD_REQUEST, "invalid_cursor", detail)
    })
}

fn moment(field: &'static str, text: &str) -> Result<Timestamp, Problem> {
    let parsed = Timestamp::parse(text, &Rfc3339).ok();
    parsed
        .filter(|at| (1970..=9_998).contains(&at.year()))
        .ok_or_else(|| invalid(field, "malformed", "a moment is written as 2026-11-23T14:30:00Z"))
}

fn invalid(field: &'static str, code: &'static str, detail: &'static str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_range", detail).field(field, code, detail)
}

fn body(bar: &MarketBar, timeframe: Timeframe, now: Timestamp) -> BarBody {
    BarBody {
        start: bar.start,
        open: bar.open,
        high: bar.high,
        low: bar.low,
        close: bar.close,
        volume: bar.volume,
        n: bar.quotes,
        vwap: bar.vwap(),
        complete: bar.start + timeframe.length() <= now,
    }
}
