//! Grants.

use axum::extract::State;
use axum::http::StatusCode;
use platform_core::PrincipalId;
use platform_core::http::{Caller, Json, Page, PageQuery, Path, Problem, Query};
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::{GrantBody, NewGrantBody, ResourceBody};
use crate::{Auth, GrantFilter, GrantId, GrantPrincipal, GroupId, NewGrant, Role, RoleRef};

/// Which grants to list: those that match everything that is given.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct GrantQuery {
    /// Directly to this user or service principal.
    #[serde(default)]
    user_id: Option<PrincipalId>,
    /// Directly to this group.
    #[serde(default)]
    group_id: Option<GroupId>,
    /// Of this role: `user`, `admin`, or the id of one of the tenant's own.
    #[serde(default)]
    role: Option<String>,
    /// On a resource of this kind; needs `resource_id`.
    #[serde(default)]
    #[param(max_length = 64)]
    resource_kind: Option<String>,
    /// On this resource; needs `resource_kind`.
    #[serde(default)]
    #[param(max_length = 128)]
    resource_id: Option<String>,
    /// `true` for those that were revoked as well.
    #[serde(default)]
    revoked: Option<bool>,
}

/// Grant a role to a user, a service principal or a group.
#[utoipa::path(
    post,
    path = "/grants",
    tag = "access",
    operation_id = "create_grant",
    request_body = NewGrantBody,
    responses(
        (status = 201, description = "The grant.", body = GrantBody),
        (status = 403, description = "`forbidden`: needs `grants:manage`; `exceeds_own_rights`: the caller does not hold as much, as widely and as long", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`user_disabled`, `too_many`, `too_many_held`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_body` with the field to correct; there is no such role, user or group", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn create(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Json(body): Json<NewGrantBody>,
) -> Result<(StatusCode, Json<GrantBody>), Problem> {
    // Who may not grant at all is told that, whatever else is wrong.
    ctx.require(crate::GRANTS_MANAGE)?;
    let new = NewGrant {
        principal: body.principal.into(),
        role: role(&body.role).ok_or_else(no_role)?,
        on: body.resource.map(ResourceBody::into),
        valid_from: body.valid_from,
        valid_until: body.valid_until,
        reason: body.reason,
    };
    let grant = auth.grant_role(&ctx, new).await?;
    Ok((StatusCode::CREATED, Json(grant.into())))
}

/// List the grants in the order in which they were made.
#[utoipa::path(
    get,
    path = "/grants",
    tag = "access",
    operation_id = "list_grants",
    params(GrantQuery, PageQuery),
    responses(
        (status = 200, description = "A page of grants.", body = Page<GrantBody>),
        (status = 403, description = "`forbidden`: needs `grants:manage`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid_filter`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn list(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Query(query): Query<GrantQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<GrantBody>>, Problem> {
    let filter = query.filter()?;
    let page = page.resolve::<GrantId>()?;
    let grants = auth
        .list_grants(&ctx, &filter, page.after, page.limit + 1)
        .await?;
    let grants = grants.into_iter().map(GrantBody::from).collect();
    Ok(Json(Page::build(grants, page.limit, GrantBody::id)))
}

/// See a grant.
#[utoipa::path(
    get,
    path = "/grants/{id}",
    tag = "access",
    operation_id = "get_grant",
    params(("id" = GrantId, Path)),
    responses(
        (status = 200, description = "The grant.", body = GrantBody),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn one(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<GrantId>,
) -> Result<Json<GrantBody>, Problem> {
    let grant = auth.grant(&ctx, id).await?;
    grant
        .map(|grant| Json(grant.into()))
        .ok_or_else(Problem::not_found)
}

/// Revoke a grant: the next request does without.
///
/// Revoking it again answers the same.
#[utoipa::path(
    delete,
    path = "/grants/{id}",
    tag = "access",
    operation_id = "revoke_grant",
    params(("id" = GrantId, Path)),
    responses(
        (status = 200, description = "The grant, with when and by whom it was revoked.", body = GrantBody),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`last_admin`", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn revoke(
    State(auth): State<Auth>,
    Caller(ctx): Caller,
    Path(id): Path<GrantId>,
) -> Result<Json<GrantBody>, Problem> {
    let grant = auth.revoke_grant(&ctx, id).await?;
    Ok(Json(grant.into()))
}

impl GrantQuery {
    fn filter(self) -> Result<GrantFilter, Problem> {
        let principal = match (self.user_id, self.group_id) {
            (Some(_), Some(_)) => return Err(invalid("group_id", "a grant is to a user or to a group")),
            (user, group) => user
                .map(GrantPrincipal::User)
                .or(group.map(GrantPrincipal::Group)),
        };
        let role = match self.role.as_deref() {
            Some(text) => {
                Some(role(text).ok_or_else(|| invalid("role", "user, admin, or the id of a role"))?)
            }
            None => None,
        };
        Ok(GrantFilter {
            principal,
            role,
            on: super::explain::resource(self.resource_kind, self.resource_id)?,
            revoked: self.revoked.unwrap_or(false),
        })
    }
}

/// The word of a built-in role, or the id of another.
fn role(text: &str) -> Option<RoleRef> {
    let builtin = text.parse::<Role>().ok().map(RoleRef::BuiltIn);
    builtin.or_else(|| text.parse().ok().map(RoleRef::Custom))
}

fn no_role() -> Problem {
    Problem::invalid_body().field("role", "unknown", "there is no such role")
}

pub(super) fn invalid(field: &'static str, message: &'static str) -> Problem {
    let detail = "the filter has to be corrected";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_filter", detail).field(field, "invalid", message)
}
