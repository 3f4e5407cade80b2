//! Quotes and what is traded.

use axum::extract::State;
use axum::http::StatusCode;
use platform_core::http::{Json, Path, Problem, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Instrument, PublishedQuote, Quote, Symbol, Trading};

/// How many symbols one request may name.
const BATCH_MAX: usize = 100;

/// A quote with its age judged.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct QuoteBody {
    /// The quote.
    #[serde(flatten)]
    quote: Quote,
    /// Whether it is too old to trade on.
    stale: bool,
}

/// Several quotes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct QuotesBody {
    data: Vec<QuoteBody>,
}

/// What is traded.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InstrumentsBody {
    data: Vec<Instrument>,
}

/// Which quotes are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BatchQuery {
    /// 1 to 100 symbols, separated by commas.
    #[param(example = "AAPL,MSFT")]
    symbols: String,
}

/// See the current quotes of everything that is traded.
#[utoipa::path(
    get,
    path = "/quotes",
    tag = "quotes",
    operation_id = "list_quotes",
    responses((status = 200, description = "The quotes in the order of their symbols.", body = QuotesBody)),
)]
pub(super) async fn all(State(trading): State<Trading>) -> Json<QuotesBody> {
    let data = trading
        .board()
        .all()
        .iter()
        .map(|quote| judged(&trading, quote))
        .collect();
    Json(QuotesBody { data })
}

/// See the current quotes of some symbols.
#[utoipa::path(
    get,
    path = "/quotes/batch",
    tag = "quotes",
    operation_id = "batch_quotes",
    params(BatchQuery),
    responses(
        (status = 200, description = "The quotes in the order that was asked for. A symbol without a quote yet is left out.", body = QuotesBody),
        (status = 404, description = "`unknown_symbol`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_symbols`", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn batch(
    State(trading): State<Trading>,
    Query(query): Query<BatchQuery>,
) -> Result<Json<QuotesBody>, Problem> {
    let names: Vec<&str> = query.symbols.split(',').map(str::trim).collect();
    if names.len() > BATCH_MAX {
        let detail = format!("ask for at most {BATCH_MAX} symbols at a time");
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_symbols",
            detail,
        ));
    }
    let mut data = Vec::new();
    for name in names {
        let malformed = || {
            Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_symbols",
                "name symbols, separated by commas",
            )
        };
        let symbol: Symbol = name.parse().map_err(|_| malformed())?;
        trading.board().instrument(symbol).ok_or_else(unknown_symbol)?;
        data.extend(
            trading
                .board()
                .latest(symbol)
                .map(|quote| judged(&trading, &quote)),
        );
    }
    Ok(Json(QuotesBody { data }))
}

/// See what is traded.
#[utoipa::path(
    get,
    path = "/quotes/stocks",
    tag = "quotes",
    operation_id = "list_stocks",
    responses((status = 200, description = "The instruments in the order of their symbols.", body = InstrumentsBody)),
)]
pub(super) async fn instruments(State(trading): State<Trading>) -> Json<InstrumentsBody> {
    Json(InstrumentsBody {
        data: trading.board().instruments().to_vec(),
    })
}

/// See the current quote of a symbol.
#[utoipa::path(
    get,
    path = "/quotes/{symbol}",
    tag = "quotes",
    operation_id = "get_quote",
    params(("symbol" = Symbol, Path)),
    responses(
        (status = 200, description = "The quote.", body = QuoteBody),
        (status = 404, description = "`unknown_symbol`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`no_quote`: there is none yet", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn one(
    State(trading): State<Trading>,
    Path(symbol): Path<String>,
) -> Result<Json<QuoteBody>, Problem> {
    let symbol: Symbol = symbol.parse().map_err(|_| unknown_symbol())?;
    trading.board().instrument(symbol).ok_or_else(unknown_symbol)?;
    let quote = trading.board().latest(symbol).ok_or_else(|| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "no_quote",
            "there is no quote of this symbol yet",
        )
        .retry_after(std::time::Duration::from_secs(1))
    })?;
    Ok(Json(judged(&trading, &quote)))
}

pub(super) fn judged(trading: &Trading, quote: &PublishedQuote) -> QuoteBody {
    let quote: &Quote = quote;
    QuoteBody {
        stale: trading.board().is_stale(quote, trading.now()),
        quote: quote.clone(),
    }
}

pub(super) fn unknown_symbol() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "unknown_symbol",
        "nothing with this symbol is traded here",
    )
}
