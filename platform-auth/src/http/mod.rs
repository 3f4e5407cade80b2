//! Routes, the authentication of requests, and the runtime module.
//!
//! | route, below its base | who | answers |
//! |---|---|---|
//! | `POST /auth/register` | a visitor of the tenant | 201, a token and the user |
//! | `POST /auth/login` | a visitor of the tenant | 200, a token and the user |
//! | `POST /auth/logout` | who has signed in | 204 |
//! | `GET /auth/me` | who has signed in | 200, the user |
//! | `GET /users` | an admin | 200, a page of users |
//! | `POST /users/{id}/erasure` | `subjects:erase` | 200 when the user is erased |
//! | `GET /users/{id}/erasure` | `subjects:erase` | 200, how far it is |
//! | `POST /users/{id}/holds` | `subjects:hold` | 201, a legal hold |
//! | `GET /users/{id}/holds` | `subjects:hold` | 200, the legal holds |
//! | `DELETE /users/{id}/holds/{hold_id}` | `subjects:hold` | 200, the hold that was released |
//!
//! [`Auth`] implements [`Authenticate`](platform_core::http::Authenticate) for the header `Authorization: Bearer`, and
//! [`Module`](platform_core::runtime::Module) with the routes under `/api/v1` and `/admin/v1`.

mod account;
mod authenticate;
mod body;
mod erasure;
mod module;
mod problem;
mod users;

pub use body::{RegisterBody, SignInBody, SignedInBody, TenantBody, UserBody};
pub use erasure::{ErasureBody, ErasureState, HoldBody, HoldListBody, HoldRequestBody};

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Auth;

impl Auth {
    /// The routes for users, below a base such as `/api/v1`, with their part of the OpenAPI document.
    ///
    /// To serve them under a second base without describing them twice, nest the plain router there:
    ///
    /// ```no_run
    /// # use platform_auth::Auth;
    /// use platform_core::axum::Router;
    /// use utoipa_axum::router::OpenApiRouter;
    ///
    /// # fn mount(auth: &Auth) -> (Router, utoipa::openapi::OpenApi) {
    /// let (router, document) = OpenApiRouter::new().nest("/api/v1", auth.api_routes()).split_for_parts();
    /// let alias = Router::from(auth.api_routes());
    /// (router.nest("/api", alias), document)
    /// # }
    /// ```
    pub fn api_routes(&self) -> OpenApiRouter {
        OpenApiRouter::default()
            .routes(routes!(account::register))
            .routes(routes!(account::login))
            .routes(routes!(account::logout))
            .routes(routes!(account::me))
            .with_state(self.clone())
    }

    /// The routes for a tenant's admins, below a base such as `/admin/v1`, with their part of the OpenAPI document.
    pub fn admin_routes(&self) -> OpenApiRouter {
        OpenApiRouter::default()
            .routes(routes!(users::list))
            .routes(routes!(erasure::erase, erasure::erasure))
            .routes(routes!(erasure::place_hold, erasure::list_holds))
            .routes(routes!(erasure::release_hold))
            .with_state(self.clone())
    }
}
