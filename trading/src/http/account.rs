//! One's own cash and positions.

use axum::extract::State;
use platform_core::http::{Caller, Json, Page, PageQuery, Path, Problem, Query};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{AccountId, AccountView, ListedAccount, Portfolio, PositionView, Symbol, Trading};

/// One's positions.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PositionsBody {
    data: Vec<PositionView>,
}

/// See one's account. The first look opens it.
#[utoipa::path(
    get,
    path = "/account",
    tag = "portfolio",
    operation_id = "get_account",
    responses((status = 200, description = "The account.", body = AccountView)),
    security(("bearer" = [])),
)]
pub(super) async fn account(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
) -> Result<Json<AccountView>, Problem> {
    Ok(Json(trading.account(&ctx).await?))
}

/// See what one owns and what it is worth.
#[utoipa::path(
    get,
    path = "/portfolio",
    tag = "portfolio",
    operation_id = "get_portfolio",
    responses((status = 200, description = "The portfolio.", body = Portfolio)),
    security(("bearer" = [])),
)]
pub(super) async fn portfolio(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
) -> Result<Json<Portfolio>, Problem> {
    Ok(Json(trading.portfolio(&ctx).await?))
}

/// See one's positions.
#[utoipa::path(
    get,
    path = "/portfolio/positions",
    tag = "portfolio",
    operation_id = "list_positions",
    responses((status = 200, description = "The positions in the order of their symbols.", body = PositionsBody)),
    security(("bearer" = [])),
)]
pub(super) async fn positions(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
) -> Result<Json<PositionsBody>, Problem> {
    let portfolio = trading.portfolio(&ctx).await?;
    Ok(Json(PositionsBody {
        data: portfolio.positions,
    }))
}

/// See one's position in a symbol.
#[utoipa::path(
    get,
    path = "/portfolio/positions/{symbol}",
    tag = "portfolio",
    operation_id = "get_position",
    params(("symbol" = Symbol, Path)),
    responses(
        (status = 200, description = "The position.", body = PositionView),
        (status = 404, description = "`not_found`: one never had any", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn position(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Path(symbol): Path<String>,
) -> Result<Json<PositionView>, Problem> {
    let symbol: Symbol = symbol.parse().map_err(|_| Problem::not_found())?;
    let position = trading.position(&ctx, symbol).await?;
    position.map(Json).ok_or_else(Problem::not_found)
}

/// See what is in an account of the tenant, and what it is worth.
#[utoipa::path(
    get,
    path = "/accounts/{id}",
    tag = "portfolio",
    operation_id = "get_portfolio_of",
    params(("id" = AccountId, Path)),
    responses(
        (status = 200, description = "The portfolio.", body = Portfolio),
        (status = 404, description = "`not_found`: there is no such account, or the caller does not hold `trading:view` on it", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn of_another(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Path(id): Path<AccountId>,
) -> Result<Json<Portfolio>, Problem> {
    let portfolio = trading.portfolio_of(&ctx, id).await?;
    portfolio.map(Json).ok_or_else(Problem::not_found)
}

/// List the accounts of the tenant in the order in which they were opened.
#[utoipa::path(
    get,
    path = "/accounts",
    tag = "accounts",
    operation_id = "list_accounts",
    params(PageQuery),
    responses(
        (status = 200, description = "A page of accounts.", body = Page<ListedAccount>),
        (status = 403, description = "`forbidden`: needs `trading:view` in the whole tenant", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn list(
    State(trading): State<Trading>,
    Caller(ctx): Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<ListedAccount>>, Problem> {
    let page = query.resolve::<AccountId>()?;
    let accounts = trading.accounts(&ctx, page.after, page.limit + 1).await?;
    Ok(Json(Page::build(accounts, page.limit, |account| account.id)))
}
