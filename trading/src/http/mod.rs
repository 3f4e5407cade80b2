//! Routes, the stream of quotes, and the runtime module.
//!
//! | route, below its base | who | answers |
//! |---|---|---|
//! | `GET /quotes`, `/quotes/{symbol}`, `/quotes/batch?symbols=` | anybody | the current quotes |
//! | `GET /quotes/stocks` | anybody | what is traded |
//! | `GET /ws` | anybody | a WebSocket with the quotes as they come and, signed in, what happens to the own account |
//! | `POST /ws/ticket` | who has signed in | 201, a ticket for the WebSocket |
//! | `POST /orders` | who may trade | 201, the order, its fills, the buying power |
//! | `GET /orders`, `/orders/{id}`, `/orders/{id}/executions`, `/orders/{id}/events`, `/orders/by-client-id/{client_order_id}` | who may trade | its own orders |
//! | `GET /orders/{id}/proof` | who may trade | what the audit trail says of its own order, with proofs |
//! | `DELETE /orders/{id}` | who may trade | the cancelled order |
//! | `GET /accounts/{id}` | who may view the account | its money and positions |
//! | `GET /accounts`, below `/admin/v1` | who may view all accounts | a page of accounts |
//! | `GET /account`, `/portfolio`, `/portfolio/positions`, `/portfolio/positions/{symbol}` | who may trade | its own money |

mod account;
mod module;
mod orders;
mod problem;
mod proof;
mod quotes;
mod stream;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Trading;
pub use module::TradingModule;
pub use stream::{StreamBackends, StreamConfig};

impl Trading {
    /// The routes below a base such as `/api/v1`, with their part of the OpenAPI document; without the stream of quotes, which
    /// [`TradingModule`] adds.
    pub fn api_routes(&self) -> OpenApiRouter {
        OpenApiRouter::default()
            .routes(routes!(quotes::all))
            .routes(routes!(quotes::batch))
            .routes(routes!(quotes::instruments))
            .routes(routes!(quotes::one))
            .routes(routes!(orders::place, orders::list))
            .routes(routes!(orders::one, orders::cancel))
            .routes(routes!(orders::executions))
            .routes(routes!(orders::events))
            .routes(routes!(orders::by_client_id))
            .routes(routes!(proof::proof))
            .routes(routes!(account::account))
            .routes(routes!(account::portfolio))
            .routes(routes!(account::positions))
            .routes(routes!(account::position))
            .routes(routes!(account::of_another))
            .with_state(self.clone())
    }

    /// The routes for whoever looks after the accounts of a tenant, below a base such as `/admin/v1`, with their part of the OpenAPI
    /// document.
    pub fn admin_routes(&self) -> OpenApiRouter {
        OpenApiRouter::default()
            .routes(routes!(account::list))
            .with_state(self.clone())
    }
}
