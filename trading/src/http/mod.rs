//! Routes, the stream of quotes, and the runtime module.
//!
//! | route, below its base | who | answers |
//! |---|---|---|
//! | `GET /quotes`, `/quotes/{symbol}`, `/quotes/batch?symbols=` | anybody | the current quotes |
//! | `GET /quotes/stocks` | anybody | what is traded |
//! | `GET /bars/{symbol}?timeframe=&start=&end=` | anybody | what a symbol cost over time |
//! | `GET /clock`, `/calendar?start=&end=` | anybody | whether the market is open; its sessions |
//! | `GET /ws` | anybody | a WebSocket with the quotes as they come and, signed in, what happens to the own account |
//! | `POST /ws/ticket` | who has signed in | 201, a ticket for the WebSocket |
//! | `POST /orders` | who may trade | 201, the order, its fills, the buying power |
//! | `GET /orders`, `/orders/{id}`, `/orders/{id}/executions`, `/orders/{id}/events`, `/orders/by-client-id/{client_order_id}` | who may trade | its own orders |
//! | `GET /orders/{id}/proof` | who may trade | what the audit trail says of its own order, with proofs |
//! | `DELETE /orders/{id}` | who may trade | the cancelled order |
//! | `GET`, `POST /watchlists`, `DELETE /watchlists/{id}`, `POST /watchlists/{id}/items`, `DELETE /watchlists/{id}/items/{symbol}` | who may trade | its own watchlists |
//! | `GET`, `POST /alerts`, `DELETE /alerts/{id}` | who may trade | its own alerts |
//! | `GET /orders`, `/orders/{id}`, `/orders/{id}/executions`, `/orders/by-client-id/{client_order_id}` | who may trade | its own orders |
//! | `POST /orders/preview` | who may trade | what an order would come to |
//! | `PATCH /orders/{id}` | who may trade | the changed order |
//! | `DELETE /orders` | who may trade | 207, what became of each open order |
//! | `GET /accounts/{id}` | who may view the account | its money and positions |
//! | `GET /accounts`, below `/admin/v1` | who may view all accounts | a page of accounts |
//! | `POST /trading/verification`, below `/admin/v1` | who may view all accounts | whether a page of accounts is what happened to it |
//! | `GET`, `PATCH /trading/market`, `POST /trading/market/gap`, below `/platform/v1` | who runs the market | how it stands |
//! | `POST /trading/symbols/{symbol}/halt`, `…/resume`, below `/platform/v1` | who runs the market | how it stands |
//! | `POST /trading/accounts/{id}/suspend`, `…/resume`, `…/close`, below `/admin/v1` | who may manage the account | the account |
//! | `POST /trading/accounts/{id}/adjustments`, `GET /trading/adjustments`, `POST /trading/adjustments/{id}/approve`, `…/refuse`, below `/admin/v1` | who may adjust cash | the adjustment |
//! | `GET /account`, `/account/activities`, `/account/statements?date=`, `/orders/export`, `/portfolio`, `/portfolio/history`, `/portfolio/positions`, `/portfolio/positions/{symbol}` | who may trade | its own money |

mod account;
mod account_admin;
mod activities;
mod adjustments;
mod alerts;
mod bars;
mod clock;
mod export;
mod market_admin;
mod module;
mod orders;
mod orders_cancel_all;
mod orders_preview;
mod orders_replace;
mod problem;
mod proof;
mod quotes;
mod stream;
mod verify;
mod watchlists;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Trading;
pub use module::TradingModule;
pub use stream::{STREAM_PERMISSIONS, StreamBackends, StreamConfig};

impl Trading {
    /// The routes below a base such as `/api/v1`, with their part of the OpenAPI document; without the stream of quotes, which
    /// [`TradingModule`] adds.
    pub fn api_routes(&self) -> OpenApiRouter {
        OpenApiRouter::default()
            .routes(routes!(quotes::all))
            .routes(routes!(quotes::batch))
            .routes(routes!(quotes::instruments))
            .routes(routes!(quotes::one))
            .routes(routes!(bars::list))
            .routes(routes!(clock::clock))
            .routes(routes!(clock::calendar))
            .routes(routes!(
                orders::place,
                orders::list,
                orders_cancel_all::cancel_all
            ))
            .routes(routes!(orders::one, orders::cancel, orders_replace::replace))
            .routes(routes!(orders_preview::preview))
            .routes(routes!(orders::executions))
            .routes(routes!(orders::events))
            .routes(routes!(orders::by_client_id))
            .routes(routes!(proof::proof))
            .routes(routes!(account::account))
            .routes(routes!(account::portfolio))
            .routes(routes!(account::positions))
            .routes(routes!(account::position))
            .routes(routes!(account::of_another))
            .routes(routes!(watchlists::list, watchlists::create))
            .routes(routes!(export::orders))
            .routes(routes!(export::statement))
            .routes(routes!(activities::activities))
            .routes(routes!(activities::history))
            .routes(routes!(alerts::list, alerts::create))
            .routes(routes!(alerts::delete))
            .routes(routes!(watchlists::delete))
            .routes(routes!(watchlists::add))
            .routes(routes!(watchlists::remove))
            .with_state(self.clone())
    }

    /// The routes for whoever looks after the accounts of a tenant, below a base such as `/admin/v1`, with their part of the OpenAPI
    /// document.
    pub fn admin_routes(&self) -> OpenApiRouter {
        OpenApiRouter::default()
            .routes(routes!(account::list))
            .routes(routes!(verify::verify))
            .routes(routes!(account_admin::suspend))
            .routes(routes!(account_admin::resume))
            .routes(routes!(account_admin::close))
            .routes(routes!(adjustments::adjust))
            .routes(routes!(adjustments::list))
            .routes(routes!(adjustments::approve))
            .routes(routes!(adjustments::refuse))
            .with_state(self.clone())
    }

    /// The routes for whoever runs the market of all tenants, below a base such as `/platform/v1`, with their part of the OpenAPI
    /// document.
    pub fn platform_routes(&self) -> OpenApiRouter {
        OpenApiRouter::default()
            .routes(routes!(market_admin::state, market_admin::set))
            .routes(routes!(market_admin::gap))
            .routes(routes!(market_admin::halt))
            .routes(routes!(market_admin::resume))
            .with_state(self.clone())
    }
}
