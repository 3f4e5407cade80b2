//! The market, for whoever runs it for all tenants.

use axum::extract::State;
use axum::http::StatusCode;
use platform_core::http::{Caller, Json, Path, Problem};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{MarketChange, MarketError, MarketSpeed, MarketState, Symbol, Trading};

/// What to set of the market; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MarketBody {
    /// Whether it stands still.
    #[serde(default)]
    paused: Option<bool>,
    /// How fast its time runs: 0.1 to 100 times as fast as the clock, with at most three decimals.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "10")]
    speed: Option<MarketSpeed>,
    /// Starts the simulator anew with this seed.
    #[serde(default)]
    #[schema(maximum = 9_223_372_036_854_775_807_i64)]
    seed: Option<u64>,
    /// Why.
    #[schema(example = "exercise of Friday", min_length = 1, max_length = 200)]
    reason: String,
}

/// How long the market falls silent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GapBody {
    /// In milliseconds.
    #[schema(example = 8000, minimum = 1, maximum = 600_000)]
    length_ms: u64,
    /// Why.
    #[schema(example = "test of stale quotes", min_length = 1, max_length = 200)]
    reason: String,
}

/// Why trading in a symbol is halted or goes on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SymbolBody {
    /// Why.
    #[schema(example = "news pending", min_length = 1, max_length = 200)]
    reason: String,
}

/// See how the market stands.
#[utoipa::path(
    get,
    path = "/trading/market",
    tag = "platform",
    operation_id = "get_market",
    responses(
        (status = 200, description = "How it stands.", body = MarketState),
        (status = 403, description = "`forbidden`: needs `platform:market` in the tenant that runs the market", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn state(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
) -> Result<Json<MarketState>, Problem> {
    Ok(Json(trading.market_state(&ctx).await?))
}

/// Set how the market runs, for everybody, now and after a restart.
#[utoipa::path(
    patch,
    path = "/trading/market",
    tag = "platform",
    operation_id = "set_market",
    request_body = MarketBody,
    responses(
        (status = 200, description = "How it stands now.", body = MarketState),
        (status = 403, description = "`forbidden`: needs `platform:market` in the tenant that runs the market", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body`, `invalid_reason`, `invalid_seed`, `nothing_to_change`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn set(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Json(body): Json<MarketBody>,
) -> Result<Json<MarketState>, Problem> {
    trading.may_run_market(&ctx)?;
    let change = MarketChange {
        paused: body.paused,
        speed: body.speed,
        seed: body.seed,
    };
    Ok(Json(trading.set_market(&ctx, change, &body.reason).await?))
}

/// Let the market fall silent for a time, where the service is configured for tests.
#[utoipa::path(
    post,
    path = "/trading/market/gap",
    tag = "platform",
    operation_id = "interrupt_market",
    request_body = GapBody,
    responses(
        (status = 200, description = "How it stands now.", body = MarketState),
        (status = 403, description = "`forbidden`: needs `platform:market` in the tenant that runs the market; `gaps_disabled`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body`, `invalid_reason`, `invalid_gap`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn gap(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Json(body): Json<GapBody>,
) -> Result<Json<MarketState>, Problem> {
    trading.may_run_market(&ctx)?;
    let length = std::time::Duration::from_millis(body.length_ms);
    Ok(Json(trading.interrupt_market(&ctx, length, &body.reason).await?))
}

/// Halt trading in a symbol, for everybody. Orders that rest keep waiting.
#[utoipa::path(
    post,
    path = "/trading/symbols/{symbol}/halt",
    tag = "platform",
    operation_id = "halt_symbol",
    params(("symbol" = Symbol, Path)),
    request_body = SymbolBody,
    responses(
        (status = 200, description = "How the market stands now.", body = MarketState),
        (status = 403, description = "`forbidden`: needs `platform:market` in the tenant that runs the market", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown_symbol`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`already_halted`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body`, `invalid_reason`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn halt(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Path(symbol): Path<String>,
    Json(body): Json<SymbolBody>,
) -> Result<Json<MarketState>, Problem> {
    trading.may_run_market(&ctx)?;
    let symbol = symbol.parse().map_err(|_| MarketError::UnknownSymbol)?;
    Ok(Json(trading.halt(&ctx, symbol, &body.reason).await?))
}

/// Let trading in a symbol go on, for everybody.
#[utoipa::path(
    post,
    path = "/trading/symbols/{symbol}/resume",
    tag = "platform",
    operation_id = "resume_symbol",
    params(("symbol" = Symbol, Path)),
    request_body = SymbolBody,
    responses(
        (status = 200, description = "How the market stands now.", body = MarketState),
        (status = 403, description = "`forbidden`: needs `platform:market` in the tenant that runs the market", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown_symbol`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`not_halted`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body`, `invalid_reason`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn resume(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Path(symbol): Path<String>,
    Json(body): Json<SymbolBody>,
) -> Result<Json<MarketState>, Problem> {
    trading.may_run_market(&ctx)?;
    let symbol = symbol.parse().map_err(|_| MarketError::UnknownSymbol)?;
    Ok(Json(trading.resume(&ctx, symbol, &body.reason).await?))
}

impl From<MarketError> for Problem {
    fn from(error: MarketError) -> Self {
        let (status, code) = match error {
            MarketError::Trading(error) => return error.into(),
            MarketError::InvalidReason => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_reason"),
            MarketError::NothingToChange => (StatusCode::UNPROCESSABLE_ENTITY, "nothing_to_change"),
            MarketError::InvalidSeed => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_seed"),
            MarketError::InvalidGap => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_gap"),
            MarketError::GapsDisabled => (StatusCode::FORBIDDEN, "gaps_disabled"),
            MarketError::UnknownSymbol => (StatusCode::NOT_FOUND, "unknown_symbol"),
            MarketError::AlreadyHalted => (StatusCode::CONFLICT, "already_halted"),
            MarketError::NotHalted => (StatusCode::CONFLICT, "not_halted"),
        };
        Self::new(status, code, error.to_string())
    }
}
