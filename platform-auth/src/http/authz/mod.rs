//! Roles, groups and grants, for a tenant's admins.

mod body;
mod explain;
mod grants;
mod groups;
mod problem;
mod roles;

pub use self::body::{
    DecisionBody, GrantBody, GroupBody, GroupChangeBody, MemberBody, MembershipBody, NameBody, NewGrantBody,
    NewRoleBody, PermissionBody, PermissionListBody, PrincipalBody, PrincipalKindBody, ResourceBody,
    RoleBody, RoleChangeBody,
};

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Auth;

pub(super) fn routes() -> OpenApiRouter<Auth> {
    OpenApiRouter::default()
        .routes(routes!(roles::permissions))
        .routes(routes!(roles::create, roles::list))
        .routes(routes!(roles::one, roles::update, roles::delete))
        .routes(routes!(groups::create, groups::list))
        .routes(routes!(groups::one, groups::update, groups::delete))
        .routes(routes!(groups::add_member, groups::list_members))
        .routes(routes!(groups::remove_member))
        .routes(routes!(grants::create, grants::list))
        .routes(routes!(grants::one, grants::revoke))
        .routes(routes!(explain::explain))
}
