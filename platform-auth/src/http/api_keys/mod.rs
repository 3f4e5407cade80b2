//! API keys and service principals.

mod admin;
mod body;
mod own;
mod problem;
mod service;

pub use self::body::{
    ApiKeyBody, IssuedApiKeyBody, NewApiKeyBody, NewServicePrincipalBody, RotationBody, ServicePrincipalBody,
    ServicePrincipalChangeBody, ServicePrincipalStatus,
};

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Auth;

/// For users, below a base such as `/api/v1`.
pub(super) fn own_routes() -> OpenApiRouter<Auth> {
    OpenApiRouter::default()
        .routes(routes!(own::create, own::list))
        .routes(routes!(own::rotate))
        .routes(routes!(own::revoke))
}

/// For a tenant's admins, below a base such as `/admin/v1`.
pub(super) fn admin_routes() -> OpenApiRouter<Auth> {
    OpenApiRouter::default()
        .routes(routes!(admin::list))
        .routes(routes!(admin::one, admin::revoke))
        .routes(routes!(service::create, service::list))
        .routes(routes!(service::one, service::update, service::delete))
        .routes(routes!(service::disable))
        .routes(routes!(service::enable))
        .routes(routes!(service::create_key, service::list_keys))
        .routes(routes!(service::rotate_key))
        .routes(routes!(service::revoke_key))
}
