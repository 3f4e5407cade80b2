//! Lists of symbols with their quotes.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use platform_core::Timestamp;
use platform_core::http::{Caller, Json, Path, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::quotes::{QuoteBody, judged};
use crate::{Symbol, Trading, Watched, Watchlist, WatchlistError, WatchlistId};

/// A watchlist.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WatchlistBody {
    id: WatchlistId,
    name: String,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// In the order in which they were added.
    items: Vec<WatchedBody>,
}

/// A symbol on a watchlist.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WatchedBody {
    symbol: Symbol,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    added_at: Timestamp,
    /// The current quote; null while there is none.
    quote: Option<QuoteBody>,
}

/// One's watchlists.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WatchlistsBody {
    data: Vec<WatchlistBody>,
}

/// A watchlist to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWatchlistBody {
    /// Unlike those of one's other lists, without a space at either end.
    #[schema(example = "Chips", min_length = 1, max_length = 64)]
    name: String,
    /// What is on it from the beginning.
    #[serde(default)]
    #[schema(max_items = 100)]
    symbols: Vec<Symbol>,
}

/// A symbol to watch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WatchBody {
    symbol: Symbol,
}

/// See one's watchlists with the current quotes, the oldest list first.
///
/// A new account has one, `My Watchlist`. There are at most 20 of 100 symbols each, so they come without pages.
#[utoipa::path(
    get,
    path = "/watchlists",
    tag = "watchlists",
    operation_id = "list_watchlists",
    responses((status = 200, description = "The watchlists.", body = WatchlistsBody)),
    security(("bearer" = [])),
)]
pub(super) async fn list(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
) -> Result<Json<WatchlistsBody>, Problem> {
    let lists = trading.watchlists(&ctx).await?;
    let data = lists.into_iter().map(|list| quoted(&trading, list)).collect();
    Ok(Json(WatchlistsBody { data }))
}

/// Make a watchlist.
#[utoipa::path(
    post,
    path = "/watchlists",
    tag = "watchlists",
    operation_id = "create_watchlist",
    request_body = NewWatchlistBody,
    responses(
        (status = 201, description = "The watchlist.", body = WatchlistBody),
        (status = 409, description = "`name_taken`, `too_many`: there are 20", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_name`, `unknown_symbol`, `too_many_symbols`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn create(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Json(body): Json<NewWatchlistBody>,
) -> Result<Response, Problem> {
    let list = trading.create_watchlist(&ctx, &body.name, &body.symbols).await?;
    Ok((StatusCode::CREATED, Json(quoted(&trading, list))).into_response())
}

/// Delete a watchlist.
#[utoipa::path(
    delete,
    path = "/watchlists/{id}",
    tag = "watchlists",
    operation_id = "delete_watchlist",
    params(("id" = WatchlistId, Path)),
    responses(
        (status = 204, description = "It is gone."),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn delete(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Path(id): Path<WatchlistId>,
) -> Result<StatusCode, Problem> {
    trading.delete_watchlist(&ctx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Put a symbol on a watchlist. One that is on it already stays where it is.
#[utoipa::path(
    post,
    path = "/watchlists/{id}/items",
    tag = "watchlists",
    operation_id = "add_to_watchlist",
    params(("id" = WatchlistId, Path)),
    request_body = WatchBody,
    responses(
        (status = 201, description = "The watchlist with the symbol.", body = WatchlistBody),
        (status = 200, description = "The symbol was on it before.", body = WatchlistBody),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`unknown_symbol`, `too_many_symbols`: there are 100", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn add(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Path(id): Path<WatchlistId>,
    Json(body): Json<WatchBody>,
) -> Result<Response, Problem> {
    let (list, is_new) = trading.watch(&ctx, id, body.symbol).await?;
    let status = match is_new {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    Ok((status, Json(quoted(&trading, list))).into_response())
}

/// Take a symbol off a watchlist.
#[utoipa::path(
    delete,
    path = "/watchlists/{id}/items/{symbol}",
    tag = "watchlists",
    operation_id = "remove_from_watchlist",
    params(("id" = WatchlistId, Path), ("symbol" = Symbol, Path)),
    responses(
        (status = 204, description = "It is off the list."),
        (status = 404, description = "`not_found`: there is no such list, or the symbol is not on it", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn remove(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Path((id, symbol)): Path<(WatchlistId, String)>,
) -> Result<StatusCode, Problem> {
    let symbol: Symbol = symbol.parse().map_err(|_| Problem::not_found())?;
    trading.unwatch(&ctx, id, symbol).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn quoted(trading: &Trading, list: Watchlist) -> WatchlistBody {
    let item = |watched: Watched| {
        let quote = trading.board().latest(watched.symbol);
        WatchedBody {
            symbol: watched.symbol,
            added_at: watched.added_at,
            quote: quote.map(|quote| judged(trading, &quote)),
        }
    };
    WatchlistBody {
        id: list.id,
        name: list.name,
        created_at: list.created_at,
        items: list.items.into_iter().map(item).collect(),
    }
}

impl From<WatchlistError> for Problem {
    fn from(error: WatchlistError) -> Self {
        let text = error.to_string();
        let (status, code, field) = match error {
            WatchlistError::NotFound => return Self::not_found(),
            WatchlistError::Trading(error) => return error.into(),
            WatchlistError::InvalidName => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_name", Some("name")),
            WatchlistError::NameTaken => (StatusCode::CONFLICT, "name_taken", Some("name")),
            WatchlistError::UnknownSymbol(_) => (StatusCode::UNPROCESSABLE_ENTITY, "unknown_symbol", None),
            WatchlistError::TooMany => (StatusCode::CONFLICT, "too_many", None),
            WatchlistError::TooManySymbols => (StatusCode::UNPROCESSABLE_ENTITY, "too_many_symbols", None),
        };
        let problem = Self::new(status, code, text.clone());
        match field {
            Some(field) => problem.field(field, code, text),
            None => problem,
        }
    }
}
