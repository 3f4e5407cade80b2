//! The users of a tenant, for its admins.

use axum::extract::State;
use axum::http::StatusCode;
use platform_core::PrincipalId;
use platform_core::http::{Caller, Json, Page, PageQuery, Path, Problem, Query};

use super::body::{NewUserBody, UserBody, UserRoleBody};
use crate::{Auth, CreateUserError, USERS_MANAGE};

/// List the users of the tenant in the order in which they were made.
#[utoipa::path(
    get,
    path = "/users",
    tag = "users",
    operation_id = "list_users",
    params(PageQuery),
    responses(
        (status = 200, description = "A page of users.", body = Page<UserBody>),
        (status = 403, description = "`forbidden`: needs `tenant:admin`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn list(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<UserBody>>, Problem> {
    let page = query.resolve::<PrincipalId>()?;
    let users = auth.list_users(&ctx, page.after, page.limit + 1).await?;
    let tenant = auth.tenant(&ctx).await?;
    let users = users
        .into_iter()
        .map(|user| UserBody::new(user, &tenant))
        .collect();
    Ok(Json(Page::build(users, page.limit, UserBody::id)))
}

/// Make a user of the tenant.
///
/// The password is the first one, which the user should change. Where the service sends mail, it sends the user a token with which the
/// address is verified.
#[utoipa::path(
    post,
    path = "/users",
    tag = "users",
    operation_id = "create_user",
    request_body = NewUserBody,
    responses(
        (status = 201, description = "The user.", body = UserBody),
        (status = 403, description = "`forbidden`: needs `users:manage`; `exceeds_own_rights`: the role gives more than the caller holds", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`email_taken`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body` with the fields to correct", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`busy`, `unavailable`, `keys_unavailable`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn create(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Json(body): Json<NewUserBody>,
) -> Result<(StatusCode, Json<UserBody>), Problem> {
    // Who may not make users at all is told that, whatever else is wrong.
    ctx.require(USERS_MANAGE)?;
    let role = body.role();
    let user = auth.create_user(&ctx, body.into(), role).await?;
    let tenant = auth.tenant(&ctx).await?;
    Ok((StatusCode::CREATED, Json(UserBody::new(user, &tenant))))
}

/// See a user of the tenant.
#[utoipa::path(
    get,
    path = "/users/{id}",
    tag = "users",
    operation_id = "get_user",
    params(("id" = PrincipalId, Path)),
    responses(
        (status = 200, description = "The user.", body = UserBody),
        (status = 403, description = "`forbidden`: needs `tenant:admin`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn one(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<PrincipalId>,
) -> Result<Json<UserBody>, Problem> {
    let user = auth.user(&ctx, id).await?.ok_or_else(Problem::not_found)?;
    let tenant = auth.tenant(&ctx).await?;
    Ok(Json(UserBody::new(user, &tenant)))
}

/// Set what a user is to the tenant: from the user's next request on.
#[utoipa::path(
    put,
    path = "/users/{id}/role",
    tag = "users",
    operation_id = "set_user_role",
    params(("id" = PrincipalId, Path)),
    request_body = UserRoleBody,
    responses(
        (status = 204, description = "Set."),
        (status = 403, description = "`forbidden`: needs `users:manage`; `exceeds_own_rights`: the role gives more than the caller holds", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`last_admin`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn set_role(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<PrincipalId>,
    Json(body): Json<UserRoleBody>,
) -> Result<StatusCode, Problem> {
    ctx.require(USERS_MANAGE)?;
    auth.set_user_role(&ctx, id, body.role).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<CreateUserError> for Problem {
    fn from(error: CreateUserError) -> Self {
        match error {
            CreateUserError::Access(error) => error.into(),
            CreateUserError::Register(error) => error.into(),
        }
    }
}
