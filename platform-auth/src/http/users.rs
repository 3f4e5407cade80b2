//! The users of a tenant, for its admins.

use axum::extract::State;
use platform_core::PrincipalId;
use platform_core::http::{Caller, Json, Page, PageQuery, Problem, Query};

use super::body::UserBody;
use crate::Auth;

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
