//! Looking after other tenants, for the platform's operators and for the admins of the tenants above.

mod body;
mod children;
mod platform;
mod problem;

pub use self::body::{
    FirstAdminBody, InviteAdminBody, MadeTenantBody, NewTenantBody, OverseenTenantBody, WhyBody,
};

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Auth;

/// For a tenant's admins, after those below it.
pub(super) fn routes_of_parents() -> OpenApiRouter<Auth> {
    OpenApiRouter::default()
        .routes(routes!(children::create, children::list))
        .routes(routes!(children::one))
        .routes(routes!(children::suspend))
        .routes(routes!(children::resume))
        .routes(routes!(children::invite))
}

/// For the operators, after all of them.
pub(super) fn routes_of_operators() -> OpenApiRouter<Auth> {
    OpenApiRouter::default()
        .routes(routes!(platform::create, platform::list))
        .routes(routes!(platform::one))
        .routes(routes!(platform::suspend))
        .routes(routes!(platform::resume))
        .routes(routes!(platform::close))
        .routes(routes!(platform::invite))
}
