//! Permissions, and the roles of a tenant's own.

use axum::extract::State;
use axum::http::StatusCode;
use platform_core::http::{Caller, Json, Page, PageQuery, Path, Problem, Query};

use super::body::{NewRoleBody, PermissionBody, PermissionListBody, RoleBody, RoleChangeBody};
use crate::{Auth, NewRole, RoleId, RoleUpdate};

/// List the permissions that there are.
#[utoipa::path(
    get,
    path = "/permissions",
    tag = "access",
    operation_id = "list_permissions",
    responses(
        (status = 200, description = "Every permission, by name.", body = PermissionListBody),
        (status = 403, description = "`forbidden`: needs `roles:manage` or `grants:manage`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn permissions(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
) -> Result<Json<PermissionListBody>, Problem> {
    let permissions = auth.permissions(&ctx)?;
    let data = permissions.into_iter().map(PermissionBody::from).collect();
    Ok(Json(PermissionListBody { data }))
}

/// Make a role.
#[utoipa::path(
    post,
    path = "/roles",
    tag = "access",
    operation_id = "create_role",
    request_body = NewRoleBody,
    responses(
        (status = 201, description = "The role.", body = RoleBody),
        (status = 403, description = "`forbidden`: needs `roles:manage`; `exceeds_own_rights`: the caller lacks one of the permissions", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`name_taken`, `too_many`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body` with the field to correct", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn create(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Json(body): Json<NewRoleBody>,
) -> Result<(StatusCode, Json<RoleBody>), Problem> {
    let NewRoleBody { name, permissions } = body;
    let role = auth.create_role(&ctx, NewRole { name, permissions }).await?;
    Ok((StatusCode::CREATED, Json(role.into())))
}

/// List the roles of the tenant's own in the order in which they were made.
#[utoipa::path(
    get,
    path = "/roles",
    tag = "access",
    operation_id = "list_roles",
    params(PageQuery),
    responses(
        (status = 200, description = "A page of roles.", body = Page<RoleBody>),
        (status = 403, description = "`forbidden`: needs `roles:manage` or `grants:manage`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn list(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<RoleBody>>, Problem> {
    let page = query.resolve::<RoleId>()?;
    let roles = auth.list_roles(&ctx, page.after, page.limit + 1).await?;
    let roles = roles.into_iter().map(RoleBody::from).collect();
    Ok(Json(Page::build(roles, page.limit, RoleBody::id)))
}

/// See a role.
#[utoipa::path(
    get,
    path = "/roles/{id}",
    tag = "access",
    operation_id = "get_role",
    params(("id" = RoleId, Path)),
    responses(
        (status = 200, description = "The role.", body = RoleBody),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn one(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<RoleId>,
) -> Result<Json<RoleBody>, Problem> {
    let role = auth.role(&ctx, id).await?;
    role.map(|role| Json(role.into())).ok_or_else(Problem::not_found)
}

/// Change a role, for everybody who has it.
#[utoipa::path(
    put,
    path = "/roles/{id}",
    tag = "access",
    operation_id = "update_role",
    params(("id" = RoleId, Path)),
    request_body = RoleChangeBody,
    responses(
        (status = 200, description = "The role as it is now.", body = RoleBody),
        (status = 403, description = "`forbidden`: needs `roles:manage`; `exceeds_own_rights`: the caller lacks a permission that is added, somewhere where the role is granted", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`stale` with the `version` that it has, `name_taken`, `last_admin`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body` with the field to correct", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn update(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<RoleId>,
    Json(body): Json<RoleChangeBody>,
) -> Result<Json<RoleBody>, Problem> {
    let update = RoleUpdate {
        version: body.version,
        name: body.name,
        permissions: body.permissions,
    };
    let role = auth.update_role(&ctx, id, update).await?;
    Ok(Json(role.into()))
}

/// Delete a role that nobody has.
#[utoipa::path(
    delete,
    path = "/roles/{id}",
    tag = "access",
    operation_id = "delete_role",
    params(("id" = RoleId, Path)),
    responses(
        (status = 204, description = "It is deleted."),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`in_use`: revoke its grants first", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn delete(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<RoleId>,
) -> Result<StatusCode, Problem> {
    auth.delete_role(&ctx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
